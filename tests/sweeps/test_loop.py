"""Which runs are started when, and what becomes of the sweep when they end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from legion_bench.sweeps import Cell, Outcome, Row, sweep


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legion_bench.sweeps.loop._LOOK_EVERY", 0.0)


def cells(tmp_path: Path, count: int, finished: Sequence[int] = ()) -> list[Cell]:
    return [Cell("p", "a", seed, tmp_path / f"seed-{seed}", 100, seed in finished) for seed in range(count)]


class Scripted:
    """Ends each run after as many looks as told."""

    def __init__(self, jobs: int, looks: dict[int, int], errors: dict[int, str] | None = None) -> None:
        self.jobs, self.looks, self.errors = jobs, looks, errors or {}
        self.notes: list[str] = []

    def start(self, cell: Cell) -> Scripted.Run:
        self.notes.append(f"start {cell.seed}")
        return self.Run(self, cell.seed)

    class Run:
        def __init__(self, all_: Scripted, seed: int) -> None:
            self.all, self.seed, self.left = all_, seed, all_.looks[seed]

        def outcome(self) -> Outcome | None:
            self.left -= 1
            if self.left > 0:
                return None
            self.all.notes.append(f"end {self.seed}")
            return Outcome(self.all.errors.get(self.seed))

        def stop(self) -> None:
            self.all.notes.append(f"stop {self.seed}")
            self.left, self.all.errors[self.seed] = 2, "it was told to"


def unseen(rows: Sequence[Row]) -> None:
    pass


def test_so_many_run_at_once_in_order(tmp_path: Path) -> None:
    executor = Scripted(2, {0: 3, 1: 1, 2: 1, 3: 1})
    rows = sweep(cells(tmp_path, 4), executor, unseen)
    assert executor.notes == ["start 0", "start 1", "end 1", "start 2", "end 2", "start 3", "end 0", "end 3"]
    assert [row.state for row in rows] == ["finished"] * 4


def test_finished_runs_are_skipped(tmp_path: Path) -> None:
    executor = Scripted(1, {0: 1, 2: 1})
    rows = sweep(cells(tmp_path, 3, finished=[1]), executor, unseen)
    assert executor.notes == ["start 0", "end 0", "start 2", "end 2"]
    assert [(row.state, row.step) for row in rows] == [("finished", 0), ("skipped", 100), ("finished", 0)]


def test_a_run_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    rows = sweep(cells(tmp_path, 3), Scripted(1, {0: 1, 1: 1, 2: 1}, {1: "no luck"}), unseen)
    assert [(row.state, row.error) for row in rows] == [
        ("finished", None),
        ("failed", "no luck"),
        ("finished", None),
    ]


def test_a_run_that_cannot_be_started_leaves_the_others_alone(tmp_path: Path) -> None:
    class Crowded(Scripted):
        def start(self, cell: Cell) -> Scripted.Run:
            if cell.seed == 0:
                raise OSError("Cannot allocate memory")
            return super().start(cell)

    rows = sweep(cells(tmp_path, 2), Crowded(2, {1: 1}), unseen)
    assert [(row.state, row.error) for row in rows] == [
        ("failed", "Cannot allocate memory"),
        ("finished", None),
    ]


def test_no_run_goes_on_unseen_when_a_sweep_breaks(tmp_path: Path) -> None:
    executor = Scripted(2, {0: 99, 1: 99, 2: 99})

    def show(rows: Sequence[Row]) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        sweep(cells(tmp_path, 3), executor, show)
    assert executor.notes[2:] == ["stop 0", "stop 1", "end 0", "end 1"]


def test_ctrl_c_stops_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    executor, looked = Scripted(2, {0: 99, 1: 1, 2: 99, 3: 1}), []

    def show(rows: Sequence[Row]) -> None:
        looked.append([row.state for row in rows])
        if len(looked) == 2:
            raise KeyboardInterrupt

    rows = sweep(cells(tmp_path, 4), executor, show)
    assert executor.notes == ["start 0", "start 1", "end 1", "start 2", "stop 0", "stop 2", "end 0", "end 2"]
    assert [row.state for row in rows] == ["interrupted", "finished", "interrupted", "interrupted"]
    assert {row.error for row in rows} == {None}
