"""The committed leaderboard is what its bundles say, and these are of the committed runs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from legion_bench.leaderboard import build, verify
from legion_bench.leaderboard.bundle import INDEX
from legion_bench.leaderboard.page import CSV

RESULTS = Path(__file__).parents[2] / "results"
BOARD = RESULTS / "leaderboard"
BUNDLES = sorted((BOARD / "bundles").glob("*.zip"))


def test_the_table_and_the_cards_are_made_from_the_bundles(tmp_path: Path) -> None:
    assert BUNDLES
    build(map(verify, BUNDLES), tmp_path)
    made, committed = (pd.read_csv(root / CSV).drop(columns="bundle") for root in (tmp_path, BOARD))
    pd.testing.assert_frame_equal(made, committed, check_exact=True)
    cards = [
        {path.name: path.read_text("utf-8") for path in (root / "cards").iterdir()}
        for root in (tmp_path, BOARD)
    ]
    assert cards[0] == cards[1]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.stem)
def test_a_bundle_holds_the_committed_runs(bundle: Path) -> None:
    runs = RESULTS / "smoke" / "runs" / bundle.stem.removeprefix("smoke-")
    with zipfile.ZipFile(bundle) as file:
        names = [name for name in file.namelist() if name != INDEX]
        assert {name.partition("/")[0] for name in names} == {path.name for path in runs.iterdir()}
        for name in names:
            assert file.read(name) == (runs / name).read_bytes()
