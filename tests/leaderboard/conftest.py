"""Bundles of committed runs, and of what somebody made of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from legion_bench.leaderboard import bundle
from tests.leaderboard.runs import SEEDS, copy_runs

Edit = Callable[[Path], object]
MakeBundle = Callable[..., Path]


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that is accepted, for reading only."""
    folder = tmp_path_factory.mktemp("sound")
    runs = copy_runs(folder / "runs")
    path = folder / "sound.zip"
    with path.open("xb") as file:
        bundle.write(runs, file)
    return path


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Return a function that bundles runs unchecked, after ``edit`` changed their folders' parent."""

    def make(edit: Edit = lambda _: None, seeds: tuple[int, ...] = SEEDS) -> Path:
        folder = tmp_path / "runs"
        shutil.rmtree(folder, ignore_errors=True)
        runs = copy_runs(folder, seeds)
        edit(folder)
        path = tmp_path / "edited.zip"
        with path.open("wb") as file:
            bundle.write(runs, file)
        return path

    return make


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rewrite_line(path: Path, line: int, change: Callable[[Any], object]) -> None:
    """Change one line of a log, from 1, in place."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    content = json.loads(lines[line - 1])
    change(content)
    lines[line - 1] = json.dumps(content) + "\n"
    path.write_text("".join(lines), encoding="utf-8")
