"""One process at a time writes to a run folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from legion_bench.errors import RunError
from legion_bench.results.lock import LOCK, is_locked, locked
from tests.helpers import python

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
TRY = """
import sys
from pathlib import Path
from legion_bench.results.lock import locked
with locked(Path(sys.argv[1])):
    pass
"""


def test_another_process_is_refused_while_it_is_held_and_let_in_afterwards(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        done = python("-c", TRY, tmp_path / "run")
        assert f"{tmp_path / 'run'} is being written by another process" in done.stderr
    assert python("-c", TRY, tmp_path / "run").returncode == 0
    assert not list((tmp_path / "run").iterdir())


def test_a_lock_that_a_dead_process_left_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    with locked(tmp_path), pytest.raises(RunError, match="another process"), locked(tmp_path):
        pass


def test_whether_it_is_held_is_told_without_a_trace(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert not is_locked(run)
    assert not run.exists()
    with locked(run):
        assert is_locked(run)
    assert not is_locked(run)


def test_another_ones_lock_in_a_folder_made_anew_is_left_alone(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / LOCK).touch()
    assert (tmp_path / "run" / LOCK).exists()
