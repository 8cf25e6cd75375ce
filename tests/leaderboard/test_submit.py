"""From runs to a bundle that is accepted, or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from legion_bench.errors import BundleError, RunError
from legion_bench.leaderboard import submit, verify
from legion_bench.results.store import EVALUATIONS
from tests.leaderboard.runs import RUNS


def test_committed_runs_can_be_submitted(tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    entry = submit([RUNS], out)
    assert entry.bundle == out
    assert entry.sha256 == verify(out).sha256
    assert [run.seed for run in entry.runs] == [3, 4, 5, 6, 7]
    assert list(tmp_path.iterdir()) == [out]


def test_a_bundle_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "bundle.zip"
    out.write_text("mine")
    with pytest.raises(BundleError, match="exists: choose another --out"):
        submit([RUNS], out)
    assert out.read_text() == "mine"


def test_what_would_be_refused_is_not_written(tmp_path: Path) -> None:
    run = shutil.copytree(RUNS / "seed-3", tmp_path / "runs" / "mine")
    (run / EVALUATIONS).write_text("")
    out = tmp_path / "out" / "bundle.zip"
    out.parent.mkdir()
    with pytest.raises(BundleError, match=r"seed-3/evaluations\.jsonl, line 1: the end") as caught:
        submit([run], out)
    assert str(caught.value).startswith(str(out))
    assert not list(out.parent.iterdir())


def test_two_runs_of_one_seed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"have the same seed, 3: .* leave one out"):
        submit([RUNS / "seed-3", RUNS.parent / "random" / "seed-3"], tmp_path / "bundle.zip")


def test_no_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        submit([tmp_path], tmp_path / "bundle.zip")
