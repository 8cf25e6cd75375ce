"""What was reached at the end, per order of tasks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from legion_bench.reports.figures.style import NORMAL, SMALL, Style, headline, plain

_MARKERS = "DosvP^X"
_WIDTH = 0.72
"""Of an order that is shared by all its agents."""


def final_by_order(
    runs: pd.DataFrame, estimates: pd.DataFrame, styles: Mapping[str, Style], title: str
) -> Figure:
    """Draw average performance at the end: the mean per order and agent, its interval, and each run.

    Args:
        runs: rows with ``order``, ``agent`` and ``value``.
        estimates: rows with ``order``, ``agent``, ``mean``, ``low`` and ``high`` (NaN: one
            run alone), in the order of the figure.
        styles: line style per agent; see :func:`~legion_bench.reports.figures.agent_styles`.
        title: what the values are of.
    """
    orders, agents = list(dict.fromkeys(estimates["order"])), list(dict.fromkeys(estimates["agent"]))
    slot = _WIDTH / len(agents)
    width = max(4.4, 1.2 + 0.75 * len(orders) * max(2, len(agents)))
    figure = Figure(figsize=(min(11.0, width), 3.5), layout="constrained")
    axes = figure.subplots()
    for _, row in estimates.iterrows():
        at = agents.index(row["agent"])
        centre = orders.index(row["order"]) - _WIDTH / 2 + (at + 0.5) * slot
        marker, colour = _MARKERS[at % len(_MARKERS)], styles[row["agent"]]["color"]
        values = np.sort(runs.loc[(runs["order"] == row["order"]) & (runs["agent"] == row["agent"]), "value"])
        # Equal values lie side by side, so that each run is seen.
        beside = np.arange(len(values)) - np.searchsorted(values, values)
        left = centre - 0.16 * slot - 0.08 * slot * beside
        axes.plot(left, values, "o", mfc="none", mec=colour, ms=3.4, alpha=0.8, lw=0)
        right = centre + 0.14 * slot
        if pd.notna(row["low"]):
            axes.plot([right, right], [row["low"], row["high"]], color=colour, lw=2, solid_capstyle="butt")
        axes.plot(right, row["mean"], marker, color=colour, mec="white", ms=7.5, zorder=3)
        axes.annotate(
            f"{row['mean']:.2f}",
            (right, row["mean"]),
            (7, 0),
            textcoords="offset points",
            fontsize=SMALL,
            va="center",
        )
    axes.set_xlim(-0.5, len(orders) - 0.5)
    axes.set_xticks(range(len(orders)), [plain(order) for order in orders], fontsize=NORMAL)
    axes.set_ylim(-0.02, 1.04)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_ylabel("final average performance", fontsize=NORMAL)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", labelsize=SMALL, color="0.6")
    axes.grid(axis="y", color="0.85", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.6")
    shown = [
        Line2D(
            [],
            [],
            marker=_MARKERS[at % len(_MARKERS)],
            color=styles[agent]["color"],
            lw=2,
            label=plain(agent),
        )
        for at, agent in enumerate(agents)
    ]
    figure.legend(
        handles=shown, loc="outside lower center", ncols=min(4, len(shown)), frameon=False, fontsize=SMALL
    )
    headline(axes, title)
    return figure
