"""Metrics of continual learning: pure functions of an evaluation log."""

from legion_bench.metrics.continual import Undefined
from legion_bench.metrics.performance import Performance, success_rates
from legion_bench.metrics.table import METRICS, Metric, MetricValue, compute, values

__all__ = [
    "METRICS",
    "Metric",
    "MetricValue",
    "Performance",
    "Undefined",
    "compute",
    "success_rates",
    "values",
]
