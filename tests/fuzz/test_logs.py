"""Run folders whose logs are damaged: read, or RunError; and what is read can be measured."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench.errors import RunError
from legion_bench.reports.measured import measure
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST, TRAINING, read_run
from tests.fuzz import EXAMPLES, damaged
from tests.leaderboard.runs import RUNS

SOURCE = RUNS.parent / "legion-small" / "seed-3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path_factory.mktemp("fuzz") / "run"))


@EXAMPLES
@given(name=st.sampled_from([EVALUATIONS, TRAINING, KNOWLEDGE, MANIFEST]), data=st.data())
def test_damaged_logs(name: str, data: st.DataObject, folder: Path) -> None:
    source = (SOURCE / name).read_bytes()
    (folder / name).write_bytes(data.draw(damaged(source)))
    with contextlib.suppress(RunError):
        measure(read_run(folder))
    (folder / name).write_bytes(source)
