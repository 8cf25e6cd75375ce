"""Figures: averaged DataFrames in, Matplotlib figures out; no global state is touched."""

from legion_bench.reports.figures.bars import metric_bars
from legion_bench.reports.figures.curves import average_performance, task_success
from legion_bench.reports.figures.knowledge import component_counts, latent_space
from legion_bench.reports.figures.matrix import success_matrix
from legion_bench.reports.figures.orders import final_by_order
from legion_bench.reports.figures.recall import recall_curves
from legion_bench.reports.figures.scatter import order_robustness, trade_off
from legion_bench.reports.figures.stability import stability_gap
from legion_bench.reports.figures.statistics import (
    aggregate_intervals,
    improvement_matrix,
    performance_profiles,
)
from legion_bench.reports.figures.style import Style, agent_styles, plain, save

__all__ = [
    "Style",
    "agent_styles",
    "aggregate_intervals",
    "average_performance",
    "component_counts",
    "final_by_order",
    "improvement_matrix",
    "latent_space",
    "metric_bars",
    "order_robustness",
    "performance_profiles",
    "plain",
    "recall_curves",
    "save",
    "stability_gap",
    "success_matrix",
    "task_success",
    "trade_off",
]
