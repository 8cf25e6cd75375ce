"""Whether logs are what the schedule of their protocol makes, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.errors import BundleError, shown
from legion_bench.protocols.schedule import Phase
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, TRAINING, Run
from legion_bench.types import TrainingRecord

_COUNTS = ("gradient_updates", "parameters", "stored_bytes", "peak_memory_bytes")
_TIMES = ("wall_clock", "steps_per_second", "environment_seconds", "update_seconds", "evaluation_seconds")
_MOST = 2**53
"""Whole numbers up to here are what they are as floats, too."""


def check_episodes(run: Run, plan: Sequence[Phase]) -> None:
    """Raise at the first line that is not the episode which the schedule puts there."""
    log, protocol, stream = run.evaluations, run.manifest.protocol, run.manifest.stream
    expected = scheduled(protocol, stream, plan)
    lines = len(expected["step"])
    tasks = list(dict.fromkeys(stream.tasks))
    identity = np.array([tasks.index(name) if name in tasks else -1 for name in log.names], np.int64)
    columns: dict[str, NDArray[Any]] = {**vars(log), "task": identity[log.task]}
    common = min(len(log), lines)
    wrong = np.zeros(common, np.bool_)
    for name, values in expected.items():
        wrong |= columns[name][:common] != values[:common]
    wrong |= (log.success[:common] < 0) | (log.success[:common] > 1)
    if wrong.any() or len(log) != lines:
        line = int(wrong.argmax()) if wrong.any() else common
        there = shown(log[line]) if line < len(log) else "the end of the log"
        due = "no episode"
        if line < lines:
            due = ", ".join(f"{name} {values[line]}" for name, values in expected.items() if name != "task")
            due += f", task {tasks[expected['task'][line]]!r}, success 0 or 1"
        raise BundleError(
            f"{run.path.name}/{EVALUATIONS}, line {line + 1}: {there}; the schedule has {due} there:"
            " submit logs as runs wrote them"
        )


def scheduled(
    protocol: ProtocolCard, stream: StreamCard, plan: Sequence[Phase]
) -> dict[str, NDArray[np.int64]]:
    """Return what a complete evaluation log holds, line by line, but for successes and returns.

    ``task`` is the identity, by first appearance. An evaluated episode never ends before the horizon.
    """
    tasks = list(dict.fromkeys(stream.tasks))
    episodes = protocol.evaluation_episodes
    when = [(0, -1, ())] + [
        (step, phase.visit.position, phase.begun) for phase in plan for step in phase.evaluate_at
    ]
    slots = len(tasks) * episodes
    return {
        "step": np.repeat([step for step, _, _ in when], slots),
        "stream_position": np.repeat([position for _, position, _ in when], slots),
        "task_position": np.tile(
            np.repeat([stream.tasks.index(task) for task in tasks], episodes), len(when)
        ),
        "task": np.tile(np.repeat(np.arange(len(tasks)), episodes), len(when)),
        "presentation": np.repeat([[begun.count(task) for task in tasks] for _, _, begun in when], episodes),
        "episode": np.tile(np.arange(episodes), len(when) * len(tasks)),
        "length": np.full(len(when) * slots, stream.horizon),
    }


def check_training(run: Run, plan: Sequence[Phase]) -> None:
    """Raise unless there is one record per evaluation, of the whole budget, with costs that can be."""
    where = f"{run.path.name}/{TRAINING}"
    due = [(step, phase.visit.position, phase.visit.name) for phase in plan for step in phase.evaluate_at]
    made = [(record.step, record.stream_position, record.task) for record in run.training]
    for line, (found, wanted) in enumerate(zip(made, due, strict=False), start=1):
        if found != wanted:
            raise BundleError(f"{where}, line {line}: {shown(found)}, the schedule has {wanted} there")
    if len(made) != len(due):
        raise BundleError(f"{where}: it has {len(made)} records, the schedule {len(due)}")
    clock = 0.0
    for line, record in enumerate(run.training, start=1):
        if not _possible(record) or record.wall_clock < clock:
            raise BundleError(f"{where}, line {line}: a cost that cannot be: {shown(record)}")
        clock = record.wall_clock


def _possible(record: TrainingRecord) -> bool:
    counts = [getattr(record, name) for name in _COUNTS]
    times = [getattr(record, name) for name in _TIMES]
    return all(0 <= count <= _MOST for count in counts if count is not None) and all(
        0 <= time <= _MOST for time in times
    )


def check_knowledge(run: Run, plan: Sequence[Phase]) -> None:
    """Raise unless each record is of a visit's end, once, with numbers that can be."""
    ends = [(phase.stop, phase.visit.position, phase.visit.name) for phase in plan]
    for line, record in enumerate(run.knowledge, start=1):
        found = (record.step, record.stream_position, record.task)
        if found in ends and 1 <= record.components <= _MOST and 0 <= record.purity <= 1:
            ends.remove(found)
        else:
            raise BundleError(
                f"{run.path.name}/{KNOWLEDGE}, line {line}: not what an agent knew at a visit's end, once"
                f" per visit: {shown(record)}"
            )
