"""The live table of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from legion_bench.errors import printable
from legion_bench.sweeps.loop import Row, State

_LOOKS = {"running": "cyan", "finished": "green", "failed": "red", "interrupted": "yellow"}
_SPARE = 6
"""Lines of a screen that are not rows."""


class Board:
    """Use as a context manager and pass it to :func:`legion_bench.sweeps.sweep` as ``show``.

    Where there is no terminal, it prints a line for each change of a state instead.
    """

    def __init__(self, console: Console) -> None:
        """Show nothing yet."""
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._states: dict[str, State] = {}

    def __enter__(self) -> Board:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, rows: Sequence[Row]) -> None:
        """Show where all runs stand."""
        if self._console.is_terminal:
            self._live.update(self._drawn(rows), refresh=True)
            return
        for row in rows:
            name = row.cell.name
            if self._states.get(name, "waiting") != row.state:
                self._console.print(
                    f"{row.state}: {escape(printable(name))}", highlight=False, soft_wrap=True
                )
                self._states[name] = row.state

    def _drawn(self, rows: Sequence[Row]) -> Group:
        room = self._console.height - _SPARE
        shown = rows if len(rows) <= room else [row for row in rows if row.state in ("running", "failed")]
        return Group(table(shown[-room:]), summary(rows))


def table(rows: Sequence[Row]) -> Table:
    """Return state, step, speed and time left of each run."""
    drawn = Table(box=None, padding=(0, 2))
    for title, justify in (("run", "left"), ("state", "left"), ("step", "right")):
        drawn.add_column(title, justify=justify)  # type: ignore[arg-type]
    drawn.add_column("steps/s", justify="right")
    drawn.add_column("left", justify="right")
    for row in rows:
        looks = _LOOKS.get(row.state)
        left = row.seconds_left if row.state == "running" else None
        drawn.add_row(
            escape(printable(row.cell.name)),
            f"[{looks}]{row.state}[/]" if looks else row.state,
            f"{row.step:,}/{row.cell.steps:,}",
            f"{row.speed:.0f}" if row.speed and row.state == "running" else "",
            "" if left is None else str(timedelta(seconds=round(left))),
        )
    return drawn


def summary(rows: Sequence[Row]) -> str:
    """Return “4 finished, 2 running, 14 waiting”."""
    counts = Counter(row.state for row in rows)
    return ", ".join(f"{count} {state}" for state, count in counts.most_common())
