"""Runs as processes of this machine, each with one thread."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from typing import IO

from legion_bench.errors import LegionBenchError
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
        """Begin a run, or go on with it, by the command that does so for one."""
        arguments = [
            *("run", "--protocol", cell.protocol, "--agent", cell.agent, "--seed", str(cell.seed)),
            *("--out", str(cell.path), "--checkpoint-minutes", str(self._checkpoint_minutes)),
        ]
        said = tempfile.TemporaryFile()
        process = subprocess.Popen(
            [sys.executable, "-m", "legion_bench", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for the sweep, which tells each of its runs
        )
        return _Process(process, said)


class _Process:
    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self.process, self._said = process, said
        self._outcome: Outcome | None = None

    def outcome(self) -> Outcome | None:
        code = self.process.poll()
        if code is not None and self._outcome is None:
            self._outcome = self._told(code)
        return self._outcome

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

    def stop(self) -> None:
        self.process.terminate()
