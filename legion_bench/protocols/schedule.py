"""When a protocol trains on what, and when it evaluates: pure functions of cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.types import TaskInfo


@dataclass(frozen=True, slots=True)
class Span:
    """Training on one set of tasks, in environment steps since training began."""

    name: str
    """The task whose visit it is, or ``"all tasks"``, at once."""
    tasks: tuple[str, ...]
    """The tasks that are trained together, by identity."""
    rows: int
    """Training environments that act together; so many steps pass at once."""
    start: int
    stop: int
    """Where the budget is reached: late by a few steps, if it is no multiple of ``rows``."""


@dataclass(frozen=True, slots=True)
class Phase(Span):
    """A span of training as a run goes through it."""

    visit: TaskInfo
    """What the agent is told begins and ends: the visit, or the first where all tasks are trained at once."""
    begun: tuple[str, ...]
    """Task names of the visits that the agent has begun so far, this one's included."""
    evaluate_at: tuple[int, ...]
    """Steps in (start, stop] after which to evaluate; the last is ``stop``."""


def spans(protocol: ProtocolCard, stream: StreamCard) -> tuple[Span, ...]:
    """Return what is trained, in order: each span gives each of its tasks ``steps_per_task``."""
    plan: list[tuple[str, tuple[str, ...]]]
    match protocol.regime:
        case "lifelong" | "single-task":
            plan = [(task, (task,)) for task in stream.tasks]
        case "expanding":
            so_far = [stream.tasks[: position + 1] for position in range(len(stream.tasks))]
            plan = [(tasks[-1], tuple(dict.fromkeys(tasks))) for tasks in so_far]
        case "multi-task":
            plan = [("all tasks", tuple(dict.fromkeys(stream.tasks)))]
    found: list[Span] = []
    for name, tasks in plan:
        rows = len(tasks) * protocol.slots
        start = found[-1].stop if found else 0
        found.append(
            Span(name, tasks, rows, start, start + rows * _ceil(stream.steps_per_task, protocol.slots))
        )
    return tuple(found)


def phases(protocol: ProtocolCard, stream: StreamCard) -> tuple[Phase, ...]:
    """Return the spans of training with their visits and evaluations.

    Evaluations fall on the first step that reaches a multiple of ``evaluate_every``,
    and on every span's last; the one before training is not part of any phase.
    """
    visits = stream.visits()
    grows = protocol.regime in ("lifelong", "expanding")  # else an agent knows one span alone
    return tuple(
        Phase(
            **asdict(span),
            visit=visit,
            begun=stream.tasks[: visit.position + 1] if grows else span.tasks,
            evaluate_at=tuple(evaluation_steps(span, protocol.evaluate_every)),
        )
        for span, visit in zip(spans(protocol, stream), visits, strict=False)
    )


def evaluation_steps(span: Span, every: int) -> Iterator[int]:
    """Yield the steps in (start, stop] of a span after which to evaluate; see :func:`phases`."""
    last = span.start
    for multiple in range((span.start // every + 1) * every, span.stop, every):
        reached = span.start + span.rows * _ceil(multiple - span.start, span.rows)
        if reached > last:  # one step may reach several multiples
            yield (last := reached)
    if span.stop > last:
        yield span.stop


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
