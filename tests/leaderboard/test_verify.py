"""What verification computes, and how fast."""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from legion_bench import cards, catalogue
from legion_bench.leaderboard import bundle, checks, logs
from legion_bench.leaderboard.tracks import Track
from legion_bench.leaderboard.verify import verify
from legion_bench.protocols.schedule import phases
from legion_bench.reports.frames import runs_frame, summary_frame
from legion_bench.reports.measured import measure_all
from legion_bench.results.store import RunFolder, read_run
from legion_bench.types import EvaluationRecord, TrainingRecord
from tests.leaderboard.conftest import MakeBundle, rewrite
from tests.leaderboard.runs import RUNS, SEEDS


def test_metrics_are_those_of_the_runs(sound: Path) -> None:
    entry = verify(sound)
    runs = measure_all([read_run(RUNS / f"seed-{seed}") for seed in SEEDS])
    wanted = summary_frame(runs_frame(runs)).iloc[0]
    assert entry.summary.drop("status").equals(wanted.drop("status"))
    assert entry.track == Track("smoke", "kuka", "known")
    assert entry.sha256 == hashlib.sha256(sound.read_bytes()).hexdigest()
    assert entry.finished == "2026-11-23"
    assert [run.seed for run in entry.runs] == list(SEEDS)


def test_seeds_are_in_the_order_of_numbers(make_bundle: MakeBundle) -> None:
    assert [run.seed for run in verify(make_bundle(seeds=(5, 3))).runs] == [3, 5]


def test_uncommitted_code_is_told_and_not_refused(make_bundle: MakeBundle) -> None:
    def dirty(folder: Path) -> None:
        rewrite(folder / "seed-3" / "run.json", lambda run: run["git"].update(dirty=True))
        rewrite(folder / "seed-4" / "run.json", lambda run: run.update(git={}))

    assert verify(make_bundle(dirty)).code == "e54de96b34 + changes, unknown"


def test_nothing_of_a_bundle_is_executed(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("executed")

    for module, name in ((pickle, "loads"), (pickle, "load"), (np, "load")):
        monkeypatch.setattr(module, name, fail)
    assert verify(sound)


def test_ten_seeds_of_a_mini_protocol_take_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six tasks of 25,000 steps, evaluated every 1,000 in ten episodes: 90,600 episodes in ten runs."""
    protocol, stream = cards.load_protocol("smoke")
    stream = msgspec.structs.replace(stream, tasks=catalogue.names("envs/tasks")[:6], steps_per_task=25_000)
    protocol = msgspec.structs.replace(protocol, evaluation_episodes=10)
    tasks = tuple(cards.load_task(name) for name in stream.tasks)
    monkeypatch.setattr(checks, "official", lambda _: None)  # the catalogue's protocols are smaller or larger
    plan = phases(protocol, stream)
    like, runs = read_run(RUNS / "seed-3").manifest, {}
    for seed in range(10):
        runs[seed] = tmp_path / f"seed-{seed}"
        rng = np.random.default_rng(seed)
        made = msgspec.structs.replace(
            like, seed=seed, protocol=protocol, stream=stream, tasks=tasks, status="running"
        )
        columns = {name: values.tolist() for name, values in logs.scheduled(protocol, stream, plan).items()}
        names = [stream.tasks[task] for task in columns.pop("task")]
        success = rng.integers(0, 2, len(names)).tolist()
        totals = (1500 * rng.random(len(names))).tolist()
        with RunFolder(runs[seed], made) as folder:
            folder.evaluated(
                EvaluationRecord(
                    **dict(zip(columns, values, strict=True)), task=task, success=won, episode_return=total
                )
                for *values, task, won, total in zip(*columns.values(), names, success, totals, strict=True)
            )
            for phase in plan:
                for step in phase.evaluate_at:
                    folder.trained(
                        TrainingRecord(step, phase.visit.position, phase.visit.name, step, 1, 1, 1, 1, {})
                    )
    path = tmp_path / "ten.zip"
    with path.open("xb") as file:
        bundle.write(runs, file)
    started = time.perf_counter()
    entry = verify(path)
    assert time.perf_counter() - started < 30
    assert sum(len(run.run.evaluations) for run in entry.runs) == 10 * 151 * 6 * 10
    assert json.loads(json.dumps(entry.summary["average_performance_count"].item())) == 10
