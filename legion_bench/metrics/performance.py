"""Success rates over a run: what every metric is computed from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from legion_bench.errors import MetricError, unknown
from legion_bench.types import EvaluationRecord, Floats, Ints


class Undefined(MetricError):
    """A metric has no value for a run, though nothing is wrong with its log."""


@dataclass(frozen=True, eq=False)
class Performance:
    """K evaluations of the frozen policy on the N positions of a stream."""

    steps: Ints
    """[K] environment steps trained before each evaluation, strictly increasing."""
    stream_position: Ints
    """[K] position that was being trained, in [-1, P-1]; -1 only first, before training."""
    success: Floats
    """[K, N] share of episodes that succeeded, in [0, 1]; equal where a task repeats."""
    tasks: tuple[str, ...]
    """The N task names in stream order."""
    ends: tuple[int, ...]
    """Steps at which the P visits end: one per task, or one alone if all are trained at once."""
    episodes: int
    """Episodes behind each success rate."""
    single_task: bool = False
    """Whether each visit trained an agent of its own."""

    @property
    def trained(self) -> int:
        """How many visits were trained, and evaluated, to their end: 0 to P."""
        last = int(self.stream_position[-1])
        return 0 if last < 0 else last + bool(self.steps[-1] >= self.ends[last])

    @property
    def complete(self) -> bool:
        """Whether all visits were."""
        return self.trained == len(self.ends)

    def interval(self, position: int) -> Ints:
        """Return the indices of the evaluations made while ``position`` was trained."""
        return np.flatnonzero(self.stream_position == position)

    def visit(self, position: int) -> str:
        """Return the name of a visit, as in “'reach' (task 1 of 3)”."""
        if len(self.ends) < len(self.tasks):
            return "all tasks together"
        return f"{self.tasks[position]!r} (task {position + 1} of {len(self.tasks)})"

    def check_complete(self) -> None:
        """Raise Undefined if training stopped before the stream's end."""
        if not self.complete:
            raise Undefined(
                f"training ended at step {self.steps[-1]}, before the end of {self.visit(self.trained)}"
            )


def success_rates(
    evaluations: Sequence[EvaluationRecord],
    tasks: Sequence[str],
    ends: Sequence[int],
    *,
    single_task: bool = False,
) -> Performance:
    """Turn an evaluation log into success rates.

    Args:
        evaluations: the episodes in the order they were logged. A repeated task is
            evaluated once, under its first position; its rate fills all of them.
        tasks: task names in stream order.
        ends: environment steps trained by the end of each visit; one number alone if
            all tasks are trained at once.
        single_task: whether each visit trained an agent of its own.

    Raises:
        MetricError: the log is empty, is out of order, lacks the evaluation before
            training or one at a task's end; or an evaluation lacks a task, has an
            unknown one, repeats an episode, or has more or fewer than the others.
    """
    if not evaluations:
        raise MetricError("the evaluation log is empty")
    groups = [tuple(group) for _, group in groupby(evaluations, key=lambda record: record.step)]
    steps = np.array([group[0].step for group in groups], dtype=np.int64)
    positions = np.array([_stream_position(group, len(ends)) for group in groups], dtype=np.int64)
    _check_order(steps, positions, tasks, ends)
    episodes = _episodes(groups[0])
    rates = [_rates(group, tasks, episodes) for group in groups]
    return Performance(
        steps=steps,
        stream_position=positions,
        success=np.array([[rate[task] for task in tasks] for rate in rates]),
        tasks=tuple(tasks),
        ends=tuple(ends),
        episodes=episodes,
        single_task=single_task,
    )


def _stream_position(group: Sequence[EvaluationRecord], length: int) -> int:
    found = {record.stream_position for record in group}
    if len(found) > 1 or not found <= set(range(-1, length)):
        raise MetricError(
            f"step {group[0].step}: stream position {sorted(found)}, expected one of -1 to {length - 1}"
        )
    return found.pop()


def _check_order(steps: Ints, positions: Ints, tasks: Sequence[str], ends: Sequence[int]) -> None:
    for series, name in ((np.diff(steps) > 0, "steps"), (np.diff(positions) >= 0, "stream positions")):
        if not series.all():
            raise MetricError(f"the log's {name} are not in order after step {steps[np.argmin(series)]}")
    if np.count_nonzero(positions == -1) != 1:
        raise MetricError("the log must hold one evaluation before training (stream position -1)")
    for position in range(int(positions[-1])):
        if not np.any(steps[positions == position] >= ends[position]):
            raise MetricError(
                f"task {tasks[position]!r} at stream position {position} has no evaluation at its end"
                f" (step {ends[position]}), though later ones were trained"
            )


def _episodes(group: Sequence[EvaluationRecord]) -> int:
    return max(Counter(record.task for record in group).values())


def _rates(group: Sequence[EvaluationRecord], tasks: Sequence[str], episodes: int) -> dict[str, float]:
    """Return the success rate of each task in one evaluation."""
    where = f"step {group[0].step}"
    results: dict[str, dict[int, int]] = {task: {} for task in tasks}
    for record in group:
        _check_record(record, tasks)
        if record.episode in results[record.task]:
            raise MetricError(f"{where}: episode {record.episode} of task {record.task!r} appears twice")
        results[record.task][record.episode] = record.success
    for task, successes in results.items():
        if len(successes) != episodes:
            raise MetricError(
                f"{where}: task {task!r} has {len(successes)} evaluation episodes, expected {episodes}"
            )
    return {task: sum(successes.values()) / episodes for task, successes in results.items()}


def _check_record(record: EvaluationRecord, tasks: Sequence[str]) -> None:
    where = f"step {record.step}"
    if record.task not in tasks:
        raise MetricError(f"{where}: {unknown('task', record.task, set(tasks))}")
    if record.task_position != tasks.index(record.task):
        raise MetricError(
            f"{where}: task {record.task!r} is logged under stream position {record.task_position},"
            f" its first is {tasks.index(record.task)}"
        )
    if record.success not in (0, 1):
        raise MetricError(
            f"{where}: episode {record.episode} of task {record.task!r} has success {record.success},"
            " expected 0 or 1"
        )
