"""Made-up frames to draw."""

from __future__ import annotations

import numpy as np
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


def metrics() -> pd.DataFrame:
    """Of sac two runs, of ewc one, which has no interval."""
    rows = [
        ("average_performance", "sac", 0.6, 0.5, 0.7, [0.5, 0.7]),
        ("average_performance", "ewc", 0.4, np.nan, np.nan, [0.4]),
        ("forgetting_cw", "sac", -0.1, -0.2, 0.0, [-0.2, 0.0]),
        ("forgetting_cw", "ewc", 0.3, np.nan, np.nan, [0.3]),
    ]
    frame = pd.DataFrame(rows, columns=["metric", "agent", "mean", "low", "high", "values"])
    return frame.assign(values=[np.array(values) for values in frame["values"]])
