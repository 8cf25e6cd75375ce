"""The progress bar."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from legion_bench import launch
from legion_bench.errors import CardError
from legion_bench.progress import Progress


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=160, color_system=None)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_it_shows_task_steps_and_success(console: Console, tiny_protocol: Path, tmp_path: Path) -> None:
    with Progress(console, str(tiny_protocol)) as progress:
        launch.run(str(tiny_protocol), "random", out=tmp_path / "run", watch=progress)
    for text in ("drawer-close", "80/80", "success 0.00"):
        assert text in shown(console)


def test_nothing_is_shown_before_the_run_begins(console: Console, tiny_protocol: Path) -> None:
    """A run that cannot begin must leave its error alone on the screen."""
    with pytest.raises(ZeroDivisionError), Progress(console, str(tiny_protocol)):
        raise ZeroDivisionError
    assert "80" not in shown(console)


def test_an_unknown_protocol_is_the_runs_own_error(console: Console) -> None:
    with pytest.raises(CardError, match="did you mean 'smoke'"):
        Progress(console, "smok")
