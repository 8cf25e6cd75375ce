"""Behaviour cloning: the distance and its gradient, what is kept, who explores, and what is not forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.learner import Part
from legion_bench.agents.sb3.methods.cloning import CloningOptions, divergence
from legion_bench.agents.sb3.rng import GlobalRng
from legion_bench.errors import CardError
from legion_bench.types import Transitions
from tests.agents.sb3 import toy

from .lives import SETUP, STEPS, build, fine_tuned, go_on, lived, same_weights, toy_returns

CLONING = {
    "name": "cloning",
    "memory_per_task": 30,
    "batch_size": 16,
    "actor_coefficient": 2.5,
    "critic_coefficient": 0.5,
}
every_part = pytest.mark.parametrize("part", ["actor", "critic"])
every_algorithm = pytest.mark.parametrize("algorithm", ["SAC", "TD3"])


@pytest.fixture(autouse=True)
def own_randomness() -> Iterator[None]:
    """Hooks that a test calls itself draw from the global generators."""
    with GlobalRng():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        yield


def test_the_divergence_is_that_of_stored_from_current() -> None:
    torch.manual_seed(0)
    mean, log_std, other_mean, other_log_std = torch.randn(4, 20, 4, dtype=torch.float64)
    stored, current = Normal(mean, log_std.exp()), Normal(other_mean, other_log_std.exp())
    found = divergence(mean, log_std, other_mean, other_log_std)
    torch.testing.assert_close(found, kl_divergence(stored, current).sum(1))
    assert not torch.allclose(found, kl_divergence(current, stored).sum(1)), "it has a direction"


def on_task_1(algorithm: str = "SAC", **parameters: Any) -> Any:
    """Return an agent in its second visit, past its warm-up."""
    agent = lived(1, algorithm, **{"method": CLONING, **parameters})
    agent.begin_task(SETUP.tasks[1])
    go_on(agent, 70)
    return agent


def added(agent: Any, part: Part) -> list[torch.Tensor]:
    """Return what the method adds to gradients of ones, and leave the draws as they were."""
    state, parameters = torch.get_rng_state(), agent._method.learner.parameters(part).values()
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    agent._method.on_gradients(part)
    torch.set_rng_state(state)
    return [parameter.grad - 1 for parameter in parameters]


@every_algorithm
@every_part
@pytest.mark.parametrize("heads", [False, True])
def test_what_is_added_is_the_gradient_of_the_distance(algorithm: str, part: Part, heads: bool) -> None:
    agent = on_task_1(algorithm, heads=heads)
    learner, state = agent._method.learner, torch.get_rng_state()
    observations, mean, log_std, actions, values = agent._method._memory.sample(16)
    torch.set_rng_state(state)
    if part == "actor":
        now_mean, now_log_std = learner.policy(observations)
        stored, current = Normal(mean, log_std.exp()), Normal(now_mean, now_log_std.exp())
        loss = 2.5 * kl_divergence(stored, current).sum(1).mean()
    else:
        one, two = agent.model.critic(observations, actions)
        loss = 0.5 * (((one[:, 0] - values[:, 0]) ** 2).mean() + ((two[:, 0] - values[:, 1]) ** 2).mean())
    assert loss > 0
    expected = torch.autograd.grad(loss, list(learner.parameters(part).values()))
    for gradient, right in zip(added(agent, part), expected, strict=True):
        torch.testing.assert_close(gradient, right, rtol=1e-4, atol=1e-5)


@every_algorithm
@every_part
def test_networks_that_have_not_changed_are_at_no_distance(algorithm: str, part: Part) -> None:
    agent: Any = lived(1, algorithm, method=CLONING)
    agent.begin_task(SETUP.tasks[1])
    assert agent._method._distance(part).item() == pytest.approx(0, abs=1e-9)
    assert all(gradient.abs().max() < 1e-6 for gradient in added(agent, part))
    go_on(agent, 70)
    assert agent._method._distance(part).item() > 1e-6


def test_distances_leave_the_other_part_alone() -> None:
    agent = on_task_1()
    agent.model.policy.zero_grad()
    added(agent, "actor")
    assert all(parameter.grad is None for parameter in agent.model.critic.parameters())


def test_what_is_kept_is_what_the_networks_said_then() -> None:
    agent: Any = lived(1, method=CLONING)
    observations, mean, log_std, actions, values = agent._method._memory.state_dict()["0"]
    with torch.no_grad():
        now_mean, now_log_std, _ = agent.model.actor.get_action_dist_params(observations)
        now_values = torch.cat(agent.model.critic(observations, actions), 1)
    for kept, now in ((mean, now_mean), (log_std, now_log_std), (values, now_values)):
        torch.testing.assert_close(kept, now)
    assert observations.shape == (30, 3)
    assert (observations[:, -1] == 0).all()


def test_memory_holds_equally_many_of_each_task() -> None:
    memory = lived(2, reset=(), method=CLONING)._method._memory  # type: ignore[attr-defined]
    for task, (observations, *_) in memory.state_dict().items():
        assert observations.shape == (30, 3)
        assert (observations[:, -1] == int(task)).all()
    assert memory.tasks == [0, 1]


def test_a_task_that_comes_again_is_not_held_to_its_own_past() -> None:
    agent: Any = lived(2, method=CLONING)
    agent.begin_task(SETUP.tasks[2])
    columns = agent._method._memory.sample(50, but=agent._method._task)
    assert (columns[0][:, -1] == 1).all(), "the task under way is 0"
    agent = lived(1, method=CLONING)
    agent.begin_task(SETUP.tasks[0])
    assert all(not gradient.any() for gradient in added(agent, "actor"))


def test_bytes_are_counted_and_critics_cost_some() -> None:
    no_critic = {**CLONING, "critic_coefficient": 0.0}
    assert lived(2, method=no_critic)._method.stored_bytes == 2 * 30 * 4 * (3 + 4 + 4)
    assert lived(2, method=CLONING)._method.stored_bytes == 2 * 30 * 4 * (3 + 4 + 4 + 4 + 2)
    assert build(method=CLONING)._method.stored_bytes == 0


def test_the_defaults_are_the_sources() -> None:
    options = CloningOptions()
    assert (options.memory_per_task, options.batch_size) == (10_000, 128)
    assert (options.actor_coefficient, options.critic_coefficient) == (100, 0)
    assert options.exploration == "best-return"


@every_algorithm
def test_with_coefficients_of_zero_and_random_exploration_it_is_fine_tuning(algorithm: str) -> None:
    nothing = {"name": "cloning", "actor_coefficient": 0.0, "exploration": "random"}
    plain = lived(3, algorithm)
    assert same_weights(plain, lived(3, algorithm, method=nothing))
    assert not same_weights(plain, lived(3, algorithm, method={**nothing, "actor_coefficient": 1e-3}))
    assert not same_weights(plain, lived(3, algorithm, method={**nothing, "exploration": "best-return"}))


@pytest.mark.parametrize("steps", [10, 61])
@every_algorithm
def test_a_restored_agent_goes_on_alike(algorithm: str, steps: int) -> None:
    first, second = lived(1, algorithm, method=CLONING), build(algorithm, method=CLONING)
    first.begin_task(SETUP.tasks[1])
    go_on(first, steps)
    second.load_state_dict(first.state_dict())
    for agent in (first, second):
        go_on(agent, 70)
        agent.end_task(SETUP.tasks[1])
        agent.begin_task(SETUP.tasks[2])
        go_on(agent, 70)
    assert same_weights(first, second)


def test_a_restored_agent_knows_which_task_it_is_at() -> None:
    first, second = lived(2, method=CLONING), build(method=CLONING)
    first.begin_task(SETUP.tasks[2])
    go_on(first, 61, visit=2)
    second.load_state_dict(first.state_dict())
    for agent in (first, second):
        go_on(agent, 20, visit=2)
    assert same_weights(first, second)


@pytest.mark.parametrize("missing", ["memory", "explorer"])
def test_all_of_the_state_is_needed(missing: str) -> None:
    first, second = lived(1, method=CLONING), build(method=CLONING)
    first.begin_task(SETUP.tasks[1])
    go_on(first, 10)
    state = first.state_dict()
    state["method"][missing] = build(method=CLONING).state_dict()["method"][missing]
    second.load_state_dict(state)
    for agent in (first, second):
        go_on(agent, 70)
    assert not same_weights(first, second)


@pytest.mark.parametrize("best", [0, 1])
def test_past_policies_act_in_the_warm_up_and_no_longer(best: int, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = toy.setup("A", "B", "C", steps=STEPS)
    agent: Any = Sb3Agent(setup, **{**toy.PARAMETERS["SAC"], "method": CLONING})
    for task in setup.tasks[:2]:
        toy.visit(agent, task, STEPS, np.random.default_rng(task.position))
    agent.begin_task(setup.tasks[2])
    acted: list[int] = []
    predict = agent.model.predict

    def watch(inputs: Any, **options: Any) -> Any:
        acted.append(int(inputs[0, -1]))
        assert not options.get("deterministic"), "a guide explores"
        return predict(inputs, **options)

    monkeypatch.setattr(agent.model, "predict", watch)
    never = np.array([False])
    for step in range(55):
        given = np.zeros((1, 2))
        action = agent.act(given, np.array([2]), explore=True)
        reward, over = np.array([float(acted[-1] == best)]), np.array([step % 4 == 3])
        agent.observe(Transitions(given, action, reward, given, never, over, np.array([2])))
        agent.update()
    assert acted == [0] * 4 + [1] * 4 + [best] * 42 + [2] * 5


def test_the_first_visit_begins_at_random() -> None:
    one, two = build(method=CLONING), build()
    for agent in (one, two):
        agent.begin_task(SETUP.tasks[0])
    for step in range(5):
        given = np.random.default_rng(step).uniform(-1, 1, (1, 2))
        actions = [agent.act(given, np.array([0]), explore=True) for agent in (one, two)]
        np.testing.assert_array_equal(*actions)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"method": {**CLONING, "memory_per_task": 0}}, "memory_per_task"),
        ({"method": {**CLONING, "batch_size": 0}}, "batch_size"),
        ({"method": {**CLONING, "actor_coefficient": -1.0}}, "actor_coefficient"),
        ({"method": {**CLONING, "critic_coefficient": float("inf")}}, "critic_coefficient"),
        ({"method": {**CLONING, "exploration": "best"}}, "exploration"),
        ({"method": {**CLONING, "strength": 1}}, "strength"),
        ({"identity": "none"}, "cloning needs networks that tell tasks apart"),
        ({"algorithm": "PPO", "options": {"n_steps": 8}, "reset": ()}, "cloning needs a replay buffer"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_what_cannot_work_is_said(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CardError, match=complaint):
        build(**{"method": CLONING, **changes})


@pytest.mark.parametrize(("algorithm", "heads"), [("SAC", False), ("TD3", True)])
def test_cloning_remembers_what_fine_tuning_forgets(algorithm: str, heads: bool) -> None:
    # Acting as in the other task, which is its opposite, explores badly here.
    method = {"name": "cloning", "memory_per_task": 500, "actor_coefficient": 3.0, "exploration": "random"}
    (before, first, last), (_, _, second) = toy_returns(algorithm, heads, method)
    forgets = fine_tuned(algorithm, heads)[0]
    assert before < -2.5
    assert min(first, second) > -1.2
    assert last > first - 0.3
    assert forgets[2] < forgets[1] - 1.5
