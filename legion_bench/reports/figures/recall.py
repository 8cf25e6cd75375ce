"""Success on a task each time it is trained."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from legion_bench.reports.figures.style import NORMAL, SMALL, agent_styles, frame, legend, lines, plain


def recall_curves(bands: pd.DataFrame, improvements: pd.DataFrame, title: str) -> Figure:
    """Draw one panel per task, one line and band per time that the task is trained.

    Args:
        bands: rows with ``task``, ``presentation`` (from 1), ``step`` within it, ``mean``,
            ``low`` and ``high``.
        improvements: rows with ``task``, ``earlier``, ``later`` and ``improvement``; as of
            :func:`legion_bench.reports.recall.improvements`.
        title: what the curves are of.
    """
    tasks = list(dict.fromkeys(bands["task"]))
    named = bands.assign(agent=[f"visit {presentation}" for presentation in bands["presentation"]])
    styles = agent_styles(list(dict.fromkeys(named["agent"])))
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(max(4.5, 3.0 * columns), 1.1 + 2.0 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, task in zip(panels, tasks, strict=False):
        lines(panel, named[named["task"] == task], styles)
        frame(panel, int(bands["step"].max()))
        panel.set_title(plain(task), fontsize=NORMAL)
        gains = improvements[improvements["task"] == task]
        told = [
            f"{earlier} → {later}: {gain:+.2f}".replace("-", "−")
            for earlier, later, gain in zip(
                gains["earlier"], gains["later"], gains["improvement"], strict=True
            )
        ]
        panel.text(
            0.97,
            0.05,
            "\n".join(told),
            transform=panel.transAxes,
            ha="right",
            va="bottom",
            fontsize=SMALL,
            bbox={
                "facecolor": "white",
                "alpha": 0.8,
                "edgecolor": "0.8",
                "lw": 0.6,
                "boxstyle": "round,pad=0.3",
            },
        )
    for panel in panels[len(tasks) :]:
        panel.set_visible(False)
    for panel in panels[max(0, len(tasks) - columns) : len(tasks)]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("environment steps of the visit", fontsize=SMALL)
    for panel in panels[::columns]:
        panel.set_ylabel("success rate", fontsize=SMALL)
    figure.suptitle(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold")
    legend(figure, named, styles)
    return figure
