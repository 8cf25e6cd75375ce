"""When a protocol trains on what, and when it evaluates: pure functions of cards."""

from __future__ import annotations

from dataclasses import dataclass

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.types import TaskInfo


@dataclass(frozen=True, slots=True)
class Phase:
    """One visit of the stream, in environment steps since training began."""

    visit: TaskInfo
    start: int
    stop: int
    evaluate_at: tuple[int, ...]
    """Steps in (start, stop] after which to evaluate; the last is ``stop``."""


def phases(protocol: ProtocolCard, stream: StreamCard) -> tuple[Phase, ...]:
    """Return the visits in order, with their evaluation steps.

    Evaluations fall on every multiple of ``evaluate_every`` and on every task boundary;
    the one before training is not part of any phase.
    """
    budget, every = stream.steps_per_task, protocol.evaluate_every
    result = []
    for visit in stream.visits():
        start = visit.position * budget
        stop = start + budget
        first = (start // every + 1) * every
        result.append(Phase(visit, start, stop, (*range(first, stop, every), stop)))
    return tuple(result)
