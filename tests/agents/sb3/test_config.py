"""What an SB3 card may say, and what a reset or a time limit means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.errors import CardError
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

from .conftest import OPTIONS, MakeAgent, live, weights

PARTS = ("buffer", "optimizer", "actor", "critic", "temperature")


def parts(agent: Sb3Agent) -> dict[str, bytes]:
    """Return the state of every part that a card can reset."""
    model = agent.model
    buffer, entropy = model.replay_buffer, model.log_ent_coef
    assert buffer is not None
    assert entropy is not None
    assert model.ent_coef_optimizer is not None
    optimizers = (model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer)
    return {
        "buffer": repr((buffer.pos, buffer.full)).encode(),
        "optimizer": repr([optimizer.state_dict()["state"] for optimizer in optimizers]).encode(),
        "actor": weights(model.actor),
        "critic": weights(model.critic) + weights(model.critic_target),
        "temperature": entropy.detach().numpy().tobytes(),
    }


def changed(agent: Sb3Agent, setup: Any, position: int) -> set[str]:
    before = parts(agent)
    agent.begin_task(setup.tasks[position])
    after = parts(agent)
    return {part for part in PARTS if before[part] != after[part]}


@pytest.mark.parametrize("reset", [(), *((part,) for part in PARTS), ("buffer", "critic"), PARTS])
def test_a_visit_resets_what_the_card_says_and_nothing_else(
    reset: tuple[str, ...], make_agent: MakeAgent, make_setup: MakeSetup
) -> None:
    setup = make_setup("reach", "push", "door-open")
    agent = make_agent(reset=reset)
    list(live(agent))
    assert changed(agent, setup, 0) == set(), "the first visit has nothing to reset"
    assert changed(agent, setup, 1) == set(reset)
    list(live(agent))
    assert changed(agent, setup, 2) == set(reset)


def test_each_reset_draws_other_weights_and_the_same_in_each_life(
    make_agent: MakeAgent, make_setup: MakeSetup
) -> None:
    setup = make_setup("reach", "push", "door-open")

    def actors() -> list[bytes]:
        agent = make_agent(reset=("actor",))
        drawn = []
        for visit in setup.tasks:
            agent.begin_task(visit)
            drawn.append(parts(agent)["actor"])
        return drawn

    assert len(set(actors())) == 3
    assert actors() == actors()


def test_what_is_reset_learns_again(make_agent: MakeAgent, make_setup: MakeSetup) -> None:
    """The optimisers must still hold the parameters that were written over."""
    agent = make_agent(reset=PARTS)
    list(live(agent))
    agent.begin_task(make_setup("reach", "push").tasks[1])
    before = parts(agent)
    list(live(agent))
    after = parts(agent)
    assert all(before[part] != after[part] for part in PARTS)


@pytest.mark.parametrize(
    ("terminated", "truncated", "bootstrapped"),
    [(False, False, True), (False, True, True), (True, False, False), (True, True, False)],
)
def test_a_time_limit_is_bootstrapped_and_an_end_is_not(
    make_agent: MakeAgent, terminated: bool, truncated: bool, bootstrapped: bool
) -> None:
    agent = make_agent()
    agent.observe(random_transitions(0, terminated=terminated, truncated=truncated))
    buffer = agent.model.replay_buffer
    assert buffer is not None
    assert (buffer.sample(1).dones.item() == 0) == bootstrapped
    assert bool(buffer.dones[0, 0]) == (terminated or truncated)


def test_observations_and_rewards_are_scaled_as_the_card_says(make_agent: MakeAgent) -> None:
    agent, batch = make_agent(observation_scale=5.0, reward_scale=0.2), random_transitions(0)
    agent.observe(batch)
    buffer = agent.model.replay_buffer
    assert buffer is not None
    np.testing.assert_allclose(buffer.observations[0, :, :-1], batch.observations * 5, rtol=1e-6)
    np.testing.assert_allclose(buffer.next_observations[0, :, :-1], batch.next_observations * 5, rtol=1e-6)
    np.testing.assert_allclose(buffer.rewards[0], batch.rewards * 0.2, rtol=1e-6)
    np.testing.assert_array_equal(buffer.actions[0], batch.actions)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({}, "algorithm"),
        ({"algorithm": "SACK"}, "SACK"),
        ({"algorithm": "SAC", "reward_scal": 2}, "unknown key 'reward_scal': did you mean 'reward_scale'"),
        ({"algorithm": "SAC", "reset": ["buffr"]}, "buffr"),
        ({"algorithm": "SAC", "reset": "buffer"}, "reset"),
        ({"algorithm": "SAC", "observation_scale": "big"}, "observation_scale"),
        ({"algorithm": "SAC", "options": {"learning_rat": 1}}, "SAC option .*did you mean 'learning_rate'"),
        ({"algorithm": "PPO", "options": {"policy_kwargs": 1}}, "policy_kwargs must be a table, got 1"),
        ({"algorithm": "SAC", "options": {"learning_rate": 10**4000}}, "SAC refuses the card's options"),
        ({"algorithm": "SAC", "options": {"buffer_size": 10**12}}, "SAC refuses the card's options"),
    ],
)
def test_a_wrong_parameter_is_named(parameters: Any, complaint: str, make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match=complaint):
        Sb3Agent(make_setup(), **parameters)


@pytest.mark.parametrize("option", ["policy", "env", "seed", "verbose", "tensorboard_log", "use_sde"])
def test_what_the_adapter_decides_a_card_cannot(option: str, make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match=f"'{option}' cannot be set: "):
        Sb3Agent(make_setup(), algorithm="SAC", options={option: 1})


@pytest.mark.parametrize(
    "option",
    [
        {"buffer_size": "big"},
        {"ent_coef": "often"},
        {"learning_rate": "fast"},
        {"policy_kwargs": {"net_arc": [8]}},
        {"train_freq": 0},
        {"train_freq": [1, "episode"]},
        {"train_freq": True},
        {"gradient_steps": 0},
        {"gradient_steps": -2},
        {"learning_starts": "soon"},
        {"batch_size": -1},
        {"buffer_size": 0},
        {"gamma": 97},
        {"tau": float("nan")},
        {"device": "abacus"},
    ],
    ids=str,
)
def test_a_value_that_cannot_work_is_a_users_error(option: dict[str, Any], make_setup: MakeSetup) -> None:
    with pytest.raises(CardError):
        Sb3Agent(make_setup(), algorithm="SAC", options={**OPTIONS, **option})
