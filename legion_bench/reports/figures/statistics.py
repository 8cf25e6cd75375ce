"""Agents compared over seeds and tasks: aggregates, performance profiles, probability of improvement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from legion_bench.reports.figures.heat import heat_map, ink
from legion_bench.reports.figures.style import NORMAL, SMALL, Style, headline, legend, opacity, plain
from legion_bench.reports.tables import AGGREGATES, MISSING, number

_QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def aggregate_intervals(
    aggregates: pd.DataFrame, agents: Sequence[str], styles: Mapping[str, Style], title: str
) -> Figure:
    """Draw one panel per aggregate: a point and an interval for each agent.

    Args:
        aggregates: of one protocol, as :func:`legion_bench.reports.statistics.aggregates_frame` gives them.
        agents: from top to bottom.
        styles: colour per agent; see :func:`agent_styles`.
        title: what the aggregates are of.
    """
    longest = max(len(plain(agent)) for agent in agents)
    size = (6.6 + 0.075 * longest, 1.15 + 0.27 * len(agents))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(AGGREGATES), sharey=True)
    for panel, (name, words) in zip(panels, AGGREGATES.items(), strict=True):
        found = aggregates[aggregates["statistic"] == name].set_index("agent").loc[list(agents)]
        for row, (agent, part) in enumerate(found.iterrows()):
            colour = styles[str(agent)]["color"]
            panel.plot(
                part[["low", "high"]], [row, row], color=colour, lw=6, alpha=0.45, solid_capstyle="butt"
            )
            panel.plot(part["value"], row, "o", color=colour, ms=4.5, mec="0.15", mew=0.7, clip_on=False)
        panel.set_xlim(0, 1)
        panel.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        panel.set_title(words, fontsize=NORMAL)
        better = "lower" if name == "optimality_gap" else "higher"
        panel.set_xlabel(f"{better} is better", fontsize=SMALL, color="0.35")
        _grid(panel, "x")
    panels[0].set_yticks(range(len(agents)), [plain(agent) for agent in agents])
    panels[0].set_ylim(len(agents) - 0.5, -0.5)
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold")
    return figure


def performance_profiles(profiles: pd.DataFrame, styles: Mapping[str, Style], title: str) -> Figure:
    """Draw the share of runs and tasks above each success rate, one line and band per agent.

    Args:
        profiles: of one protocol, as :func:`legion_bench.reports.statistics.profiles_frame` gives them.
        styles: line style per agent; see :func:`agent_styles`.
        title: what the profiles are of.
    """
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    for agent, part in profiles.groupby("agent", sort=False):
        style = styles[str(agent)]
        # Nothing is above 1; the drop to 0 there would be a line down the frame.
        shares = part[["value", "low", "high"]].where(part["threshold"] < 1).ffill()
        axes.fill_between(
            part["threshold"],
            shares["low"],
            shares["high"],
            step="post",
            color=style["color"],
            alpha=opacity(profiles["agent"].nunique()),
            lw=0,
        )
        axes.plot(part["threshold"], shares["value"], lw=1.4, drawstyle="steps-post", **style)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xticks(_QUARTERS)
    axes.set_yticks(_QUARTERS)
    axes.set_xlabel("final success rate τ", fontsize=NORMAL)
    axes.set_ylabel("share of runs and tasks above τ", fontsize=NORMAL)
    _grid(axes, "y")
    legend(figure, profiles, styles)
    headline(axes, title)
    return figure


def improvement_matrix(improvement: pd.DataFrame, agents: Sequence[str], title: str) -> Figure:
    """Draw a heat map of how likely a run of one agent (row) beats one of another (column).

    Args:
        improvement: of one protocol, as :func:`legion_bench.reports.statistics.improvement_frame` gives it.
        agents: from top to bottom, and from left to right.
        title: what the agents are compared on.
    """
    longest, cells = max(len(plain(agent)) for agent in agents), _both_ways(improvement)
    width = max(1.5 + 0.075 * longest + 0.66 * len(agents), 0.09 * min(len(title), 70))
    figure = Figure(figsize=(width, 1.0 + 0.05 * longest + 0.47 * len(agents)), layout="constrained")
    axes = figure.subplots()
    values = [[cells.get((row, column), (np.nan,))[0] for column in agents] for row in agents]
    heat_map(axes, np.array(values), agents, agents, "probability of improvement")
    place = {agent: index + 0.5 for index, agent in enumerate(agents)}
    for (row, column), (value, low, high) in cells.items():
        x, y, colour = place[column], place[row], ink(value)
        weight = "bold" if low > 0.5 or high < 0.5 else "normal"
        interval = MISSING if np.isnan(low) else f"{number(low)}–{number(high)}"
        axes.text(
            x, y, number(value), ha="center", va="bottom", fontsize=SMALL, color=colour, fontweight=weight
        )
        axes.text(x, y, interval, ha="center", va="top", fontsize=SMALL - 1, color=colour)
    axes.set_xlabel("than a run of", fontsize=NORMAL)
    axes.set_ylabel("a run of … scores higher", fontsize=NORMAL)
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold")
    return figure


def _both_ways(improvement: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return value, low and high of each ordered pair."""
    pairs = zip(improvement["agent"].astype(str), improvement["other"].astype(str), strict=True)
    found = improvement[["probability", "probability_low", "probability_high"]].to_numpy(dtype=float)
    cells = {}
    for (agent, other), (value, low, high) in zip(pairs, found, strict=True):
        cells[agent, other] = (value, low, high)
        cells[other, agent] = (1 - value, 1 - high, 1 - low)
    return cells


def _grid(axes: Axes, direction: Literal["x", "y"]) -> None:
    axes.tick_params(labelsize=SMALL, length=0)
    axes.grid(axis=direction, color="0.85", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.6")
