"""Runs as processes of this machine, each with one thread."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from contextlib import suppress

from legion_bench.errors import LOCKED, LegionBenchError
from legion_bench.results.lock import is_locked
from legion_bench.sweeps.grid import Cell
from legion_bench.sweeps.loop import Outcome


class Local:
    """Runs in processes of their own."""

    def __init__(self, jobs: int, checkpoint_minutes: float) -> None:
        """Run so many at once; one per idle core.

        Raises:
            LegionBenchError: fewer than one.
        """
        if jobs < 1:
            raise LegionBenchError(f"jobs must be at least 1, got {jobs}")
        self.jobs, self._checkpoint_minutes = jobs, checkpoint_minutes

    def start(self, cell: Cell) -> _Process:
        """Begin a run, or go on with it, as soon as nobody else writes to its folder."""
        return _Process(cell, self._checkpoint_minutes)


class _Process:
    def __init__(self, cell: Cell, checkpoint_minutes: float) -> None:
        self._cell, self._checkpoint_minutes = cell, checkpoint_minutes
        self._outcome: Outcome | None = None
        self._stopped = False
        self._begin()

    def outcome(self) -> Outcome | None:
        if self._outcome is None:
            try:
                self._outcome = self._look()
            except OSError as error:
                self._outcome = Outcome(str(error))
        return self._outcome

    def stop(self) -> None:
        self._stopped = True
        if self.process is not None:
            self.process.terminate()

    def _begin(self) -> None:
        """Train by the command that does so for one run."""
        cell = self._cell
        arguments = [
            *("run", "--protocol", cell.protocol, "--agent", cell.agent, "--seed", str(cell.seed)),
            *("--out", str(cell.path), "--checkpoint-minutes", str(self._checkpoint_minutes)),
        ]
        self._said = tempfile.TemporaryFile()
        self.process: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-m", "legion_bench", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,  # Ctrl-C is for the sweep, which tells each of its runs
        )

    def _look(self) -> Outcome | None:
        if self.process is None:
            # What a killed sweep left, or another sweep trains, keeps a core busy as this one would.
            if self._stopped:
                return Outcome("stopped while another process wrote to its folder")
            if not is_locked(self._cell.path):
                self._begin()
            return None
        code = self.process.poll()
        if code is None:
            return None
        outcome = self._told(code)
        if code == LOCKED and not self._stopped:
            self.process = None
            return None
        return Outcome() if outcome.error is not None and self._finished_by_another() else outcome

    def _finished_by_another(self) -> bool:
        with suppress(LegionBenchError, OSError):  # why it failed is to be told, not this
            return self._cell.finished_now()
        return False

    def _told(self, code: int) -> Outcome:
        with self._said:
            self._said.seek(0)
            lines = [line for line in self._said.read().decode(errors="replace").splitlines() if line.strip()]
        if code == 0:
            return Outcome()
        if code < 0:
            known = {number.value: number.name for number in signal.Signals}
            return Outcome(f"killed by {known.get(-code, f'signal {-code}')}")
        return Outcome(lines[-1].removeprefix("error: ") if lines else f"it ended with code {code}")
