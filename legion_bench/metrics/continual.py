"""Metrics of the performance matrix: what was learned, and what of it was kept.

``R[k, i]`` is the success rate on the task at stream position i at the end of the
visit to position k. Published suites use different formulas under one name, so a
function's name here carries its convention.
"""

from __future__ import annotations

import numpy as np

from legion_bench.errors import MetricError
from legion_bench.metrics.performance import Performance
from legion_bench.types import Floats


class Undefined(MetricError):
    """A metric has no value for a run, though nothing is wrong with its log."""


def end_of_interval(performance: Performance, window: int) -> Floats:
    """Return the performance matrix R.

    Args:
        performance: success rates of a finished run over N stream positions in P visits,
            which are N too, unless all tasks are trained at once.
        window: evaluations at the end of each visit that are averaged, from 1.

    Returns:
        [P+1, N] in [0, 1]. Row k is the end of the visit to position k; the last
        row, ``R[-1]``, is the one evaluation before training.

    Raises:
        Undefined: training stopped before the stream's end, or a visit holds fewer
            than ``window`` evaluations.
    """
    tasks, trained = performance.tasks, performance.trained
    visits = [f"{task!r} (task {number} of {len(tasks)})" for number, task in enumerate(tasks, start=1)]
    if len(performance.ends) < len(tasks):
        visits = ["all tasks together"]
    if not performance.complete:
        raise Undefined(
            f"training ended at step {performance.steps[-1]}, before the end of {visits[trained]}"
        )
    rows = []
    for position, visit in enumerate(visits):
        interval = performance.interval(position)
        if len(interval) < window:
            raise Undefined(f"needs {window} evaluations within each task; {visit} has {len(interval)}")
        rows.append(performance.success[interval[-window:]].mean(axis=0))
    return np.array([*rows, performance.success[0]])


def average_performance(matrix: Floats) -> float:
    """Return P(T), the mean success rate after the last task, in [0, 1].

    Args:
        matrix: R as :func:`end_of_interval` returns it, with a window of 1.

    Source: LEGION (window 1); Continual World uses a window of 5.
    """
    return float(_final(matrix).mean())


def forgetting_cw(matrix: Floats) -> float:
    """Return the mean over all N tasks of R[i, i] - R[N-1, i], in [-1, 1].

    Not clipped: negative where later tasks helped. The last task counts, with 0.

    Args:
        matrix: R as :func:`end_of_interval` returns it, with a window of 5.

    Raises:
        Undefined: the stream has one task only, or all are trained at once.

    Source: Continual World (Wolczyk et al. 2021).
    """
    return float(_lost(matrix).mean())


def forgetting_legion(matrix: Floats) -> float:
    """Return the sum over all tasks of R[i, i] - R[N-1, i], divided by N-1; in [-1, 1].

    Args:
        matrix: R as :func:`end_of_interval` returns it, with a window of 1.

    Raises:
        Undefined: the stream has one task only, or all are trained at once.

    Source: LEGION.
    """
    lost = _lost(matrix)
    return float(lost.sum() / (len(lost) - 1))


def backward_transfer_gem(matrix: Floats) -> float:
    """Return the mean over i < N-1 of R[N-1, i] - R[i, i], in [-1, 1].

    Args:
        matrix: R as :func:`end_of_interval` returns it, with a window of 1.

    Raises:
        Undefined: the stream has one task only, or all are trained at once.

    Source: GEM (Lopez-Paz and Ranzato 2017).
    """
    return float((0.0 - _lost(matrix)[:-1]).mean())


def _final(matrix: Floats) -> Floats:
    """Return R[N-1], [N]: the row before the one that came before training."""
    final: Floats = matrix[-2]
    return final


def _lost(matrix: Floats) -> Floats:
    """Return R[i, i] - R[N-1, i], [N]: what each task lost since it was just learned."""
    visits, tasks = len(matrix) - 1, matrix.shape[1]
    if visits < tasks:
        raise Undefined("all tasks are trained at once: none ends before another, to be forgotten")
    lost: Floats = np.diagonal(matrix) - _final(matrix)
    if len(lost) < 2:
        raise Undefined("needs a stream of at least two tasks")
    return lost
