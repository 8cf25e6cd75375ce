"""Runs to bundle: committed ones, and made-up ones of any protocol."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np

from legion_bench import cards, catalogue
from legion_bench.leaderboard import logs
from legion_bench.protocols.schedule import phases
from legion_bench.results.folder import RunFolder
from legion_bench.results.store import read_run
from legion_bench.types import EvaluationRecord, TrainingRecord

RUNS = catalogue.root() / "results" / "smoke" / "runs" / "sac-packnet-small"
SEEDS = (3, 4)


def copy_runs(folder: Path, seeds: tuple[int, ...] = SEEDS) -> dict[int, Path]:
    """Copy runs to ``folder/seed-N``; return them by seed."""
    return {seed: Path(shutil.copytree(RUNS / f"seed-{seed}", folder / f"seed-{seed}")) for seed in seeds}


def make_up_runs(folder: Path, protocol: str, seeds: int) -> dict[int, Path]:
    """Write runs of a protocol to ``folder/seed-N``, their episodes drawn; return them by seed."""
    protocol_card, stream = cards.load_protocol(protocol)
    tasks = tuple(cards.load_task(name) for name in dict.fromkeys(stream.tasks))
    plan = phases(protocol_card, stream)
    like, runs = read_run(RUNS / f"seed-{SEEDS[0]}").manifest, {}
    for seed in range(seeds):
        runs[seed] = folder / f"seed-{seed}"
        rng = np.random.default_rng(seed)
        made = msgspec.structs.replace(
            like, seed=seed, protocol=protocol_card, stream=stream, tasks=tasks, status="running"
        )
        columns = {
            name: values.tolist() for name, values in logs.scheduled(protocol_card, stream, plan).items()
        }
        names = [tasks[task].name for task in columns.pop("task")]
        success = rng.integers(0, 2, len(names)).tolist()
        totals = (1500 * rng.random(len(names))).tolist()
        with RunFolder(runs[seed], made) as run:
            run.evaluated(
                EvaluationRecord(
                    **dict(zip(columns, values, strict=True)), task=task, success=won, episode_return=total
                )
                for *values, task, won, total in zip(*columns.values(), names, success, totals, strict=True)
            )
            for phase in plan:
                for step in phase.evaluate_at:
                    run.trained(
                        TrainingRecord(step, phase.visit.position, phase.visit.name, step, 1, 1, 1, 1, {})
                    )
    return runs
