"""Our losses against SB3's: same batch, same draws, same gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.learner import Learner, Part
from legion_bench.agents.sb3.losses import loss
from legion_bench.agents.sb3.rng import GlobalRng

from . import toy

ROWS = 32
CARDS: dict[str, dict[str, Any]] = {
    "SAC, learned temperature": {"algorithm": "SAC", "options": {"ent_coef": "auto_0.3"}},
    "SAC, fixed temperature": {"algorithm": "SAC", "options": {"ent_coef": 0.3}},
    "TD3": {"algorithm": "TD3", "options": {"policy_delay": 1}},
    "TD3, other noise": {
        "algorithm": "TD3",
        "options": {"policy_delay": 1, "target_policy_noise": 0.9, "target_noise_clip": 0.4},
    },
}
every_part = pytest.mark.parametrize("part", ["actor", "critic"])
every_card = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)


@pytest.fixture(autouse=True)
def own_randomness() -> Iterator[None]:
    with GlobalRng():
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002
        yield


def make_model(card: dict[str, Any], heads: bool) -> Any:
    """Return a model that has trained a little; some of its episodes ended for good."""
    setup = toy.setup("A", "B", steps=150)
    parameters = toy.PARAMETERS[card["algorithm"]]
    options = {**parameters["options"], "batch_size": ROWS, "gamma": 0.8, **card["options"]}
    agent = Sb3Agent(setup, **{**parameters, "heads": heads, "reset": (), "options": options})
    for visit in setup.tasks:
        toy.visit(agent, visit, 150, np.random.default_rng(0))
    buffer: Any = agent.model.replay_buffer
    buffer.dones[::3], buffer.timeouts[::3] = 1, 0
    return agent.model


def gradients_at_step(model: Any, part: Part, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Train for one step; return a part's gradients by SB3 and by us."""
    batch = model.replay_buffer.sample(ROWS)
    monkeypatch.setattr(model.replay_buffer, "sample", lambda *_, **__: batch)
    learned = getattr(model, "log_ent_coef", None)
    temperature = None if learned is None else learned.detach().clone()
    first = draws = torch.get_rng_state()
    if isinstance(model, SAC) and part == "critic":  # SB3 draws the actor's actions first
        model.actor.action_log_prob(batch.observations)
        draws = torch.get_rng_state()
    parameters = list(Learner(model, 2).parameters(part).values())
    found: list[Any] = []

    def hook(*_: Any) -> None:
        before = torch.get_rng_state()
        torch.set_rng_state(draws)
        after = None if learned is None else learned.detach().clone()
        if learned is not None:  # SB3 has stepped it already, and uses what it was
            learned.data.copy_(temperature)
        ours = torch.autograd.grad(loss(Learner(model, 2), part, batch), parameters)
        if learned is not None:
            learned.data.copy_(after)
        torch.set_rng_state(before)
        found.append(([parameter.grad.clone() for parameter in parameters], ours))

    torch.set_rng_state(first)
    getattr(model, part).optimizer.register_step_pre_hook(hook)
    model.train(1, ROWS)
    ((theirs, ours),) = found
    return theirs, ours


@every_part
@every_card
@pytest.mark.parametrize("heads", [False, True], ids=["one output", "heads"])
def test_gradients_are_sb3s(
    card: dict[str, Any], heads: bool, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = gradients_at_step(make_model(card, heads), part, monkeypatch)
    assert len(theirs) == len(ours)
    assert all(gradient.abs().max() > 0 for gradient in theirs)
    for expected, gradient in zip(theirs, ours, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


@every_part
@every_card
def test_a_loss_is_a_number_and_leaves_the_networks_alone(card: dict[str, Any], part: Part) -> None:
    model = make_model(card, heads=True)
    model.policy.zero_grad()
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    value = loss(Learner(model, 2), part, model.replay_buffer.sample(ROWS))
    assert value.shape == ()
    assert all(torch.equal(before[name], now) for name, now in model.policy.state_dict().items())
    assert all(parameter.grad is None for parameter in model.policy.parameters())
