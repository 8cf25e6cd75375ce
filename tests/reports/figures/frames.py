"""Made-up frames to draw."""

from __future__ import annotations

import pandas as pd

from legion_bench.protocols.schedule import Span

TASKS = ("reach", "push", "reach")
SPANS = tuple(Span(task, (task,), 1, at * 100, at * 100 + 100) for at, task in enumerate(TASKS))


def bands(agents: tuple[str, ...] = ("sac", "ewc")) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"agent": agent, "task": task, "step": step, "mean": 0.5, "low": 0.4, "high": 0.7}
            for agent in agents
            for task in ("reach", "push")
            for step in (0, 100, 200, 300)
        ]
    )


def matrix() -> pd.DataFrame:
    return pd.DataFrame({-1: [0.0, 0.1], 0: [0.9, 0.2], 1: [0.4, 0.8]}, index=["reach", "push"])
