"""The figures of a report, each with the caption that makes it readable alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from legion_bench.reports.figures import Style
from legion_bench.reports.measured import Measured, to_average
from legion_bench.reports.pictures.captions import Picture
from legion_bench.reports.pictures.comparisons import built_on, cost, stability, transfer
from legion_bench.reports.pictures.knowledge import knowledge
from legion_bench.reports.pictures.orders import orders
from legion_bench.reports.pictures.recall import recall
from legion_bench.reports.pictures.statistics import statistics
from legion_bench.reports.pictures.success import matrices, success

__all__ = ["Picture", "orders", "pictures"]

_FAMILIES = (success, statistics, transfer, stability, built_on, cost, recall, knowledge, matrices)
"""In the order of the page: each yields figures of runs of one protocol, all with a usable log."""


def pictures(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield the figures of the runs of one protocol; none if no run has a usable log."""
    shown = to_average(runs)
    if shown:
        for family in _FAMILIES:
            yield from family(shown, styles)
