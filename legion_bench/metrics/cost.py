"""What a run cost, and what its agent keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from legion_bench.evaluations import Evaluations
from legion_bench.types import Bools, EvaluationRecord, Floats, TrainingRecord


@dataclass(frozen=True)
class Cost:
    """Of one run, so far; None where the log does not tell."""

    environment_steps: int
    """Of training."""
    evaluation_steps: int
    """Environment steps of evaluation, which no agent learns from."""
    gradient_updates: int | None
    """Those of all its agents together, where each visit has one of its own."""
    wall_clock: float | None
    """Seconds, evaluation included."""
    peak_memory_bytes: int | None
    """Of the process that trained."""
    parameters: int | None
    """Numbers in all networks that are trained, at their most."""
    stored_bytes: int | None
    """Of what is kept of past experience, at its most."""


def cost(
    training: Sequence[TrainingRecord],
    evaluations: Sequence[EvaluationRecord],
    *,
    single_task: bool = False,
) -> Cost:
    """Return the cost of a run.

    Args:
        training: its progress records.
        evaluations: its evaluation log.
        single_task: whether each visit trained an agent of its own, which counts its updates anew.
    """
    agents = {record.stream_position if single_task else 0: record for record in training}
    steps = [log[-1].step for log in (training, evaluations) if log]
    updates = [last.gradient_updates for last in agents.values() if last.gradient_updates is not None]
    return Cost(
        environment_steps=max(steps, default=0),
        evaluation_steps=int(Evaluations.of(evaluations).length.sum(dtype=np.int64)),
        gradient_updates=sum(updates) if updates else None,
        wall_clock=training[-1].wall_clock if training else None,
        peak_memory_bytes=_most(record.peak_memory_bytes for record in training),
        parameters=_most(record.parameters for record in training),
        stored_bytes=_most(record.stored_bytes for record in training),
    )


def pareto_front(costs: Floats, gains: Floats) -> Bools:
    """Return which of [N] no other beats: by costing no more and gaining no less, and not both the same.

    Args:
        costs: [N], finite; lower is better.
        gains: [N], finite; higher is better.
    """
    no_worse = (costs[:, None] <= costs) & (gains[:, None] >= gains)
    better = no_worse & ((costs[:, None] < costs) | (gains[:, None] > gains))
    front: Bools = np.logical_not(better.any(axis=0))
    return front


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
