"""Agents with a method, on the toy problem."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.types import Floats
from tests.agents.sb3 import toy

STEPS = 80
SETUP = toy.setup("A", "B", "A", steps=STEPS)


def build(algorithm: str = "SAC", **parameters: Any) -> Sb3Agent:
    """Return an agent that has lived through nothing."""
    return Sb3Agent(SETUP, **{**toy.PARAMETERS.get(algorithm, {"algorithm": algorithm}), **parameters})


def lived(visits: int, algorithm: str = "SAC", **parameters: Any) -> Sb3Agent:
    """Return an agent that has lived through so many visits."""
    agent = build(algorithm, **parameters)
    for task in SETUP.tasks[:visits]:
        toy.visit(agent, task, STEPS, np.random.default_rng(task.position))
    return agent


def go_on(agent: Sb3Agent, steps: int, visit: int = 1) -> None:
    """Train in the middle of a visit, the second for one."""
    toy.train(agent, SETUP.tasks[visit], steps, np.random.default_rng(9))


def same_weights(one: Sb3Agent, other: Sb3Agent) -> bool:
    states = (agent.model.policy.state_dict() for agent in (one, other))
    return all(a.equal(b) for a, b in zip(*(state.values() for state in states), strict=True))


def toy_returns(algorithm: str, heads: bool, method: dict[str, Any]) -> Floats:
    """Learn two opposite tasks well; return [tasks, 3] returns before, between and after."""
    setup = toy.setup("A", "B", steps=800)
    agent = Sb3Agent(setup, **{**toy.PARAMETERS[algorithm], "heads": heads, "method": method})
    return toy.live_through(agent, setup.tasks, 800)


@cache
def fine_tuned(algorithm: str, heads: bool) -> Floats:
    """Return what :func:`toy_returns` does, without a method."""
    return toy_returns(algorithm, heads, {})
