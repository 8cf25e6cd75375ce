"""What a sweep consists of is known, and checked, before any of it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from legion_bench import launch
from legion_bench.errors import CardError, RunError
from legion_bench.sweeps import grid
from tests.helpers import write_protocol

TOY = "tests.toy_agent:Toy"


def test_runs_come_seed_by_seed_each_in_a_folder_of_its_own(tiny_protocol: Path, tmp_path: Path) -> None:
    cells = grid([str(tiny_protocol)], ["random", TOY], [3, 4], tmp_path / "runs")
    assert [(cell.agent, cell.seed) for cell in cells] == [
        ("random", 3),
        (TOY, 3),
        ("random", 4),
        (TOY, 4),
    ]
    assert [cell.name for cell in cells][:2] == [
        "mini/random/seed-3",
        "mini/tests.toy_agent.Toy/seed-3",
    ]
    assert {cell.steps for cell in cells} == {80}
    assert not (tmp_path / "runs").exists()


def test_what_is_finished_is_known(tiny_protocol: Path, tmp_path: Path) -> None:
    launch.run(str(tiny_protocol), "random", 1, tmp_path / "runs" / "mini" / "random" / "seed-1")
    cells = grid([str(tiny_protocol)], ["random"], [0, 1], tmp_path / "runs")
    assert [cell.finished for cell in cells] == [False, True]


def test_a_finished_run_of_something_else_is_refused(tiny_protocol: Path, tmp_path: Path) -> None:
    launch.run(str(tiny_protocol), "random", 1, tmp_path / "runs" / "mini" / "random" / "seed-1")
    write_protocol(tiny_protocol.parent, every=5)
    with pytest.raises(RunError, match=r"a finished run of something else: protocol\.evaluate_every was"):
        grid([str(tiny_protocol)], ["random"], [0, 1], tmp_path / "runs")


@pytest.mark.parametrize(
    ("agents", "complaint"),
    [(["random", "randm"], "did you mean 'random'"), (["random", "random"], "name each card once")],
)
def test_a_mistake_is_told_before_anything_begins(
    tiny_protocol: Path, tmp_path: Path, agents: list[str], complaint: str
) -> None:
    with pytest.raises((CardError, RunError), match=complaint):
        grid([str(tiny_protocol)], agents, [0], tmp_path / "runs")


def test_a_parameter_that_an_agent_refuses_is_told_before_anything_begins(
    tiny_protocol: Path, tmp_path: Path
) -> None:
    card = tmp_path / "bad.toml"
    card.write_text('title = "T"\nentry_point = "tests.toy_agent:Toy"\n[parameters]\nknwos = true\n')
    with pytest.raises(CardError, match="knwos"):
        grid([str(tiny_protocol)], ["random", str(card)], [0], tmp_path / "runs")
