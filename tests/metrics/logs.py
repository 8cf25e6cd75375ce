"""Evaluation logs written from success rates, for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from legion_bench.types import EvaluationRecord, Floats

DELTA = 100
"""Environment steps per visit."""


def ends(tasks: Sequence[str]) -> tuple[int, ...]:
    """Return the steps at which the visits of :func:`log` end."""
    return tuple(DELTA * number for number in range(1, len(tasks) + 1))


def log(
    visits: Sequence[Floats], tasks: Sequence[str], episodes: int = 10, before: Floats | None = None
) -> list[EvaluationRecord]:
    """Return the log of a run.

    Args:
        visits: per visit, success rates [evaluations, N] spread evenly over its steps.
        tasks: stream order.
        episodes: episodes per rate, which must be a multiple of 1/episodes.
        before: [N] rates before training; zeros by default.
    """
    start = np.zeros(len(tasks)) if before is None else before
    records = evaluation(0, -1, start, tasks, episodes)
    for position, rates in enumerate(visits):
        for index, row in enumerate(rates, start=1):
            step = position * DELTA + index * DELTA // len(rates)
            records += evaluation(step, position, row, tasks, episodes)
    return records


def evaluation(
    step: int, position: int, rates: Floats, tasks: Sequence[str], episodes: int
) -> list[EvaluationRecord]:
    """Return the episodes of one evaluation; a repeated task appears once."""
    return [
        EvaluationRecord(
            step=step,
            stream_position=position,
            task_position=tasks.index(task),
            task=task,
            presentation=list(tasks[: position + 1]).count(task),
            episode=episode,
            success=int(episode < round(rates[tasks.index(task)] * episodes)),
            episode_return=0.0,
            length=150,
        )
        for task in dict.fromkeys(tasks)
        for episode in range(episodes)
    ]
