"""The success matrix: tasks by the visit after which they were evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from seaborn.utils import relative_luminance

from legion_bench.reports.figures.style import NORMAL, SMALL, headline, plain
from legion_bench.reports.tables import visit


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
            fontsize=SMALL,
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
    axes.set_xlabel("evaluated after training on", fontsize=NORMAL)
    axes.set_ylabel("evaluated on", fontsize=NORMAL)
    axes.tick_params(length=0, labelsize=SMALL)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, ticks=[0, 0.5, 1], aspect=15, pad=0.02)
    bar.set_label("success rate", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL, length=0)
    bar.outline.set_visible(False)
    headline(axes, title)
    return figure
