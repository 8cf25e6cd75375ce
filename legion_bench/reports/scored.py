"""What tables and figures need of a result, whoever measured it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from legion_bench.metrics import MetricValue, Performance, Undefined
from legion_bench.metrics.cost import Cost
from legion_bench.metrics.curves import Curve
from legion_bench.protocols.schedule import Span
from legion_bench.reports.references import Reference


class Scored(Protocol):
    """One training of one agent: :class:`~legion_bench.reports.measured.Measured`, or published."""

    @property
    def protocol(self) -> str:
        """What it is called in a report; so are agent and folder."""

    @property
    def agent(self) -> str:
        """The learner's name."""

    @property
    def seed(self) -> int:
        """The run's number, where seeds were not published."""

    @property
    def folder(self) -> str:
        """Where it is, unique among all results of a report."""

    @property
    def status(self) -> str:
        """How it ended, in a word."""

    @property
    def complete(self) -> bool:
        """Whether every task was trained and evaluated to its end."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """What was trained, in order."""

    @property
    def performance(self) -> Performance | None:
        """Success rates per task; None where there are none to be had."""

    @property
    def averages(self) -> Curve | None:
        """Steps [K] and the mean success rate [K] over stream positions then."""

    @property
    def metrics(self) -> Mapping[str, MetricValue]:
        """Every metric of :data:`legion_bench.metrics.METRICS`, by name."""

    @property
    def cost(self) -> Cost:
        """What it took."""

    @property
    def reference(self) -> Reference | Undefined:
        """What its forward transfer is measured against, or why it has none."""
