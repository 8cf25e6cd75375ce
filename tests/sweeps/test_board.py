"""The table of a sweep."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from legion_bench.sweeps import Cell, Row
from legion_bench.sweeps.board import Board, summary


def rows(count: int = 3) -> list[Row]:
    made = [Row(Cell("p", "a", seed, Path(f"/r/p/a/seed-{seed}"), 30_000, False)) for seed in range(count)]
    made[0].state, made[0].step, made[0].speed = "running", 12_000, 120.0
    made[1].state, made[1].step = "finished", 30_000
    return made


def shown(terminal: bool, all_rows: list[Row], height: int = 40) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, height=height, color_system=None)
    with Board(console) as board:
        board(all_rows)
        board(all_rows)
    return file.getvalue()


def test_a_terminal_shows_step_speed_and_time_left() -> None:
    text = shown(True, rows())
    for part in ("p/a/seed-0", "12,000/30,000", "120", "0:02:30", "1 running, 1 finished, 1 waiting"):
        assert part in text


def test_on_a_small_terminal_what_runs_is_shown() -> None:
    text = shown(True, rows(50), height=20)
    assert "p/a/seed-0" in text
    assert "p/a/seed-7" not in text
    assert summary(rows(50)) in text


def test_elsewhere_a_line_tells_each_change() -> None:
    assert shown(False, rows()) == "running: p/a/seed-0\nfinished: p/a/seed-1\n"
