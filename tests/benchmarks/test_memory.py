"""What methods with a memory cost: an update against the same one without them, and adding to a reservoir.

An update with A-GEM or cloning should take at most 2.2 times as long (a ratio of 0.45).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.buffers import ReplayBuffer

from legion_bench import agents
from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.reservoir import ReservoirBuffer
from legion_bench.envs.spaces import action_space, observation_space
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

Run = Callable[[], Any]
CARDS = ("sac-finetune-small", "sac-finetune")
METHODS: dict[str, dict[str, Any]] = {
    "agem": {"name": "agem"},
    "cloning": {"name": "cloning"},
    "cloning, critics too": {"name": "cloning", "critic_coefficient": 1.0},
}
ADDED = 1_000


@pytest.fixture
def make_update(make_setup: MakeSetup) -> Callable[..., Run]:
    """Return a function that makes the training step of a card's agent in its second task."""

    def make(card: str, **method: Any) -> Run:
        setup = make_setup()
        parameters = dict(agents.resolve(card).parameters)
        # The methods' batches as large as the card's own, as published.
        batch_size = parameters["options"]["batch_size"]
        options = {**parameters["options"], "buffer_size": 2_000}
        chosen = {"method": {**method, "batch_size": batch_size}} if method else {}
        agent = Sb3Agent(setup, **{**parameters, "reset": (), "options": options, **chosen})
        agent.begin_task(setup.tasks[0])
        agent.observe(random_transitions(0, 1_000))
        agent.end_task(setup.tasks[0])
        agent.begin_task(setup.tasks[1])
        return lambda: agent.model.train(1, batch_size)

    return make


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_update_against_fine_tunings(
    compare: Callable[..., float], make_update: Callable[..., Run], card: str, method: dict[str, Any]
) -> None:
    compare(make_update(card, **method), make_update(card), rounds=60)


def adding(kind: type[ReplayBuffer], size: int) -> Run:
    buffer = kind(size, observation_space(), action_space(), device="cpu")
    batch = random_transitions(0)
    over, infos = np.array([False]), [{"TimeLimit.truncated": False}]

    def add() -> None:
        for _ in range(ADDED):
            buffer.add(batch.observations, batch.next_observations, batch.actions, batch.rewards, over, infos)

    return add


@pytest.mark.parametrize("size", [1_000_000, 100], ids=["not full", "full"])
def test_adding_against_sb3s_buffer(compare: Callable[..., float], size: int) -> None:
    run, peer = adding(ReservoirBuffer, size), adding(ReplayBuffer, size)
    compare(run, peer, ours_steps=ADDED, peer_steps=ADDED, rounds=15)
