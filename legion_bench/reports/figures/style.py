"""How figures look: an agent's line, letters, axes, legend; and how they are written."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from legion_bench.protocols.schedule import Span

Style = Mapping[str, Any]
DPI = 160
SMALL, NORMAL = 8, 9
"""Letters, in points."""
SHADE = "0.93"
_SOLID = (0, ())
_DASHES = (_SOLID, (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (4, 1, 1, 1, 1, 1)), (0, (9, 2)))


def agent_styles(agents: Sequence[str]) -> dict[str, Style]:
    """Return a line style per agent, told apart by colour and, in grey, by dashes."""
    colours = itertools.cycle(sns.color_palette("colorblind"))
    looks = zip(agents, colours, itertools.cycle(_DASHES), strict=False)
    return {agent: {"color": colour, "linestyle": dashes} for agent, colour, dashes in looks}


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


def shade(axes: Axes, spans: Sequence[Span]) -> None:
    """Shade what was trained in these spans."""
    for span in spans:
        axes.axvspan(span.start, span.stop, color=SHADE, lw=0, zorder=0)


def opacity(agents: int) -> float:
    """Return that of the bands of so many agents, which lie over one another."""
    return 0.18 if agents <= 8 else 0.06


def lines(axes: Axes, bands: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    """Draw one line and band per agent; columns as of :func:`legion_bench.reports.frames.bands_frame`."""
    alpha = opacity(bands["agent"].nunique())
    for agent, band in bands.groupby("agent", sort=False):
        style = styles[str(agent)]
        axes.fill_between(band["step"], band["low"], band["high"], color=style["color"], alpha=alpha, lw=0)
        # Solid lines below, so that where agents agree the dashes of others are seen.
        above = 2 + 0.1 * bool(style["linestyle"][1])
        axes.plot(band["step"], band["mean"], lw=1.4, zorder=above, **style)


def frame(axes: Axes, total_steps: int) -> None:
    """Give axes of success rates over environment steps their limits, ticks and grid."""
    axes.set_xlim(0, total_steps)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.tick_params(labelsize=SMALL, color="0.6")
    axes.grid(axis="y", color="0.85", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.6")


def legend(figure: Figure, bands: pd.DataFrame, styles: Mapping[str, Style]) -> None:
    """Name the agents below the figure."""
    agents = list(dict.fromkeys(bands["agent"]))
    lines = [Line2D([], [], lw=1.8, label=plain(agent), **styles[agent]) for agent in agents]
    longest = max(len(plain(agent)) for agent in agents)
    width = 6 * SMALL + 0.6 * SMALL * longest  # points: line, gaps and letters
    columns = min(4, len(lines), max(1, int(72 * figure.get_figwidth() / width)))
    # A long legend makes the figure higher, not what it shows lower.
    figure.set_figheight(figure.get_figheight() + 0.19 * (-(-len(lines) // columns) - 1))
    figure.legend(
        handles=lines,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=SMALL,
        handlelength=3.2,
    )


def headline(axes: Axes, title: str) -> None:
    """Put a title over the axes."""
    axes.set_title(plain(title, limit=70), fontsize=NORMAL + 1, fontweight="bold", loc="left", pad=10)
