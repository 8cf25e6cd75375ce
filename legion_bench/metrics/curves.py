"""Metrics of success over training, evaluation by evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.integrate import trapezoid

from legion_bench.metrics.performance import Performance, Undefined
from legion_bench.types import Floats, Ints

THRESHOLD = 0.8
Curve = tuple[Ints, Floats]
"""Steps [K] since a visit began, and the success rate [K] on its task then."""


def own_curve(performance: Performance, position: int, *, start: bool = False) -> Curve:
    """Return success on the task at ``position`` over the visit to it.

    Args:
        performance: success rates of a run.
        position: in the stream.
        start: whether to put the evaluation at step 0 of the visit before the others.

    Raises:
        Undefined: training stopped before the stream's end, or all tasks are trained at once.
    """
    performance.check_complete()
    if len(performance.ends) < len(performance.tasks):
        raise Undefined("all tasks are trained at once: none is learned by itself")
    chosen = performance.interval(position)
    began = performance.ends[position - 1] if position else 0
    if start:
        chosen = np.array([chosen[0] - 1, *chosen])
    return performance.steps[chosen] - began, performance.success[chosen, position]


def learning_auc(performance: Performance) -> Floats:
    """Return the mean success rate on each task [N] over the visit to it, its start left out.

    Raises:
        Undefined: as :func:`own_curve`.
    """
    return np.array([own_curve(performance, i)[1].mean() for i in range(len(performance.tasks))])


def fwt_libero(curves: Sequence[Floats]) -> float:
    """Return the mean over tasks of mean success, where what follows the best is held at it; in [0, 1].

    Args:
        curves: per task, success rates [K] over the visit to it.

    Source: LIBERO's forward transfer (Liu et al. 2023): learning speed, without a reference.
    """
    held = [np.where(np.arange(len(curve)) < curve.argmax(), curve, curve.max()) for curve in curves]
    return float(np.mean([curve.mean() for curve in held]))


def min_accuracy(success: Floats, stream_position: Ints) -> float:
    """Return the mean over i < N-1 of the lowest success on task i after its visit, in [0, 1].

    Args:
        success: [K, N] per evaluation and task.
        stream_position: [K] what was being trained.

    Raises:
        Undefined: there is one task only, or no visit comes after another.

    Source: De Lange et al. 2023.
    """
    tasks = success.shape[1]
    if tasks < 2 or stream_position[-1] < tasks - 1:
        raise Undefined("needs at least two tasks, one trained after another")
    return float(np.mean([success[stream_position > i, i].min() for i in range(tasks - 1)]))


def worst_case_accuracy(success: Floats, stream_position: Ints) -> float:
    """Return success on the last task at the end / N + (1 - 1/N) * :func:`min_accuracy`, in [0, 1].

    Args:
        success: [K, N] per evaluation and task.
        stream_position: [K] what was being trained.

    Source: De Lange et al. 2023.
    """
    share = 1 / success.shape[1]
    return float(share * success[-1, -1] + (1 - share) * min_accuracy(success, stream_position))


def recall_improvement_legion(earlier: Curve, later: Curve) -> float:
    """Return the mean height of the later curve minus that of the earlier, in [-1, 1].

    Heights are areas (trapezoid) over steps, divided by the steps and by the best possible success, 1.

    Args:
        earlier: of one visit to a task, from its start.
        later: of a later visit to it.

    Source: LEGION's few-shot recall.
    """
    (a, b) = (trapezoid(success, steps) / (steps[-1] - steps[0]) for steps, success in (earlier, later))
    return float(b - a)


def steps_to_threshold(curve: Curve, threshold: float = THRESHOLD) -> int | None:
    """Return the first step with success of at least ``threshold``; None for never."""
    steps, success = curve
    reached = success >= threshold
    return int(steps[reached.argmax()]) if reached.any() else None
