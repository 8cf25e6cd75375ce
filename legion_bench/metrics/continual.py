"""Metrics of the performance matrix: what was learned, and what of it was kept.

``R[k, i]`` is the success rate on the task at stream position i at the end of the
visit to position k. Published suites use different formulas under one name, so a
function's name here carries its convention.
"""

from __future__ import annotations

import numpy as np

from legion_bench.metrics.performance import Performance, Undefined
from legion_bench.types import Floats


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
    performance.check_complete()
    rows = []
    for position in range(len(performance.ends)):
        interval = performance.interval(position)
        if len(interval) < window:
            visit = performance.visit(position)
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
        Undefined: the stream has one task only, or all are trained at once; here and below.

    Source: Continual World (Wolczyk et al. 2021).
    """
    return float(_lost(matrix).mean())


def forgetting_legion(matrix: Floats) -> float:
    """Return the sum over all tasks of R[i, i] - R[N-1, i], divided by N-1; in [-1, 1].

    Args:
        matrix: R, with a window of 1.

    Source: LEGION.
    """
    lost = _lost(matrix)
    return float(lost.sum() / (len(lost) - 1))


def forgetting_coom(matrix: Floats) -> float:
    """Return the mean over i < N-1 of R[i, i] - R[N-1, i], in [-1, 1].

    Args:
        matrix: R, with a window of 10.

    Source: COOM (Tomilin et al. 2023).
    """
    return float(_lost(matrix)[:-1].mean())


def forgetting_chaudhry(matrix: Floats) -> float:
    """Return the mean over i < N-1 of the best R[k, i] of i <= k < N-1, minus R[N-1, i]; in [-1, 1].

    Args:
        matrix: R, with a window of 1.

    Source: Chaudhry et al. 2018.
    """
    tasks, final = _in_turn(matrix), _final(matrix)
    return float(np.mean([matrix[i : tasks - 1, i].max() - final[i] for i in range(tasks - 1)]))


def forgetting_cora(matrix: Floats, best: Floats) -> float:
    """Return the mean over pairs i < j of (R[j-1, i] - R[j, i]) / best[i], in [-1, 1].

    Args:
        matrix: R, with a window of 1.
        best: [N] the highest success rate on each task at any time; a task where it is 0 is
            left out.

    Raises:
        Undefined: also if no task but the last was ever solved.

    Source: CORA's isolated forgetting (Powers et al. 2022).
    """
    tasks = _in_turn(matrix)
    pairs = [(i, j) for i in range(tasks) for j in range(i + 1, tasks) if best[i] > 0]
    return _mean([(matrix[j - 1, i] - matrix[j, i]) / best[i] for i, j in pairs], "no task but the last")


def nbt_libero(matrix: Floats) -> float:
    """Return the sum over k < N-1 of the mean over j > k of R[k, k] - R[j, k], divided by N; in [-1, 1].

    Args:
        matrix: R, with a window of 1.

    Source: LIBERO's negative backward transfer (Liu et al. 2023).
    """
    tasks = _in_turn(matrix)
    return float(sum((matrix[k, k] - matrix[k + 1 : tasks, k]).mean() for k in range(tasks - 1)) / tasks)


def backward_transfer_gem(matrix: Floats) -> float:
    """Return the mean over i < N-1 of R[N-1, i] - R[i, i], in [-1, 1].

    Args:
        matrix: R, with a window of 1.

    Source: GEM (Lopez-Paz and Ranzato 2017).
    """
    return float((0.0 - _lost(matrix)[:-1]).mean())


def forward_transfer_gem(matrix: Floats) -> float:
    """Return the mean over i > 0 of R[i-1, i] - R[-1, i], in [-1, 1]: what comes before training on it.

    Args:
        matrix: R, with a window of 1.

    Source: GEM (Lopez-Paz and Ranzato 2017); its baseline is the agent before training.
    """
    tasks = _in_turn(matrix)
    return float(np.mean([matrix[i - 1, i] - matrix[-1, i] for i in range(1, tasks)]))


def zero_shot_transfer_cora(matrix: Floats, best: Floats) -> float:
    """Return the mean over pairs j < i of (R[j, i] - R[j-1, i]) / best[i], in [-1, 1].

    Args:
        matrix: R, with a window of 1.
        best: [N] the highest success rate on each task at any time; a task where it is 0 is
            left out.

    Raises:
        Undefined: also if no task but the first was ever solved.

    Source: CORA (Powers et al. 2022).
    """
    tasks = _in_turn(matrix)
    pairs = [(j, i) for i in range(tasks) for j in range(i) if best[i] > 0]
    return _mean([(matrix[j, i] - matrix[j - 1, i]) / best[i] for j, i in pairs], "no task but the first")


def retention(matrix: Floats) -> float:
    """Return the mean of R[N-1, i] / R[i, i] over the tasks with R[i, i] > 0, from 0.

    Args:
        matrix: R, with a window of 1.

    Raises:
        Undefined: also if no task was solved at its end.
    """
    _in_turn(matrix)
    learned = np.diagonal(matrix) > 0
    if not learned.any():
        raise Undefined("no task was solved at its own end")
    return float((_final(matrix)[learned] / np.diagonal(matrix)[learned]).mean())


def _final(matrix: Floats) -> Floats:
    """Return R[N-1], [N]: the row before the one that came before training."""
    final: Floats = matrix[-2]
    return final


def _in_turn(matrix: Floats) -> int:
    """Return N, two or more tasks that were trained one after another."""
    visits, tasks = len(matrix) - 1, int(matrix.shape[1])
    if visits < tasks:
        raise Undefined("all tasks are trained at once: none ends before another")
    if tasks < 2:
        raise Undefined("needs a stream of at least two tasks")
    return tasks


def _lost(matrix: Floats) -> Floats:
    """Return R[i, i] - R[N-1, i], [N]: what each task lost since it was just learned."""
    _in_turn(matrix)
    lost: Floats = np.diagonal(matrix) - _final(matrix)
    return lost


def _mean(values: list[float], none: str) -> float:
    if not values:
        raise Undefined(f"{none} was ever solved")
    return float(np.mean(values))
