"""Points of agents: performance over its cost, and over the order of tasks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from legion_bench.reports.figures.style import NORMAL, SMALL, Style, headline, plain

_MARKERS = "osD^vP*X<>hp"


def trade_off(rows: pd.DataFrame, styles: Mapping[str, Style], title: str) -> Figure:
    """Draw average performance over cost, a panel per cost, with the Pareto front.

    Args:
        rows: as of :func:`legion_bench.reports.comparisons.trade_off_frame`; not empty.
        styles: per agent; see :func:`agent_styles`.
        title: what the points are of.
    """
    costs = list(dict.fromkeys(rows["cost"]))
    figure = Figure(figsize=(0.9 + 3.7 * len(costs), 3.9), layout="constrained")
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    markers = dict(zip(styles, itertools.cycle(_MARKERS), strict=False))
    for axes, cost in zip(panels, costs, strict=True):
        shown = rows[rows["cost"] == cost]
        unit, label = _unit(cost, float(shown["paid"].max()))
        shown = shown.assign(paid=shown["paid"] / unit)
        right = shown["paid"].max() * 1.06 or 1
        front = shown[shown["front"]].sort_values(["paid", "mean"])
        # On to the right, where whoever pays more and is below is beaten too.
        steps = [*front["paid"], right], [*front["mean"], *front["mean"].tail(1)]
        if len(front):
            axes.plot(*steps, color="0.45", lw=1, ls=(0, (4, 2)), drawstyle="steps-post")
        for _, row in shown.iterrows():
            colour = styles[row["agent"]]["color"]
            if np.isfinite(row["low"]):
                axes.plot([row["paid"]] * 2, [row["low"], row["high"]], color=colour, lw=1.2)
            look = _look(colour, markers[row["agent"]], filled=row["learns"])
            axes.plot(row["paid"], row["mean"], zorder=3, clip_on=False, **look)
        _rates(axes, "y")
        axes.set_xlim(0, right)
        axes.set_xlabel(label, fontsize=NORMAL)
        if unit == 1:
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    panels[0].set_ylabel("average performance", fontsize=NORMAL)
    learns = dict(zip(rows["agent"], rows["learns"], strict=True))
    handles = [
        Line2D(
            [], [], ls="", label=plain(agent), **_look(styles[agent]["color"], markers[agent], filled=kind)
        )
        for agent, kind in learns.items()
    ]
    handles.append(Line2D([], [], color="0.45", lw=1, ls=(0, (4, 2)), label="Pareto front"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=SMALL)
    headline(panels[0], title)
    return figure


def order_robustness(rows: pd.DataFrame, styles: Mapping[str, Style], title: str) -> Figure:
    """Draw average performance per agent (down) and order (marker), from the worst order to the best.

    Args:
        rows: as of :func:`legion_bench.reports.orders.orders_frame`, of one comparison; not empty.
        styles: per agent; see :func:`agent_styles`.
        title: what the points are of.
    """
    agents, orders = list(dict.fromkeys(rows["agent"])), sorted(set(rows["protocol"]))
    longest = max(len(plain(agent)) for agent in agents)
    # Room for a whisker per order, so that they do not lie on one another.
    height = max(0.34, 0.14 * len(orders)) * len(agents)
    figure = Figure(figsize=(5.2 + 0.065 * longest, 1.6 + height), layout="constrained")
    axes = figure.subplots()
    markers = dict(zip(orders, itertools.cycle(_MARKERS), strict=False))
    shift = dict(zip(orders, np.linspace(-0.26, 0.26, len(orders)), strict=True))
    for place, agent in enumerate(agents):
        own, colour = rows[rows["agent"] == agent], styles[agent]["color"]
        axes.plot([own["mean"].min(), own["mean"].max()], [place, place], color="0.8", lw=5, zorder=1)
        axes.plot([own["mean"].mean()] * 2, [place - 0.36, place + 0.36], color="0.2", lw=1.4, zorder=2)
        for _, row in own.iterrows():
            at = place + shift[row["protocol"]]
            if np.isfinite(row["low"]):
                axes.plot([row["low"], row["high"]], [at, at], color=colour, lw=1.2, zorder=2)
            look = _look(colour, markers[row["protocol"]], filled=True)
            axes.plot(row["mean"], at, zorder=3, clip_on=False, **look)
    _rates(axes, "x")
    axes.set_ylim(len(agents) - 0.45, -0.55)
    axes.set_yticks(range(len(agents)), [plain(agent) for agent in agents])
    axes.set_xlabel("average performance", fontsize=NORMAL)
    _legend_of_orders(figure, orders, markers)
    headline(axes, title)
    return figure


def _legend_of_orders(figure: Figure, orders: Sequence[str], markers: Mapping[str, str]) -> None:
    handles = [
        Line2D([], [], ls="", label=plain(order), **_look("0.5", markers[order], filled=True))
        for order in orders
    ]
    handles.append(Line2D([], [], color="0.2", lw=1.4, ls="", marker="|", ms=8, label="mean over orders"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=SMALL)


def _look(colour: Any, marker: str, *, filled: bool) -> dict[str, Any]:
    return {"marker": marker, "ms": 7, "mfc": colour if filled else "white", "mec": "0.2", "mew": 0.8}


def _unit(cost: str, most: float) -> tuple[float, str]:
    """Return by what to divide a cost, and what the axis is called."""
    if cost != "wall_clock":
        return 1, cost.replace("_", " ")
    return (60, "wall clock, minutes") if most < 3 * 3600 else (3600, "wall clock, hours")


def _rates(axes: Axes, which: str) -> None:
    """Give one axis the limits and ticks of rates, and the axes their grid."""
    if which == "y":
        axes.set_ylim(-0.03, 1.03)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    else:
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.tick_params(labelsize=SMALL, color="0.6")
    axes.grid(color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.6")
