"""Figures: averaged DataFrames in, Matplotlib figures out; no global state is touched."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter
from seaborn.utils import relative_luminance

from legion_bench.protocols.schedule import Span
from legion_bench.reports.tables import visit

Style = Mapping[str, Any]
DPI = 160
_SOLID = (0, ())
_DASHES = (_SOLID, (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
_SHADE = "0.93"
_SMALL, _NORMAL = 8, 9


def agent_styles(agents: Sequence[str]) -> dict[str, Style]:
    """Return a line style per agent, told apart by colour and, in grey, by dashes."""
    colours = itertools.cycle(sns.color_palette("colorblind"))
    looks = zip(agents, colours, itertools.cycle(_DASHES), strict=False)
    return {agent: {"color": colour, "linestyle": dashes} for agent, colour, dashes in looks}


def success_matrix(matrix: pd.DataFrame, visits: Sequence[str], title: str) -> Figure:
    """Draw a heat map of tasks (down) by the visit after which they were evaluated (across).

    Args:
        matrix: success rates, columns by stream position; -1 is before training.
        visits: names of the tasks in stream order, or of what trains them all.
        title: what the matrix is of.
    """
    positions, names = range(-1, len(visits)), list(matrix.index)
    values = matrix.reindex(columns=positions).to_numpy(dtype=float)
    longest = max(len(plain(name)) for name in names)
    size = (1.4 + 0.07 * longest + 0.52 * len(positions), 1.2 + 0.05 * longest + 0.42 * len(names))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    colours = sns.color_palette("Blues", as_cmap=True)
    image = axes.pcolormesh(np.ma.masked_invalid(values), cmap=colours, vmin=0, vmax=1, edgecolors="white")
    for (row, column), value in np.ndenumerate(values):
        undefined = bool(np.isnan(value))
        axes.text(
            column + 0.5,
            row + 0.5,
            "–" if undefined else f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=_SMALL,
            color="0.5" if undefined else "white" if relative_luminance(colours(value)) < 0.4 else "0.15",
        )
        if column > 0 and visits[column - 1] == names[row]:
            axes.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, fill=False, ec="#de8f05", lw=2))
    axes.set_xticks(np.arange(len(positions)) + 0.5)
    axes.set_yticks(np.arange(len(names)) + 0.5)
    columns = [plain(visit(position, visits)) for position in positions]
    axes.set_xticklabels(columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticklabels([plain(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel("evaluated after training on", fontsize=_NORMAL)
    axes.set_ylabel("evaluated on", fontsize=_NORMAL)
    axes.tick_params(length=0, labelsize=_SMALL)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, ticks=[0, 0.5, 1], aspect=15, pad=0.02)
    bar.set_label("success rate", fontsize=_SMALL)
    bar.ax.tick_params(labelsize=_SMALL, length=0)
    bar.outline.set_visible(False)
    _title(axes, title)
    return figure


def average_performance(
    bands: pd.DataFrame, spans: Sequence[Span], styles: Mapping[str, Style], title: str
) -> Figure:
    """Draw average performance over training, one line and 95 % band per agent.

    Args:
        bands: rows with ``agent``, ``step``, ``mean``, ``low`` and ``high``.
        spans: what is trained, in order.
        styles: line style per agent; see :func:`agent_styles`.
        title: what the curves are of.
    """
    names = [plain(span.name) for span in spans]
    longest = max(map(len, names))
    crowded = longest * len(names) > 85
    size = (min(11.0, 8 + 0.15 * len(names)), 3.6 + 0.04 * longest * crowded)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    _shade(axes, spans[1::2])
    _lines(axes, bands, styles)
    _frame(axes, spans[-1].stop)
    axes.set_xlabel("environment steps", fontsize=_NORMAL)
    axes.set_ylabel("average performance", fontsize=_NORMAL)
    centres = [(span.start + span.stop) / 2 for span in spans]
    top = axes.secondary_xaxis("top")
    top.set_xticks(centres, names, fontsize=_SMALL, color="0.35")
    if crowded:
        for label in top.get_xticklabels():
            label.set(rotation=35, ha="left", rotation_mode="anchor")
    top.tick_params(length=0)
    top.spines[:].set_visible(False)
    _legend(figure, bands, styles)
    _title(axes, title)
    return figure


def task_success(
    bands: pd.DataFrame, spans: Sequence[Span], styles: Mapping[str, Style], title: str
) -> Figure:
    """Draw one small panel per distinct task, its own visits shaded.

    Args:
        bands: rows with ``agent``, ``task``, ``step``, ``mean``, ``low`` and ``high``.
        spans: what is trained, in order.
        styles: line style per agent; see :func:`agent_styles`.
        title: what the curves are of.
    """
    names = list(dict.fromkeys(task for span in spans for task in span.tasks))
    columns = min(len(names), 3 if len(names) < 10 else 4)
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(max(4.5, 2.8 * columns), 1 + 1.65 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        _shade(panel, [span for span in spans if name in span.tasks])
        _lines(panel, bands[bands["task"] == name], styles)
        _frame(panel, spans[-1].stop)
        panel.set_title(plain(name), fontsize=_NORMAL)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    for panel in panels[max(0, len(names) - columns) : len(names)]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("environment steps", fontsize=_SMALL)
    for panel in panels[::columns]:
        panel.set_ylabel("success rate", fontsize=_SMALL)
    figure.suptitle(plain(title, limit=70), fontsize=_NORMAL + 1, fontweight="bold")
    _legend(figure, bands, styles)
    return figure


def save(figure: Figure, stem: Path) -> None:
    """Write ``stem``.png and ``stem``.pdf, without dates: equal figures, equal bytes."""
    figure.savefig(stem.with_name(f"{stem.name}.png"), dpi=DPI, metadata={"Software": None})
    # The layout stands as the PNG has it: to solve it again would double the PDF's cost.
    figure.set_layout_engine("none")
    figure.savefig(stem.with_name(f"{stem.name}.pdf"), metadata={"CreationDate": None, "Producer": None})


def plain(text: str, limit: int = 36) -> str:
    """Return a name from a card as Matplotlib must show it: short, on one line, no mathtext."""
    line = "".join(character if character.isprintable() else " " for character in text)
    short = line if len(line) <= limit else line[: limit - 1] + "…"
    return short.replace("$", r"\$")


def _shade(axes: Axes, spans: Sequence[Span]) -> None:
    for span in spans:
        axes.axvspan(span.start, span.stop, color=_SHADE, lw=0, zorder=0)


def _lines(axes: Axes, bands: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    for agent, band in bands.groupby("agent", sort=False):
        style = styles[str(agent)]
        axes.fill_between(band["step"], band["low"], band["high"], color=style["color"], alpha=0.18, lw=0)
        axes.plot(band["step"], band["mean"], lw=1.4, **style)


def _frame(axes: Axes, total_steps: int) -> None:
    axes.set_xlim(0, total_steps)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.tick_params(labelsize=_SMALL, color="0.6")
    axes.grid(axis="y", color="0.85", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.6")


def _legend(figure: Figure, bands: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    agents = list(dict.fromkeys(bands["agent"]))
    lines = [Line2D([], [], lw=1.8, label=plain(agent), **styles[agent]) for agent in agents]
    figure.legend(
        handles=lines,
        loc="outside lower center",
        ncols=min(4, len(lines)),
        frameon=False,
        fontsize=_SMALL,
        handlelength=3.2,
    )


def _title(axes: Axes, title: str) -> None:
    axes.set_title(plain(title, limit=70), fontsize=_NORMAL + 1, fontweight="bold", loc="left", pad=10)
