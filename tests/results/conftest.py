"""What tests of run folders share."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from legion_bench.results.store import Manifest, Run, read_run


@pytest.fixture
def run(finished: Path) -> Run:
    return read_run(finished)


@pytest.fixture
def manifest(run: Run) -> Manifest:
    """A manifest as it is when a run begins."""
    return msgspec.structs.replace(run.manifest, status="running", finished=None)
