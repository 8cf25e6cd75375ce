"""Every metric in one table: what it means, and how to compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from legion_bench.metrics import continual
from legion_bench.metrics.continual import Undefined, end_of_interval
from legion_bench.metrics.performance import Performance, success_rates
from legion_bench.types import EvaluationRecord


@dataclass(frozen=True)
class Metric:
    """One metric, described for readers and ready to compute."""

    name: str
    """Unique; carries the convention."""
    title: str
    """Heading for a table's column."""
    definition: str
    """One line."""
    convention: str
    """Whose formula it is, and over how many evaluations the end of a task is averaged."""
    limits: tuple[float, float]
    """Lowest and highest possible value."""
    higher_is_better: bool
    of: Callable[[Performance], float]
    """Its value for a run; raises :class:`Undefined` where it has none."""


@dataclass(frozen=True)
class MetricValue:
    """A metric of one run: a value, or the reason why there is none."""

    value: float | None
    reason: str | None = None


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="average_performance",
            title="Average performance",
            definition="Mean success rate over all tasks of the stream after the last one was trained.",
            convention="LEGION: the last evaluation",
            limits=(0.0, 1.0),
            higher_is_better=True,
            of=lambda run: continual.average_performance(end_of_interval(run, window=1)),
        ),
        Metric(
            name="forgetting_cw",
            title="Forgetting (CW)",
            definition="Success rate lost from a task's own end to the stream's end, mean over all N tasks.",
            convention="Continual World: the last 5 evaluations of each task",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=lambda run: continual.forgetting_cw(end_of_interval(run, window=5)),
        ),
        Metric(
            name="forgetting_legion",
            title="Forgetting (LEGION)",
            definition="Success rate lost from a task's own end to the stream's end, sum divided by N − 1.",
            convention="LEGION: the last evaluation of each task",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=lambda run: continual.forgetting_legion(end_of_interval(run, window=1)),
        ),
        Metric(
            name="backward_transfer_gem",
            title="Backward transfer (GEM)",
            definition="Success rate gained from a task's own end to the stream's end, mean over i < N − 1.",
            convention="Lopez-Paz & Ranzato 2017: the last evaluation of each task",
            limits=(-1.0, 1.0),
            higher_is_better=True,
            of=lambda run: continual.backward_transfer_gem(end_of_interval(run, window=1)),
        ),
    )
}


def compute(
    evaluations: Sequence[EvaluationRecord], tasks: Sequence[str], ends: Sequence[int]
) -> dict[str, MetricValue]:
    """Return every metric of one run's evaluation log, by name.

    Args:
        evaluations: the episodes in the order they were logged.
        tasks: task names in stream order.
        ends: environment steps trained by the end of each visit; one number alone if
            all tasks are trained at once. They tell a finished run from one that stopped.

    Raises:
        MetricError: the log contradicts the stream or itself; see
            :func:`legion_bench.metrics.performance.success_rates`.
    """
    return values(success_rates(evaluations, tasks, ends))


def values(performance: Performance) -> dict[str, MetricValue]:
    """Return every metric of one run, by name."""
    return {name: _value(metric, performance) for name, metric in METRICS.items()}


def _value(metric: Metric, performance: Performance) -> MetricValue:
    try:
        return MetricValue(metric.of(performance))
    except Undefined as undefined:
        return MetricValue(None, str(undefined))
