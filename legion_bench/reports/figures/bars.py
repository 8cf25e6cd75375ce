"""Metrics of agents side by side, with intervals and the single runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from legion_bench.metrics import METRICS
from legion_bench.reports.figures.style import NORMAL, SMALL, Style, plain

BAR = 0.27
"""Inches per agent."""


def metric_bars(
    rows: pd.DataFrame,
    metrics: Sequence[str],
    styles: Mapping[str, Style],
    title: str,
    baseline: str | None = None,
) -> Figure:
    """Draw one panel of horizontal bars per metric, one bar per agent.

    Args:
        rows: as of :func:`legion_bench.reports.comparisons.metrics_frame`.
        metrics: names of metrics, in the order of panels.
        styles: per agent; see :func:`agent_styles`.
        title: what the bars are of.
        baseline: an agent whose mean is drawn through all bars.
    """
    agents = [agent for agent in styles if agent in set(rows["agent"])]
    figure = Figure(figsize=bar_size(agents, len(metrics)), layout="constrained")
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    for panel, metric in zip(axes, metrics, strict=True):
        draw_bars(panel, rows, metric, agents, styles, baseline)
        panel.tick_params(labelleft=panel is axes[0])
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold", x=0.01, ha="left")
    return figure


def bar_size(agents: Sequence[str], panels: int) -> tuple[float, float]:
    """Return width and height in inches of panels with a bar per agent."""
    longest = max(len(plain(agent)) for agent in agents)
    return 0.4 + 0.065 * longest + 2.5 * panels, 0.9 + BAR * len(agents)


def draw_bars(
    axes: Axes,
    rows: pd.DataFrame,
    metric: str,
    agents: Sequence[str],
    styles: Mapping[str, Style],
    baseline: str | None = None,
) -> None:
    """Draw the bars of one metric: mean, whisker (95 % interval) and a dot per run; “–” without a value."""
    indexed = rows[rows["metric"] == metric].set_index("agent")
    places = np.arange(len(agents))
    for place, agent in zip(places, agents, strict=True):
        if agent not in indexed.index:
            axes.annotate("–", (0, place), (3, 0), textcoords="offset points", va="center", color="0.4")
            continue
        row = indexed.loc[agent]
        # Light bars, so that whisker and dots stay readable in grey.
        axes.barh(place, row["mean"], height=0.72, color=styles[agent]["color"], alpha=0.55, lw=0)
        values = np.asarray(row["values"])
        spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
        axes.plot(values, place + spread, "o", ms=2.6, mfc="white", mec="0.25", mew=0.6, clip_on=False)
        if np.isfinite(row["low"]):
            axes.plot([row["low"], row["high"]], [place, place], color="0.1", lw=1.3, solid_capstyle="butt")
        axes.plot([row["mean"]] * 2, [place - 0.36, place + 0.36], color="0.1", lw=1.3)
    if baseline is not None and baseline in indexed.index:
        axes.axvline(float(indexed["mean"][baseline]), color="0.3", lw=0.8, ls=(0, (4, 2)))
    shown = np.concatenate([[0.0], *indexed["values"], indexed["low"].dropna(), indexed["high"].dropna()])
    low, high = float(shown.min()), float(shown.max())
    if METRICS[metric].limits == (0.0, 1.0):  # a share is read against the whole
        high = 1.0
    margin = 0.03 * (high - low) or 0.03
    axes.set_xlim(low - margin * (low < 0), high + margin)
    axes.set_ylim(len(agents) - 0.5, -0.5)
    axes.set_yticks(places, [plain(agent) for agent in agents])
    axes.axvline(0, color="0.4", lw=0.8)
    axes.tick_params(labelsize=SMALL, length=0)
    axes.grid(axis="x", color="0.88", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    arrow = "↑" if METRICS[metric].higher_is_better else "↓"
    axes.set_title(f"{METRICS[metric].title} {arrow}", fontsize=NORMAL, loc="left")
