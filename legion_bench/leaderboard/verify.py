"""A bundle in, an entry of the leaderboard out, or an error: every number is computed anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from legion_bench.errors import BundleError, LegionBenchError, printable
from legion_bench.leaderboard.bundle import unpacked
from legion_bench.leaderboard.checks import check_runs
from legion_bench.leaderboard.tracks import Track, track
from legion_bench.metrics import Undefined
from legion_bench.reports.frames import cost_frame, runs_frame, summary_frame
from legion_bench.reports.measured import Measured, measure_all
from legion_bench.results.store import Manifest, read_run


@dataclass(frozen=True)
class Entry:
    """A verified bundle: one agent under one protocol."""

    bundle: Path
    sha256: str
    """Of the bundle."""
    track: Track
    runs: tuple[Measured, ...]
    """By seed."""
    summary: pd.Series
    """Of :func:`legion_bench.reports.frames.summary_frame`: metrics with intervals over seeds."""
    cost: pd.Series
    """Of :func:`legion_bench.reports.frames.cost_frame`: means over the runs."""

    @property
    def manifest(self) -> Manifest:
        """The manifest of the first run; all share cards and versions."""
        return self.runs[0].run.manifest

    @property
    def reference(self) -> str | None:
        """Name of the agent that forward transfer is measured against; None if it is not."""
        reference = self.runs[0].reference
        return None if isinstance(reference, Undefined) else reference.agent

    @property
    def finished(self) -> str:
        """The day on which the last run finished, as its machine had it: “2026-01-02”."""
        ends = [datetime.fromisoformat(run.run.manifest.finished or "") for run in self.runs]
        return max(ends).date().isoformat()

    @property
    def code(self) -> str:
        """Revisions that the runs say they were made with; “+ changes” where one was not committed."""
        gits = [run.run.manifest.git for run in self.runs]
        names = [
            str(git.get("revision") or "unknown")[:10] + " + changes" * bool(git.get("dirty")) for git in gits
        ]
        return ", ".join(dict.fromkeys(names))


def verify(bundle: Path) -> Entry:
    """Check a bundle and compute its metrics from the raw episodes, forward transfer with our references.

    Raises:
        BundleError: it is refused; with the member, the line where there is one, and what to do.
        RunError: a reference that comes with this package is damaged.
    """
    with unpacked(bundle) as found:
        folders = sorted(found.folder.iterdir(), key=lambda path: (len(path.name), path.name))  # by seed
        try:
            runs = check_runs(map(read_run, folders))
        except LegionBenchError as error:
            said = str(error).replace(f"{found.folder}{os.sep}", "")
            raise BundleError(printable(f"{bundle}: {said}")) from None
        measured = measure_all(runs)
    frame = runs_frame(measured)
    made = measured[0].run.manifest
    return Entry(
        bundle=bundle,
        sha256=found.sha256,
        track=track(made.protocol, made.stream, made.agent),
        runs=measured,
        summary=_only(summary_frame(frame)),
        cost=_only(cost_frame(frame)),
    )


def _only(frame: pd.DataFrame) -> pd.Series:
    """Return a frame's row: a bundle whose runs are not all of one agent must not pass for one."""
    ((_, row),) = frame.iterrows()
    return row
