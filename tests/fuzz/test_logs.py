"""Run folders whose logs are damaged: read, or RunError; and what is read can be measured."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench.errors import RunError
from legion_bench.reports import tables
from legion_bench.reports.frames import cost_frame, runs_frame, summary_frame
from legion_bench.reports.measured import measure_all
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST, TRAINING, read_run
from tests.fuzz import EXAMPLES, VALUES, damaged, place_in
from tests.leaderboard.runs import RUNS

SOURCE = RUNS.parent / "legion-small" / "seed-3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path_factory.mktemp("fuzz") / "run"))


@EXAMPLES
@given(name=st.sampled_from([EVALUATIONS, TRAINING, KNOWLEDGE, MANIFEST]), data=st.data())
def test_damaged_logs(name: str, data: st.DataObject, folder: Path) -> None:
    check(folder, name, data.draw(damaged((SOURCE / name).read_bytes())))


@EXAMPLES
@given(name=st.sampled_from([EVALUATIONS, TRAINING, KNOWLEDGE, MANIFEST]), value=VALUES, data=st.data())
def test_any_value_in_any_field(name: str, value: Any, data: st.DataObject, folder: Path) -> None:
    source = (SOURCE / name).read_bytes()
    lines = [source] if name == MANIFEST else source.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    content = json.loads(lines[at])
    place_in(content, value, data)
    try:
        lines[at] = json.dumps(content).encode()
    except ValueError:  # more digits than Python writes
        return
    check(folder, name, b"\n".join(lines) + b"\n")


def check(folder: Path, name: str, content: bytes) -> None:
    """Read and measure a run folder with another content in one of its files."""
    (folder / name).write_bytes(content)
    try:
        with contextlib.suppress(RunError):
            frame = runs_frame(measure_all([read_run(folder)]))
            tables.csv(summary_frame(frame))
            tables.csv(cost_frame(frame))
    finally:
        (folder / name).write_bytes((SOURCE / name).read_bytes())
