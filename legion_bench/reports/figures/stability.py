"""What becomes of earlier tasks right after a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from legion_bench.reports.figures.bars import bar_size, draw_bars
from legion_bench.reports.figures.style import NORMAL, Style, frame, legend, lines, plain


def stability_gap(
    bands: pd.DataFrame,
    rows: pd.DataFrame,
    metrics: Sequence[str],
    styles: Mapping[str, Style],
    title: str,
) -> Figure:
    """Draw success on earlier tasks over the steps since a switch, and bars of the lowest success.

    Args:
        bands: rows with ``agent``, ``step`` (0: the switch), ``mean``, ``low`` and ``high``.
        rows: as of :func:`legion_bench.reports.comparisons.metrics_frame`.
        metrics: names of metrics that bars are of.
        styles: per agent; see :func:`agent_styles`.
        title: what the curves are of.
    """
    agents = [agent for agent in styles if agent in set(bands["agent"])]
    width, height = bar_size(agents, len(metrics))
    figure = Figure(figsize=(4.6 + width, max(3.4, height + 0.8)), layout="constrained")
    ratios = [1.0, *[0.45] * len(metrics)]
    axes = figure.subplots(1, 1 + len(metrics), width_ratios=ratios, squeeze=False)[0]
    lines(axes[0], bands, styles)
    frame(axes[0], int(bands["step"].max()))
    axes[0].set_xlabel("environment steps since the task switch", fontsize=NORMAL)
    axes[0].set_ylabel("success rate on earlier tasks", fontsize=NORMAL)
    for panel, metric in zip(axes[1:], metrics, strict=True):
        draw_bars(panel, rows, metric, agents, styles)
        panel.tick_params(labelleft=panel is axes[1])
    legend(figure, bands, styles)
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold", x=0.01, ha="left")
    return figure
