"""What a metric is, and how the mathematics of one is asked of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from legion_bench.metrics import continual, curves
from legion_bench.metrics.continual import end_of_interval
from legion_bench.metrics.curves import THRESHOLD, learning_auc, own_curve
from legion_bench.metrics.performance import Performance, Undefined
from legion_bench.types import Bools, Floats, Ints

Reference = Floats | Undefined
"""What single-task agents achieve: their AUC [N] by stream position, or why there is none."""


@dataclass(frozen=True)
class MetricValue:
    """A metric of one run: a value, or the reason why there is none."""

    value: float | None
    reason: str | None = None
    left_out: tuple[str, ...] = ()
    """Visits to tasks that the metric does not define, and that its mean leaves out."""
    parts: Mapping[str, float | None] = field(default_factory=dict)
    """What the value is the mean of, where that is worth telling; None: never."""


Of = Callable[[Performance, Reference], float | MetricValue]
"""A metric of a run and its reference; raises :class:`Undefined` where it has none."""


@dataclass(frozen=True, kw_only=True)
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
    headline: bool = False
    """Whether tables to read have a column of it; files of numbers have one of each."""
    of: Of
    """Its value for a run."""

    @property
    def range(self) -> str:
        """Its limits in words."""
        low, high = (f"{limit:g}".replace("-", "−").replace("inf", "∞") for limit in self.limits)
        return f"{low} to {high}"

    def value(self, run: Performance, reference: Reference) -> MetricValue:
        """Return its value for a run, or why there is none."""
        try:
            found = self.of(run, reference)
        except Undefined as undefined:
            return MetricValue(None, str(undefined))
        return found if isinstance(found, MetricValue) else MetricValue(found)


def of_matrix(metric: Callable[[Floats], float], window: int) -> Of:
    """Ask a metric of the performance matrix R."""
    return lambda run, _: metric(_matrix(run, window))


def of_matrix_and_best(metric: Callable[[Floats, Floats], float]) -> Of:
    """Ask a metric of R and the highest success rates."""

    def of(run: Performance, _: Reference) -> MetricValue:
        best = run.success.max(axis=0)
        return MetricValue(metric(_matrix(run, 1), best), left_out=_visits(run, best <= 0))

    return of


def of_transfer(metric: Callable[[Floats, Floats], float], defined: Callable[[Floats], Bools]) -> Of:
    """Ask a metric of learning here and alone; ``defined`` says of which tasks it is one."""

    def of(run: Performance, reference: Reference) -> MetricValue:
        auc = learning_auc(run)
        if isinstance(reference, Undefined):
            raise reference
        return MetricValue(metric(auc, reference), left_out=_visits(run, ~defined(reference)))

    return of


def of_evaluations(metric: Callable[[Floats, Ints], float]) -> Of:
    """Ask a metric of all evaluations of a run."""

    def of(run: Performance, _: Reference) -> float:
        run.check_complete()
        _check_one_agent(run)
        return metric(run.success, run.stream_position)

    return of


def retention(run: Performance, _: Reference) -> MetricValue:
    """Return retention, without the tasks that were not solved at their end."""
    matrix = _matrix(run, 1)
    return MetricValue(continual.retention(matrix), left_out=_visits(run, np.diagonal(matrix) <= 0))


def fwt_libero(run: Performance, _: Reference) -> float:
    """Return LIBERO's forward transfer."""
    return curves.fwt_libero([own_curve(run, i)[1] for i in range(len(run.tasks))])


def recall_improvement_legion(run: Performance, _: Reference) -> MetricValue:
    """Return the mean over all pairs of visits to one task."""
    run.check_complete()
    _check_one_agent(run)
    visits: dict[str, list[int]] = defaultdict(list)
    for position, task in enumerate(run.tasks):
        visits[task].append(position)
    parts = {
        f"{task} {a + 1} → {b + 1}": curves.recall_improvement_legion(
            own_curve(run, positions[a], start=True), own_curve(run, positions[b], start=True)
        )
        for task, positions in visits.items()
        for a, b in combinations(range(len(positions)), 2)
    }
    if not parts:
        raise Undefined("no task is visited twice")
    return MetricValue(float(np.mean(list(parts.values()))), parts=parts)


def steps_to_threshold(run: Performance, _: Reference) -> MetricValue:
    """Return the mean over visits, if each reached it; the parts tell which did and when."""
    found = [curves.steps_to_threshold(own_curve(run, i)) for i in range(len(run.tasks))]
    parts = dict(zip(_visits(run, np.ones(len(found), bool)), found, strict=True))
    never = [visit for visit, steps in parts.items() if steps is None]
    if never:
        reason = f"success never reached {THRESHOLD:g} within the visit to {', '.join(never)}"
        return MetricValue(None, reason, parts=parts)
    return MetricValue(float(np.mean(list(parts.values()))), parts=parts)


def _matrix(run: Performance, window: int) -> Floats:
    _check_one_agent(run)
    return end_of_interval(run, window)


def _check_one_agent(run: Performance) -> None:
    if run.single_task:
        raise Undefined("each visit trained an agent of its own, which knows no other task")


def _visits(run: Performance, chosen: Bools) -> tuple[str, ...]:
    """Return the names of the chosen visits [N]: “1 reach”, …."""
    return tuple(f"{i + 1} {run.tasks[i]}" for i in np.flatnonzero(chosen))
