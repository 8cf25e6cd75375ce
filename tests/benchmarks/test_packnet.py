"""One SAC update with frozen weights against the same update without PackNet, in one process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from legion_bench import agents
from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.types import AgentSetup
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

Compare = Callable[..., float]
Run = Callable[[], Any]
UPDATES = 5


def second_visit(setup: AgentSetup, parameters: dict[str, Any], method: dict[str, Any]) -> Sb3Agent:
    """Return an agent that has something to train on, and with PackNet something that is frozen."""
    agent = Sb3Agent(setup, **{**parameters, "method": method})
    agent.begin_task(setup.tasks[0])
    agent.end_task(setup.tasks[0])
    agent.begin_task(setup.tasks[1])
    for step in range(1_000):
        agent.observe(replace(random_transitions(step), tasks=np.ones(1, dtype=np.int64)))
    return agent


def updates(agent: Sb3Agent) -> Run:
    """Return what takes a few gradient steps."""
    model: Any = agent.model
    return lambda: model.train(UPDATES, model.batch_size)


def hooks(agent: Sb3Agent) -> Run:
    """Return what PackNet does in so many gradient steps."""

    def run() -> None:
        for _ in range(UPDATES):
            agent._method.on_gradients("critic")
            agent._method.on_gradients("actor")

    return run


CARDS = pytest.mark.parametrize("card", ["sac-finetune-small", "sac-finetune"])
CLIPPING = pytest.mark.parametrize("clip_norm", [0.0, 2e-5], ids=["masks", "masks and clipping"])


@CARDS
@CLIPPING
def test_update(compare: Compare, make_setup: MakeSetup, card: str, clip_norm: float) -> None:
    setup, parameters = make_setup("reach", "push", "door-open"), agents.resolve(card).parameters
    packnet = {"name": "packnet", "clip_norm": clip_norm}
    ours, peer = (updates(second_visit(setup, parameters, method)) for method in (packnet, {}))
    compare(ours, peer, ours_steps=UPDATES, peer_steps=UPDATES, rounds=15)


@CARDS
@CLIPPING
def test_what_is_added_to_an_update(
    compare: Compare, make_setup: MakeSetup, card: str, clip_norm: float
) -> None:
    """Apart from it, since on a shared machine two updates differ by more."""
    setup, parameters = make_setup("reach", "push", "door-open"), agents.resolve(card).parameters
    agent = second_visit(setup, parameters, {"name": "packnet", "clip_norm": clip_norm})
    updates(agent)()  # leaves gradients
    ratio = compare(hooks(agent), updates(agent), ours_steps=UPDATES, peer_steps=UPDATES, rounds=15)
    if not clip_norm:
        assert ratio > 10, "PackNet's masks take more than a tenth of an update"
