"""Success over training, with what is being trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from legion_bench.protocols.schedule import Span
from legion_bench.reports.figures.style import (
    NORMAL,
    SMALL,
    Style,
    frame,
    headline,
    legend,
    lines,
    plain,
    shade,
)


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
    shade(axes, spans[1::2])
    lines(axes, bands, styles)
    frame(axes, spans[-1].stop)
    axes.set_xlabel("environment steps", fontsize=NORMAL)
    axes.set_ylabel("average performance", fontsize=NORMAL)
    centres = [(span.start + span.stop) / 2 for span in spans]
    top = axes.secondary_xaxis("top")
    top.set_xticks(centres, names, fontsize=SMALL, color="0.35")
    if crowded:
        for label in top.get_xticklabels():
            label.set(rotation=35, ha="left", rotation_mode="anchor")
    top.tick_params(length=0)
    top.spines[:].set_visible(False)
    legend(figure, bands, styles)
    headline(axes, title)
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
        shade(panel, [span for span in spans if name in span.tasks])
        lines(panel, bands[bands["task"] == name], styles)
        frame(panel, spans[-1].stop)
        panel.set_title(plain(name), fontsize=NORMAL)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    for panel in panels[max(0, len(names) - columns) : len(names)]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("environment steps", fontsize=SMALL)
    for panel in panels[::columns]:
        panel.set_ylabel("success rate", fontsize=SMALL)
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold")
    legend(figure, bands, styles)
    return figure
