"""Metrics of continual learning: pure functions of an evaluation log."""

from legion_bench.metrics.metric import Metric, MetricValue, Reference
from legion_bench.metrics.performance import Performance, Undefined, success_rates
from legion_bench.metrics.table import HEADLINES, METRICS, NO_REFERENCE, compute, values

__all__ = [
    "HEADLINES",
    "METRICS",
    "NO_REFERENCE",
    "Metric",
    "MetricValue",
    "Performance",
    "Reference",
    "Undefined",
    "compute",
    "success_rates",
    "values",
]
