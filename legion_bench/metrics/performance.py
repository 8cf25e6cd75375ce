"""Success rates over a run: what every metric is computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from legion_bench.errors import MetricError, unknown
from legion_bench.evaluations import Evaluations
from legion_bench.types import Bools, EvaluationRecord, Floats, Ints


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
    log = Evaluations.of(evaluations)
    if not log:
        raise MetricError("the evaluation log is empty")
    starts = np.flatnonzero(np.append(True, log.step[1:] != log.step[:-1]))
    steps = log.step[starts].astype(np.int64)
    positions = _stream_positions(log, starts, len(ends))
    _check_order(steps, positions, tasks, ends)
    firsts = _first_positions(log, tasks)
    evaluation = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(log)))
    cells = evaluation * len(tasks) + firsts
    _check_episodes(log, cells)
    shape = len(starts), len(tasks)
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    successes = np.bincount(cells, log.success, minlength=shape[0] * shape[1]).reshape(shape)
    columns = [tasks.index(task) for task in tasks]
    episodes = int(counts[0].max())
    _check_counts(counts[:, columns], episodes, steps, tasks)
    return Performance(
        steps=steps,
        stream_position=positions,
        success=successes[:, columns] / episodes,
        tasks=tuple(tasks),
        ends=tuple(ends),
        episodes=episodes,
        single_task=single_task,
    )


def _stream_positions(log: Evaluations, starts: Ints, length: int) -> Ints:
    """Return the stream position of each evaluation [K], whose first episodes are at ``starts`` [K]."""
    low, high = (extreme.reduceat(log.stream_position, starts) for extreme in (np.minimum, np.maximum))
    wrong = (low != high) | (low < -1) | (high >= length)
    if wrong.any():
        at = int(wrong.argmax())
        episodes = slice(starts[at], starts[at + 1] if at + 1 < len(starts) else None)
        found = np.unique(log.stream_position[episodes]).tolist()
        raise MetricError(
            f"step {log.step[starts[at]]}: stream position {found}, expected one of -1 to {length - 1}"
        )
    return low.astype(np.int64)


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


def _first_positions(log: Evaluations, tasks: Sequence[str]) -> Ints:
    """Return the first position in the stream of each episode's task [M], having checked each record."""
    known = np.array([tasks.index(name) if name in tasks else -1 for name in log.names], np.int64)
    firsts = known[log.task]
    _raise_first(log, firsts < 0, lambda record: unknown("task", record.task, set(tasks)))
    _raise_first(
        log,
        log.task_position != firsts,
        lambda record: (
            f"task {record.task!r} is logged under stream position {record.task_position},"
            f" its first is {tasks.index(record.task)}"
        ),
    )
    _raise_first(
        log,
        (log.success != 0) & (log.success != 1),
        lambda record: (
            f"episode {record.episode} of task {record.task!r} has success {record.success}, expected 0 or 1"
        ),
    )
    return firsts


def _check_episodes(log: Evaluations, cells: Ints) -> None:
    """Raise if an episode appears twice in a cell of evaluation and task."""
    order = np.lexsort((log.episode, cells))
    one, other = order[:-1], order[1:]
    again = np.zeros(len(log), np.bool_)
    again[other] = (cells[one] == cells[other]) & (log.episode[one] == log.episode[other])
    _raise_first(log, again, lambda record: f"episode {record.episode} of task {record.task!r} appears twice")


def _check_counts(counts: Ints, episodes: int, steps: Ints, tasks: Sequence[str]) -> None:
    for at, position in np.argwhere(counts != episodes)[:1]:
        raise MetricError(
            f"step {steps[at]}: task {tasks[position]!r} has {counts[at, position]} evaluation episodes,"
            f" expected {episodes}"
        )


def _raise_first(log: Evaluations, wrong: Bools, complaint: Callable[[EvaluationRecord], str]) -> None:
    if wrong.any():
        record = log[int(wrong.argmax())]
        raise MetricError(f"step {record.step}: {complaint(record)}")
