"""Start runs, watch their folders, tell what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from legion_bench.errors import RunError
from legion_bench.results.store import last_progress
from legion_bench.sweeps.grid import Cell

State = Literal["waiting", "running", "finished", "skipped", "failed", "interrupted"]
_LOOK_EVERY = 0.5
"""Seconds."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    error: str | None = None
    """What went wrong, in words; None if nothing did."""


class Work(Protocol):
    """A run under way, somewhere."""

    def outcome(self) -> Outcome | None:
        """Return how it ended; None while it has not."""

    def stop(self) -> None:
        """Ask it to end with a checkpoint."""


class Executor(Protocol):
    """Where runs take place."""

    jobs: int
    """How many to hand over at once."""

    def start(self, cell: Cell) -> Work:
        """Begin a run, or go on with it."""


@dataclass
class Row:
    """Where one run of a sweep stands."""

    cell: Cell
    state: State = "waiting"
    step: int = 0
    """Environment steps trained, as far as the run folder tells."""
    speed: float | None = None
    """Environment steps per second, evaluation included."""
    error: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """Until it is finished; None where nothing is known yet."""
        return (self.cell.steps - self.step) / self.speed if self.speed else None


Show = Callable[[Sequence[Row]], None]
"""Told about twice a second where all runs stand."""


def sweep(cells: Sequence[Cell], executor: Executor, show: Show) -> list[Row]:
    """Take every run to its end; one that fails leaves the others alone.

    A run that is finished already is skipped, one that was stopped goes on. Ctrl-C stops all
    with a checkpoint, so that the same sweep goes on from there.

    Returns:
        A row per run; those that failed say why, those that were stopped are ``interrupted``.
    """
    rows = [Row(cell, "skipped", cell.steps) if cell.finished else Row(cell) for cell in cells]
    waiting = [row for row in rows if row.state == "waiting"]
    running: list[tuple[Row, Work]] = []
    try:
        while waiting or running:
            while waiting and len(running) < executor.jobs:
                row = waiting.pop(0)
                running += _started(row, executor)
            running = [(row, work) for row, work in running if not _ended(row, work)]
            show(rows)
            if running:
                time.sleep(_LOOK_EVERY)
    except KeyboardInterrupt:
        _stop(rows, running)
        show(rows)
    except BaseException:
        _stop(rows, running)  # none goes on unseen
        raise
    return rows


def _started(row: Row, executor: Executor) -> list[tuple[Row, Work]]:
    """Begin a run; return nothing if there is, say, no memory for a process."""
    row.state = "running"
    try:
        return [(row, executor.start(row.cell))]
    except OSError as error:
        row.state, row.error = "failed", str(error)
        return []


def _stop(rows: Sequence[Row], running: Sequence[tuple[Row, Work]]) -> None:
    """Stop what runs, and wait for its checkpoints; what has not ended by itself is interrupted."""
    for _, work in running:
        work.stop()
    for row, work in running:
        while not _ended(row, work):
            time.sleep(_LOOK_EVERY)
        if row.state == "failed":  # by our own doing
            row.state, row.error = "interrupted", None
    for row in rows:
        if row.state in ("waiting", "running"):
            row.state = "interrupted"


def _ended(row: Row, work: Work) -> bool:
    """Note where a run stands, and return whether it has ended."""
    outcome = work.outcome()
    try:
        if progress := last_progress(row.cell.path):
            row.step = progress.step
            row.speed = progress.step / progress.wall_clock if progress.wall_clock else None
    except (RunError, OSError):
        pass  # its end will tell
    if outcome is None:
        return False
    row.state, row.error = ("finished", None) if outcome.error is None else ("failed", outcome.error)
    return True
