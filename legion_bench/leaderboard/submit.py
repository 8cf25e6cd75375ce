"""Runs in, a bundle out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from legion_bench.errors import BundleError
from legion_bench.leaderboard import bundle
from legion_bench.leaderboard.verify import Entry, verify
from legion_bench.results.store import find_runs, read_run


def submit(paths: Sequence[Path], out: Path) -> Entry:
    """Write runs as a bundle that :func:`~legion_bench.leaderboard.verify.verify` accepts.

    Args:
        paths: run folders, or folders that hold some: one agent under one protocol.
        out: the bundle; nothing may be there yet.

    Raises:
        BundleError: ``out`` exists, two runs have one seed, or the bundle would be refused;
            nothing is written then.
        RunError: there are no runs, or one cannot be read.
    """
    if out.exists():
        raise BundleError(f"{out} exists: choose another --out")
    runs: dict[int, Path] = {}
    for path in find_runs(paths):
        seed = read_run(path).manifest.seed
        if seed in runs:
            raise BundleError(
                f"{runs[seed]} and {path} have the same seed, {seed}: a bundle is one agent's runs under one"
                " protocol, one per seed; leave one out"
            )
        runs[seed] = path
    # Beside its place, to be moved there whole.
    with tempfile.TemporaryDirectory(prefix=f".{out.name[:40]}-", dir=out.parent) as folder:
        made = Path(folder) / out.name
        with made.open("xb") as file:
            bundle.write(runs, file)
        try:
            entry = verify(made)
        except BundleError as error:
            raise BundleError(str(error).replace(str(made), str(out))) from None
        made.rename(out)
    return replace(entry, bundle=out)
