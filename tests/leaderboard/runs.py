"""Committed runs to bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

from legion_bench import catalogue

RUNS = catalogue.root() / "results" / "smoke" / "runs" / "sac-packnet-small"
SEEDS = (3, 4)


def copy_runs(folder: Path, seeds: tuple[int, ...] = SEEDS) -> dict[int, Path]:
    """Copy runs to ``folder/seed-N``; return them by seed."""
    return {seed: Path(shutil.copytree(RUNS / f"seed-{seed}", folder / f"seed-{seed}")) for seed in seeds}
