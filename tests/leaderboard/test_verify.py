"""What verification computes, and how fast."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from legion_bench.errors import BundleError
from legion_bench.leaderboard import bundle
from legion_bench.leaderboard.tracks import Track
from legion_bench.leaderboard.verify import verify
from legion_bench.reports.frames import runs_frame, summary_frame
from legion_bench.reports.measured import measure_all
from legion_bench.results.store import MANIFEST, read_run
from tests.leaderboard.conftest import MakeBundle, rewrite
from tests.leaderboard.runs import RUNS, SEEDS, make_up_runs


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


def test_ten_seeds_of_mini(tmp_path: Path) -> None:
    path = tmp_path / "ten.zip"
    with path.open("xb") as file:
        bundle.write(make_up_runs(tmp_path / "runs", "mini", 10), file)
    entry = verify(path)
    assert sum(len(run.run.evaluations) for run in entry.runs) == 10 * 61 * 6 * 2
    assert entry.summary["average_performance_count"] == 10


def test_a_run_is_checked_before_the_next_is_read(make_bundle: MakeBundle) -> None:
    def edit(folder: Path) -> None:
        rewrite(folder / "seed-3" / MANIFEST, lambda run: run.update(status="running"))
        (folder / "seed-4" / MANIFEST).write_text("{")

    with pytest.raises(BundleError, match=r"seed-3/run\.json: its status"):
        verify(make_bundle(edit))


def test_what_forward_transfer_is_measured_against_is_named(make_bundle: MakeBundle) -> None:
    def extending(name: str) -> Callable[[Path], None]:
        def edit(folder: Path) -> None:
            for seed in SEEDS:
                rewrite(
                    folder / f"seed-{seed}" / MANIFEST,
                    lambda run: run["agent"].update(name="mine", extends=[name]),
                )

        return edit

    assert verify(make_bundle(extending("sac-finetune-small"))).reference == "sac-finetune-small"
    assert verify(make_bundle(extending("nothing"))).reference is None


@pytest.mark.parametrize("name", ["sac-packnet-small", "mine"])
def test_no_seed_hides_behind_a_number_of_another_type(make_bundle: MakeBundle, name: str) -> None:
    def edit(folder: Path) -> None:
        for seed, scale in ((3, 5.0), (4, 5)):
            rewrite(
                folder / f"seed-{seed}" / MANIFEST,
                lambda run, scale=scale: run["agent"].update(
                    name=name, parameters={**run["agent"]["parameters"], "observation_scale": scale}
                ),
            )

    with pytest.raises(BundleError, match=r"agent: the card differs|differ in agent"):
        verify(make_bundle(edit))
