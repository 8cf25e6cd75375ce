"""What methods are for: on a problem whose second task contradicts its first, who still knows the first?"""

from __future__ import annotations

from typing import Any

import pytest

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.types import Floats

from . import toy

STEPS = 800
UNTRAINED, LEARNED = -2.5, -1.2
"""Returns that every agent is below before training, and above after it."""

METHODS: dict[str, dict[str, Any]] = {"packnet": {"retrain_steps": 300}}

AGENTS = pytest.mark.parametrize(
    ("algorithm", "heads"),
    [("SAC", False), ("TD3", True)],
    ids=["SAC with one output", "TD3 with heads"],
)


def life(algorithm: str, heads: bool, **changes: Any) -> Floats:
    setup = toy.setup("A", "B", steps=STEPS)
    agent = Sb3Agent(setup, **{**toy.PARAMETERS[algorithm], "heads": heads, **changes})
    return toy.live_through(agent, setup.tasks, STEPS)


def learned(returns: Floats) -> bool:
    (before_a, after_a, _), (before_b, _, after_b) = returns
    return bool(max(before_a, before_b) < UNTRAINED and min(after_a, after_b) > LEARNED)


@AGENTS
def test_fine_tuning_forgets(algorithm: str, heads: bool) -> None:
    returns = life(algorithm, heads)
    assert learned(returns)
    assert returns[0, 2] < returns[0, 1] - 1.5


@AGENTS
@pytest.mark.parametrize("name", METHODS)
def test_methods_remember(name: str, algorithm: str, heads: bool) -> None:
    returns = life(algorithm, heads, method={"name": name, **METHODS[name]})
    assert learned(returns)
    assert returns[0, 2] > returns[0, 1] - 0.3
