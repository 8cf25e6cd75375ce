"""The success matrix: tasks by the visit after which they were evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from legion_bench.reports.figures.heat import heat_map, ink
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
    heat_map(axes, values, names, [visit(position, visits) for position in positions], "success rate")
    for (row, column), value in np.ndenumerate(values):
        undefined = bool(np.isnan(value))
        axes.text(
            column + 0.5,
            row + 0.5,
            "–" if undefined else f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=SMALL,
            color="0.5" if undefined else ink(value),
        )
        if column > 0 and visits[column - 1] == names[row]:
            axes.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, fill=False, ec="#de8f05", lw=2))
    axes.set_xlabel("evaluated after training on", fontsize=NORMAL)
    axes.set_ylabel("evaluated on", fontsize=NORMAL)
    headline(axes, title)
    return figure
