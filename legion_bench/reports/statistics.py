"""Final success rates of complete runs as statistics over seeds and tasks.

An agent's scores are R[N−1, i], seeds by distinct tasks of one protocol. Incomplete runs
have none, nor have runs that learn each task with an agent of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from legion_bench.metrics.aggregate import AGGREGATES, aggregate
from legion_bench.metrics.comparison import improvement, paired_difference
from legion_bench.metrics.profile import profile_band
from legion_bench.reports.frames import BOOTSTRAP_SEED, matrix_frame
from legion_bench.reports.measured import Measured

_AGENT = {"protocol": str, "agent": str}
_SCORES = {**_AGENT, "seed": int, "run": str, "task": str, "score": float}
_INTERVAL = {"value": float, "low": float, "high": float}
_AGGREGATES = {**_AGENT, "runs": int, "tasks": int, "statistic": str, **_INTERVAL}
_PROFILES = {**_AGENT, "runs": int, "threshold": float, **_INTERVAL}
_IMPROVEMENT = {
    **_AGENT,
    "other": str,
    "runs": int,
    "other_runs": int,
    "probability": float,
    "probability_low": float,
    "probability_high": float,
    "shared_seeds": int,
    "difference": float,
    "difference_low": float,
    "difference_high": float,
}


def scored(runs: Sequence[Measured]) -> tuple[Measured, ...]:
    """Return the runs that have scores."""
    return tuple(run for run in runs if run.complete and run.run.manifest.protocol.regime != "single-task")


def scores_frame(runs: Sequence[Measured]) -> pd.DataFrame:
    """Return ``score``, the final success rate: one row per :func:`scored` run and distinct task."""
    parts = []
    for run in scored(runs):
        final = matrix_frame(run).iloc[:, -1].rename("score").reset_index()
        identity = {"protocol": run.protocol, "agent": run.agent, "run": run.folder}
        parts.append(final.assign(**identity, seed=run.run.manifest.seed))
    return _frame(parts, _SCORES)


def aggregates_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per protocol, agent and aggregate of :func:`scores_frame`'s result.

    ``low`` and ``high`` are the ends of the 95 % stratified-bootstrap interval: seeds are
    resampled within each task. NaN for a single run.
    """
    rows: list[tuple[object, ...]] = []
    for protocol, agent, table in _tables(scores):
        runs, tasks = table.shape
        for name, statistic in AGGREGATES.items():
            found = aggregate(statistic, table.to_numpy(), _rng(), (0.0, 1.0))
            rows.append((protocol, agent, runs, tasks, name, found.value, found.low, found.high))
    return _frame([pd.DataFrame(rows, columns=list(_AGGREGATES))], _AGGREGATES)


def profiles_frame(scores: pd.DataFrame, episodes: int) -> pd.DataFrame:
    """Return performance profiles: the share of runs and tasks above each success rate.

    One row per protocol, agent and ``threshold``: 0, 1/episodes, …, 1. Between them a
    profile does not change. ``low`` and ``high`` as in :func:`aggregates_frame`, pointwise.

    Args:
        scores: of :func:`scores_frame`.
        episodes: behind each score.
    """
    thresholds = np.arange(episodes + 1) / episodes
    parts = []
    for protocol, agent, table in _tables(scores):
        value, low, high = profile_band(table.to_numpy(), thresholds, _rng())
        part = pd.DataFrame({"threshold": thresholds, "value": value, "low": low, "high": high})
        parts.append(part.assign(protocol=protocol, agent=agent, runs=len(table)))
    return _frame(parts, _PROFILES)


def improvement_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pair of agents of a protocol, of :func:`scores_frame`'s result.

    ``probability`` that a run of ``agent`` scores higher than one of ``other`` on a task,
    with its stratified-bootstrap interval, NaN where either has a single run; that of
    ``other`` over ``agent`` is 1 minus it. ``difference`` of the mean scores in the
    ``shared_seeds``, paired, with an interval that resamples seeds as wholes; NaN without a
    shared seed, and the interval of a single one. An agent's runs of one seed are averaged.
    """
    rows: list[tuple[object, ...]] = []
    for protocol, group in scores.groupby("protocol", sort=False):
        tables = {agent: table for _, agent, table in _tables(group)}
        for agent, other in combinations(tables, 2):
            mine, theirs = tables[agent], tables[other]
            found = improvement(mine.to_numpy(), theirs.to_numpy(), _rng())
            head = (protocol, agent, other, len(mine), len(theirs), found.value, found.low, found.high)
            rows.append((*head, *_difference(mine, theirs)))
    return _frame([pd.DataFrame(rows, columns=list(_IMPROVEMENT))], _IMPROVEMENT)


def _difference(
    mine: pd.DataFrame, theirs: pd.DataFrame
) -> tuple[int, float | None, float | None, float | None]:
    """Return the shared seeds, and the paired difference with its interval."""
    seeds = [table.groupby(level="seed").mean() for table in (mine, theirs)]
    shared = seeds[0].index.intersection(seeds[1].index)
    if shared.empty:
        return 0, None, None, None
    first, second = (table.loc[shared].to_numpy() for table in seeds)
    found = paired_difference(first, second, _rng(), (-1.0, 1.0))
    return len(shared), found.value, found.low, found.high


def _tables(scores: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield each agent's scores, runs (by seed) down, tasks across."""
    for (protocol, agent), group in scores.groupby(["protocol", "agent"], sort=False):
        table = group.pivot(index=["seed", "run"], columns="task", values="score")
        yield str(protocol), str(agent), table.astype(float)


def _rng() -> np.random.Generator:
    return np.random.default_rng(BOOTSTRAP_SEED)


def _frame(parts: Sequence[pd.DataFrame], columns: Mapping[str, type]) -> pd.DataFrame:
    """Return the parts below one another; what is None becomes NaN."""
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
    return whole[list(columns)].astype(dict(columns))
