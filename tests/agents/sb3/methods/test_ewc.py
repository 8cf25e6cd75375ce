"""The Fisher information by hand, and what EWC makes of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from legion_bench.agents.sb3.methods.ewc import fisher_outputs
from legion_bench.agents.sb3.methods.sensitivity import mean_sensitivity
from tests.conftest import MakeSetup

from .anchored import ALGORITHMS, inputs, make, method_of, visit

TASKS = ("reach", "push", "door-open")


class LinearGaussian(nn.Module):
    """Mean ``W x + b``, log deviations of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Linear(2, 2)
        self.log_std = nn.Parameter(torch.tensor([0.0, -1.0]))

    def outputs(self, observations: Tensor, _: Tensor) -> Tensor:
        mean = self.mean(observations)
        return fisher_outputs(mean, self.log_std.expand_as(mean))


def fisher(policy: Any, names: list[str], observations: Tensor) -> list[Tensor]:
    samples = observations, torch.zeros(len(observations), 1)
    return mean_sensitivity(policy, names, policy.outputs, samples, lambda g: g.square().sum(1))


def test_a_linear_gaussian_policy_by_hand() -> None:
    """E[x xᵀ] / variance: x is (1, 2) and (3, 0), so that E[x²] is (5, 2)."""
    observations = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    weight, bias, log_std = fisher(LinearGaussian(), ["mean.weight", "mean.bias", "log_std"], observations)
    e2 = torch.tensor(2.0).exp()
    torch.testing.assert_close(weight, torch.tensor([[5.0, 2.0], [5 * e2, 2 * e2]]), rtol=1e-4, atol=0)
    torch.testing.assert_close(bias, torch.stack([torch.ones(()), e2]), rtol=1e-4, atol=0)
    torch.testing.assert_close(log_std, torch.tensor([2.0, 2.0]))


class Both(nn.Module):
    """One number that mean and log deviation both depend on, and on the observation."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([0.3]))

    def policy(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        return (self.theta * observations).sin(), self.theta.square() * observations

    def outputs(self, observations: Tensor, _: Tensor) -> Tensor:
        return fisher_outputs(*self.policy(observations))


def test_it_is_the_expected_square_of_the_score() -> None:
    """The definition, with a hundred thousand actions drawn."""
    policy, observation = Both().double(), torch.tensor([[0.7]]).double()
    with torch.no_grad():
        mean, log_std = policy.policy(observation)
        noise = torch.randn(100_000, dtype=torch.double, generator=torch.Generator().manual_seed(0))
        actions = mean[0] + log_std[0].exp() * noise

    def log_density(theta: float) -> Tensor:
        policy.theta.data.fill_(theta)
        mean, log_std = policy.policy(observation)
        return -0.5 * ((actions - mean[0]) / log_std[0].exp()).square() - log_std[0]

    score = (log_density(0.3 + 1e-5) - log_density(0.3 - 1e-5)) / 2e-5
    policy.theta.data.fill_(0.3)
    (found,) = fisher(policy, ["theta"], observation)
    torch.testing.assert_close(found[0], score.square().mean().detach(), rtol=0.02, atol=0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("squashed", [True, False])
@pytest.mark.parametrize("part", ["actor", "critic"])
def test_an_agents_importances(algorithm: str, squashed: bool, part: Any, make_setup: MakeSetup) -> None:
    """Where all samples are the same one, against plain differentiation."""
    setup = make_setup(*TASKS)
    method = {"name": "ewc", "samples": 3, "squashed": squashed, "regularize_critic": True}
    rollout = {"options": {"n_steps": 2, "batch_size": 2}} if algorithm == "PPO" else {}
    agent = make(setup, method, algorithm=algorithm, **rollout)
    visit(agent, setup.tasks[0], 2 if algorithm == "PPO" else 1, end=False)
    learner, found = method_of(agent).learner, method_of(agent)
    if algorithm == "PPO":
        found._rollout = inputs().numpy()  # type: ignore[attr-defined]
        observations, actions = inputs(), torch.zeros(1, 4)
    else:
        sample = learner.sample(1)
        observations, actions = sample.observations, sample.actions
    if part == "critic":
        terms = [(value, torch.ones(())) for value in learner.values(observations, actions)[0]]
    else:
        mean, log_std = learner.policy(observations)
        mean = mean.tanh() if algorithm == "SAC" and squashed else mean
        terms = [(value, (-2 * log).exp()) for value, log in zip(mean[0], log_std.detach()[0], strict=True)]
        if algorithm != "TD3":
            terms += [(value, torch.tensor(2.0)) for value in log_std[0]]
    agent.end_task(setup.tasks[0])
    shared = learner.shared(part)
    for importance, by in zip(found._importances[part], shared.values(), strict=True):
        expected = torch.zeros_like(by)
        for value, weight in terms:
            (gradient,) = torch.autograd.grad(value, by, retain_graph=True, allow_unused=True)
            expected += 0 if gradient is None else weight * gradient.square()
        if part == "actor":
            expected = expected.clamp(min=1e-5)
        torch.testing.assert_close(importance, expected, rtol=1e-3, atol=1e-9)


def test_a_decay_of_one_is_ewc(make_setup: MakeSetup) -> None:
    setup = make_setup(*TASKS)
    agents = [make(setup, {"name": "ewc"}), make(setup, {"name": "online-ewc", "decay": 1.0})]
    for agent in agents:
        for task in setup.tasks:
            visit(agent, task)
    one, other = (method_of(agent)._importances["actor"] for agent in agents)
    assert all(map(torch.equal, one, other))


def test_past_tasks_fade(make_setup: MakeSetup) -> None:
    setup = make_setup(*TASKS)
    agent = make(setup, {"name": "online-ewc", "decay": 0.25})
    method: Any = method_of(agent)
    measured = iter([[torch.full((2,), 4.0)], [torch.full((2,), 8.0)], [torch.full((2,), 16.0)]])
    method.importances = lambda part: next(measured)
    for task, expected in zip(setup.tasks, [4.0, 9.0, 18.25], strict=True):
        agent.end_task(task)
        assert method._importances["actor"][0].tolist() == [expected] * 2


def test_normalised_importances_have_mean_one(make_setup: MakeSetup) -> None:
    setup = make_setup(*TASKS)
    found = {}
    for normalize in (False, True):
        agent = make(setup, {"name": "online-ewc", "normalize": normalize, "regularize_critic": True})
        visit(agent, setup.tasks[0])
        for part, values in method_of(agent)._importances.items():
            found[part, normalize] = torch.cat([value.flatten() for value in values])
    for part in ("actor", "critic"):
        plain, normalised = found[part, False], found[part, True]
        assert float(normalised.mean()) == pytest.approx(1.0, rel=1e-5)
        torch.testing.assert_close(normalised * plain.mean(), plain)
        assert float(plain.mean()) != pytest.approx(1.0, rel=1e-2)
