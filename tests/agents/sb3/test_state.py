"""An agent that is put back goes on as if nothing had happened, to the bit."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.types import AgentSetup
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

from .conftest import ALGORITHMS, small, weights


def live(agent: Sb3Agent, setup: AgentSetup, first: int, last: int, *, rows: int = 2) -> list[bytes]:
    """Take an agent through steps of visits of ten steps each; return what it does and is."""
    seen = []
    for number in range(first, last):
        task = setup.tasks[number // 10]
        if number % 10 == 0:
            agent.begin_task(task)
        batch = dataclasses.replace(
            random_transitions(number, rows, truncated=number % 5 == 4), tasks=np.full(rows, task.index)
        )
        action = agent.act(batch.observations, batch.tasks, explore=True)
        agent.observe(dataclasses.replace(batch, actions=action))
        reported = agent.update()
        if number % 10 == 9:
            agent.end_task(task)
        judged = agent.act(batch.observations, np.arange(rows) % 2, explore=False)
        seen.append(
            action.tobytes() + judged.tobytes() + weights(agent.model.policy) + repr(reported).encode()
        )
    return seen


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """Write and read a state as checkpoints do, without code."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    with torch.serialization.safe_globals(SAFE):
        loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


SAFE = [
    np._core.multiarray._reconstruct,
    np.ndarray,
    np.dtype,
    bytes,  # of empty arrays
    *{type(np.dtype(kind)) for kind in "fd?lbLIB"},
]

CARDS = [
    *(small(algorithm, identity="one-hot", heads=True) for algorithm in ALGORITHMS),
    small("SAC", reset=["all"], identity="language"),
    small("SAC", options={"ent_coef": 0.1, "train_freq": 3, "gradient_steps": -1}),
    small("TD3", action_noise=0.3),
    small("SAC", options={"buffer_size": 7}),
    small("SAC", options={"buffer_size": 7}, memory="reservoir"),
    small("SAC", method={"name": "agem", "memory_per_task": 9, "batch_size": 4}),
    small("TD3", identity="one-hot", method={"name": "cloning", "memory_per_task": 9, "batch_size": 4}),
]


@pytest.mark.parametrize("card", CARDS, ids=str)
@pytest.mark.parametrize("stop", [3, 10, 17])
def test_a_saved_agent_goes_on_exactly(card: dict[str, Any], stop: int, make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "door-open")
    whole = live(Sb3Agent(setup, **card), setup, 0, 30)
    first = Sb3Agent(setup, **card)
    live(first, setup, 0, stop)
    state = through_a_file(first.state_dict())
    live(first, setup, stop, 30)  # what was saved stays as it was
    second = Sb3Agent(setup, **card)
    second.load_state_dict(state)
    assert live(second, setup, stop, 30) == whole[stop:]
    assert second.footprint() == first.footprint()


def test_a_state_is_no_larger_than_what_is_kept(make_setup: MakeSetup) -> None:
    """The buffer's empty part stays out."""
    setup = make_setup("reach")
    agent = Sb3Agent(setup, **small("SAC", options={"buffer_size": 1_000_000}))
    live(agent, setup, 0, 5)
    file = io.BytesIO()
    torch.save(agent.state_dict(), file)
    assert file.tell() < 100_000
    assert agent.footprint().stored_bytes == 10 * (2 * 13 + 4 + 3) * 4
