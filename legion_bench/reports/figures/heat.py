"""Heat maps of rates: what their cells, axes and colour bar look like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from seaborn.utils import relative_luminance

from legion_bench.reports.figures.style import SHADE, SMALL, plain
from legion_bench.types import Floats

_COLOURS = sns.color_palette("Blues", as_cmap=True)
"""From light to dark, so that it reads in grey."""


def heat_map(axes: Axes, values: Floats, rows: Sequence[str], columns: Sequence[str], label: str) -> None:
    """Draw rates [rows, columns] in [0, 1], the first row on top.

    The centre of cell (i, j) is at x = j + 0.5 and y = i + 0.5.

    Args:
        axes: empty.
        values: NaN where there is none.
        rows: names.
        columns: names.
        label: what the rates are.
    """
    axes.set_facecolor(SHADE)
    image = axes.pcolormesh(np.ma.masked_invalid(values), cmap=_COLOURS, vmin=0, vmax=1, edgecolors="white")
    axes.set_xticks(np.arange(len(columns)) + 0.5)
    axes.set_yticks(np.arange(len(rows)) + 0.5)
    axes.set_xticklabels([plain(name) for name in columns], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticklabels([plain(name) for name in rows])
    axes.invert_yaxis()
    axes.tick_params(length=0, labelsize=SMALL)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, ticks=[0, 0.5, 1], aspect=15, pad=0.02)
    bar.set_label(label, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL, length=0)
    bar.outline.set_visible(False)


def ink(value: float) -> str:
    """Return the colour of letters that read well on a cell of this rate."""
    return "white" if relative_luminance(_COLOURS(value)) < 0.25 else "0.15"
