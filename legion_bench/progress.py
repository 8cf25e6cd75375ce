"""A progress bar of a run: task, step, steps per second, time left, last success."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from legion_bench import cards
from legion_bench.protocols.schedule import phases
from legion_bench.types import TaskInfo

_REDRAW_EVERY = 20  # steps; redrawing at each would cost as much as stepping


class Progress:
    """Use as a context manager and pass it to :func:`legion_bench.launch.run` as ``watch``."""

    def __init__(self, console: Console, protocol: str) -> None:
        """Read the protocol's length; raises CardError as the run itself would."""
        last = phases(*cards.load_protocol(protocol))[-1]
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[success]}"),
            console=console,
        )
        self._id = self._bar.add_task("evaluating", total=last.stop, speed="", success="")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:  # stopping prints a line even where nothing was shown
            self._bar.stop()

    def __call__(self, step: int, visit: TaskInfo | None, success: float | None) -> None:
        """Show where the run stands; the bar appears with the first call."""
        if success is None and step % _REDRAW_EVERY:
            return
        self._bar.start()
        if success is not None:
            self._bar.update(self._id, success=f"success {success:.2f}")
        speed = self._bar.tasks[self._id].speed
        self._bar.update(
            self._id,
            completed=step,
            description=visit.name if visit else "evaluating",
            speed=f"{speed:.0f} steps/s" if speed else "",
        )
