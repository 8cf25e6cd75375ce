"""Measured runs as tidy DataFrames, and their averages over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

import numpy as np
import pandas as pd

from legion_bench.metrics import METRICS, Undefined
from legion_bench.metrics.aggregate import mean_band, mean_interval
from legion_bench.metrics.cost import Cost
from legion_bench.reports.scored import Scored

BOOTSTRAP_SEED = 0
"""Every interval draws from a fresh generator, so none depends on which others exist."""

COST = tuple(field.name for field in fields(Cost))
_IDENTITY = ("protocol", "agent", "seed", "run")


def runs_frame(runs: Sequence[Scored]) -> pd.DataFrame:
    """Return one row per run: what it is, how it ended, its cost and its metrics (NaN: undefined).

    ``reasons`` says in words why metrics are undefined, ``left_out`` which visits their
    means leave out, ``reference`` which agent forward transfer is measured against.
    """
    rows = [
        {
            **_identity(run),
            "status": run.status,
            "complete": run.complete,
            "budget": run.spans[-1].stop,
            **asdict(run.cost),
            **{name: run.metrics[name].value for name in METRICS},
            "reference": "" if isinstance(run.reference, Undefined) else run.reference.agent,
            "left_out": "; ".join(
                f"{name}: {', '.join(run.metrics[name].left_out)}"
                for name in METRICS
                if run.metrics[name].left_out
            ),
            "reasons": "; ".join(
                f"{name}: {run.metrics[name].reason}" for name in METRICS if run.metrics[name].reason
            ),
        }
        for run in runs
    ]
    counts = [name for name in COST if name != "wall_clock"]
    return (
        pd.DataFrame(rows)
        .astype({**dict.fromkeys(counts, "Int64"), "wall_clock": float})
        .astype(dict.fromkeys(METRICS, float))
    )


def summary_frame(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per protocol and agent of :func:`runs_frame`'s result.

    Per metric: ``_mean``, ``_low`` and ``_high`` (95 % interval), and ``_count``, the
    runs behind them. NaN: undefined, or the interval of a single seed.
    """
    rows = []
    for (protocol, agent), group in runs.groupby(["protocol", "agent"], sort=False):
        row: dict[str, object] = {
            "protocol": protocol,
            "agent": agent,
            "runs": len(group),
            "complete": int(group["complete"].sum()),
            "seeds": group["seed"].nunique(),
            "status": _counts(group["status"]),
            "environment_steps_min": group["environment_steps"].min(),
            "environment_steps_max": group["environment_steps"].max(),
        }
        for name in METRICS:
            row |= _estimate(name, group[name])
        rows.append(row)
    return pd.DataFrame(rows)


def cost_frame(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per protocol and agent of :func:`runs_frame`'s result: means over its complete runs.

    Means are over the runs that tell; NaN where none does.
    """
    rows = [
        {
            "protocol": protocol,
            "agent": agent,
            "runs": len(group),
            **group[list(COST)].astype("float64").mean(),
        }
        for (protocol, agent), group in runs[runs["complete"]].groupby(["protocol", "agent"], sort=False)
    ]
    frame = pd.DataFrame(rows, columns=["protocol", "agent", "runs", *COST])
    return frame.astype(dict.fromkeys(COST, float))


def curves_frame(runs: Sequence[Scored]) -> pd.DataFrame:
    """Return success rates over training: one row per run, evaluation and distinct task."""
    columns = [*_IDENTITY, "step", "stream_position", "task", "success"]
    parts = [pd.DataFrame(columns=columns)]
    for run in runs:
        if (performance := run.performance) is None:
            continue
        names = list(dict.fromkeys(performance.tasks))
        first = [performance.tasks.index(name) for name in names]
        curves = pd.DataFrame(
            {
                "step": np.repeat(performance.steps, len(names)),
                "stream_position": np.repeat(performance.stream_position, len(names)),
                "task": names * len(performance.steps),
                "success": performance.success[:, first].ravel(),
            }
        )
        parts.append(curves.assign(**_identity(run)))
    return pd.concat(parts[1:] or parts, ignore_index=True)[columns]


def averages_frame(runs: Sequence[Scored]) -> pd.DataFrame:
    """Return average performance over training: one row per run and evaluation.

    It is the mean over stream positions, so a repeated task counts as often as it repeats.
    """
    columns = [*_IDENTITY, "step", "success"]
    parts = [pd.DataFrame(columns=columns)]
    for run in runs:
        if run.averages is None:
            continue
        steps, success = run.averages
        average = pd.DataFrame({"step": steps, "success": success})
        parts.append(average.assign(**_identity(run)))
    return pd.concat(parts[1:] or parts, ignore_index=True)[columns]


def bands_frame(curves: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return curves averaged over runs: ``mean``, ``low``, ``high`` and ``count`` per step.

    Args:
        curves: rows with ``run``, ``step``, ``success`` and the columns named in ``by``.
        by: what tells one averaged curve from another. A curve ends where the first
            of its runs ends, so that no step compares other seeds than its neighbour.
    """
    parts = []
    for key, group in curves.groupby(list(by), sort=False):
        wide = group.pivot(index="run", columns="step", values="success").dropna(axis="columns")
        rng = np.random.default_rng(BOOTSTRAP_SEED)
        mean, low, high = mean_band(wide.to_numpy(), rng, (0.0, 1.0))
        part = pd.DataFrame({"step": wide.columns, "mean": mean, "low": low, "high": high})
        parts.append(part.assign(count=len(wide), **{name: str(k) for name, k in zip(by, key, strict=True)}))
    return pd.concat(parts, ignore_index=True)


def matrix_frame(run: Scored) -> pd.DataFrame:
    """Return one run's success matrix: distinct tasks × visits that were trained to their end.

    Column -1 is before training; column k is the last evaluation of the visit to
    stream position k.
    """
    if run.performance is None:
        return pd.DataFrame()
    performance = run.performance
    columns = {
        position: performance.success[performance.interval(position)[-1]]
        for position in range(-1, performance.trained)
    }
    matrix = pd.DataFrame(columns, index=pd.Index(performance.tasks, name="task"))
    return matrix.loc[~matrix.index.duplicated()]


def mean_matrix(runs: Sequence[Scored]) -> pd.DataFrame:
    """Return the mean of :func:`matrix_frame` over runs, of the visits all of them trained."""
    matrices = [matrix_frame(run) for run in runs]
    shortest = min(matrices, key=lambda matrix: len(matrix.columns))
    total = sum((matrix[shortest.columns] for matrix in matrices[1:]), start=matrices[0][shortest.columns])
    return total / len(matrices)


def _identity(run: Scored) -> dict[str, str | int]:
    values = (run.protocol, run.agent, run.seed, run.folder)
    return dict(zip(_IDENTITY, values, strict=True))


def _estimate(name: str, column: pd.Series[float]) -> dict[str, float | int | None]:
    defined = np.asarray(column.dropna(), dtype=np.float64)
    if len(defined) == 0:
        return {f"{name}_mean": None, f"{name}_low": None, f"{name}_high": None, f"{name}_count": 0}
    estimate = mean_interval(defined, np.random.default_rng(BOOTSTRAP_SEED), METRICS[name].limits)
    return {
        f"{name}_mean": estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
        f"{name}_count": estimate.count,
    }


def _counts(statuses: pd.Series[str]) -> str:
    """Return “finished”, or “2 finished, 1 failed”."""
    counts = statuses.value_counts(sort=False)
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{count} {status}" for status, count in counts.items())
