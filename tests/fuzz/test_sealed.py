"""Reference numbers whose hash is right: read and compared with, or one of our errors."""

from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench.errors import LegionBenchError
from legion_bench.reports.regression import cells, check, other_versions
from legion_bench.reports.traces import collect
from legion_bench.results import sealed
from legion_bench.results.regression import read
from legion_bench.results.store import Run, read_run
from tests.fuzz import EXAMPLES, VALUES, damaged, place_in
from tests.leaderboard.runs import RUNS


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [read_run(RUNS.parent / name / "seed-3") for name in ("random", "sac-packnet-small")]


@pytest.fixture(scope="module")
def content(runs: list[Run]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(collect(runs)))
    return found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "numbers.json"


def compare(file: Path, runs: list[Run]) -> None:
    with contextlib.suppress(LegionBenchError):
        numbers = read(file)
        for row in check(runs, numbers):
            assert all(cells(row))
        other_versions(runs, numbers)


@EXAMPLES
@given(value=VALUES, data=st.data())
def test_any_value_in_any_field(
    value: Any, data: st.DataObject, content: dict[str, Any], runs: list[Run], file: Path
) -> None:
    changed = copy.deepcopy(content)
    place_in(changed, value, data)
    try:
        sealed.write(file, changed)  # type: ignore[arg-type]
    except (msgspec.MsgspecError, ValueError, OverflowError):  # what JSON does not hold
        return
    compare(file, runs)


@EXAMPLES
@given(data=st.data())
def test_damaged_bytes(data: st.DataObject, content: dict[str, Any], runs: list[Run], file: Path) -> None:
    sealed.write(file, content)  # type: ignore[arg-type]
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    compare(file, runs)
