"""What an agent sorts its experience into: how many components, and how they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from legion_bench.reports.figures.style import NORMAL, SMALL, Style, headline, legend, plain

_MARKERS = "os^DvP*X<>"


def component_counts(
    bands: pd.DataFrame, visits: Sequence[str], tasks: Sequence[int], styles: Mapping[str, Style], title: str
) -> Figure:
    """Draw the number of components after each visit, and below it their purity.

    Args:
        bands: rows with ``agent``, ``visits`` (trained so far, from 1), the mean, least and
            most ``components``, ``low`` and ``high``, and the mean ``purity``.
        visits: what is trained, in order.
        tasks: different tasks trained by the end of each visit: one component each.
        styles: line style per agent; see :func:`~legion_bench.reports.figures.agent_styles`.
        title: what the numbers are of.
    """
    figure = Figure(figsize=(max(5.0, min(11.0, 2.2 + 0.52 * len(visits))), 4.1), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places = range(1, len(visits) + 1)
    upper.plot(places, tasks, color="0.75", lw=5, solid_capstyle="round", zorder=1)
    for at, (agent, band) in enumerate(bands.groupby("agent", sort=False)):
        style = {**styles[str(agent)], "marker": _MARKERS[at % len(_MARKERS)], "ms": 4.5, "lw": 1.4}
        upper.fill_between(band["visits"], band["low"], band["high"], color=style["color"], alpha=0.18, lw=0)
        upper.plot(band["visits"], band["components"], **style)
        lower.plot(band["visits"], band["purity"], **style)
    upper.set_ylim(0, max(max(tasks), bands["high"].max()) * 1.06)
    upper.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    upper.set_ylabel("components", fontsize=NORMAL)
    lower.set_ylim(-0.05, 1.1)
    lower.set_yticks([0, 0.5, 1])
    lower.set_ylabel("purity", fontsize=NORMAL)
    lower.set_xlabel("trained so far", fontsize=NORMAL)
    lower.set_xlim(0.7, len(visits) + 0.3)
    names = [f"{place} {plain(name, 24)}" for place, name in zip(places, visits, strict=True)]
    lower.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    for axes in (upper, lower):
        axes.tick_params(labelsize=SMALL, color="0.6")
        axes.grid(axis="y", color="0.88", lw=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("0.6")
    upper.legend(
        handles=[Line2D([], [], color="0.75", lw=5, label="one component per task")],
        loc="upper left",
        frameon=False,
        fontsize=SMALL,
    )
    legend(figure, bands, styles)
    headline(upper, title)
    return figure


def latent_space(points: pd.DataFrame, title: str) -> Figure:
    """Draw latents in the plane after some visits, by task (above) and by component (below).

    Args:
        points: rows with ``after`` (the visit), ``x``, ``y``, ``task`` and ``component``.
        title: whose latents they are.
    """
    visits = list(dict.fromkeys(points["after"]))
    figure = Figure(figsize=(1.9 + 2.6 * len(visits), 5.6), layout="constrained")
    grid = figure.subplots(2, len(visits), squeeze=False)
    for row, (kind, said) in zip(grid, (("task", "by task"), ("component", "by component")), strict=True):
        names = list(dict.fromkeys(points[kind]))
        looks = dict(zip(names, _looks(len(names)), strict=True))
        for axes, visit in zip(row, visits, strict=True):
            for name, part in points[points["after"] == visit].groupby(kind, sort=False):
                _scatter(axes, part, *looks[name])
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color("0.8")
        row[0].set_ylabel(said, fontsize=NORMAL)
        row[-1].legend(
            handles=[
                Line2D([], [], marker=marker, color=colour, lw=0, ms=4.5, label=plain(str(name), 24))
                for name, (colour, marker) in looks.items()
            ],
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize=SMALL,
            handletextpad=0.2,
        )
    for axes, visit in zip(grid[0], visits, strict=True):
        axes.set_title(plain(f"after {visit}"), fontsize=NORMAL)
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold")
    return figure


def _looks(count: int) -> list[tuple[tuple[float, float, float], str]]:
    """Return a colour and a marker each; they repeat together only after many."""
    colours = sns.color_palette("colorblind")
    return [
        (colours[at % len(colours)], _MARKERS[(at + at // len(colours)) % len(_MARKERS)])
        for at in range(count)
    ]


def _scatter(axes: Axes, part: pd.DataFrame, colour: tuple[float, float, float], marker: str) -> None:
    axes.plot(part["x"], part["y"], marker, color=colour, ms=2.6, mec="white", mew=0.2, lw=0, alpha=0.8)
