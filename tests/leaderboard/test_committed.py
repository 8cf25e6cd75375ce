"""The committed leaderboard is what its bundles say, and these are of the committed runs."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from legion_bench.leaderboard import Entry, build, verify
from legion_bench.leaderboard.bundle import INDEX
from legion_bench.leaderboard.page import CSV
from legion_bench.results.store import Manifest, find_runs, read_run

RESULTS = Path(__file__).parents[2] / "results"
BOARD = RESULTS / "leaderboard"
BUNDLES = sorted((BOARD / "bundles").glob("*.zip"))
RUNS = {path: read_run(path).manifest for path in find_runs(RESULTS.glob("*/runs"))}


@cache
def entry(bundle: Path) -> Entry:
    return verify(bundle)


def track(made: Manifest) -> tuple[str, str]:
    return made.protocol.name, made.agent.name


def test_the_table_and_the_cards_are_made_from_the_bundles(tmp_path: Path) -> None:
    build(map(entry, BUNDLES), tmp_path)
    made, committed = (pd.read_csv(root / CSV).drop(columns="bundle") for root in (tmp_path, BOARD))
    pd.testing.assert_frame_equal(made, committed, check_exact=True)
    cards = [
        {path.name: path.read_text("utf-8") for path in (root / "cards").iterdir()}
        for root in (tmp_path, BOARD)
    ]
    assert cards[0] == cards[1]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.stem)
def test_a_bundle_holds_the_committed_runs(bundle: Path) -> None:
    committed = {
        f"seed-{run.seed}": path for path, run in RUNS.items() if track(run) == track(entry(bundle).manifest)
    }
    with zipfile.ZipFile(bundle) as file:
        members = [name.split("/") for name in file.namelist() if name != INDEX]
        assert {folder for folder, _ in members} == set(committed)
        for folder, name in members:
            assert file.read(f"{folder}/{name}") == (committed[folder] / name).read_bytes()


def test_every_committed_run_is_in_a_bundle() -> None:
    assert {track(entry(bundle).manifest) for bundle in BUNDLES} == set(map(track, RUNS.values()))
