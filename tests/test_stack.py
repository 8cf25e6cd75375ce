"""Several seeds trained together: ``legion-bench run --seeds 0-2 --stack``."""

from __future__ import annotations

from pathlib import Path

import pytest

from legion_bench import launch
from legion_bench.errors import CardError, LegionBenchError, RunError
from legion_bench.results.store import read_run
from legion_bench.seeding import parse_seeds

CARD = """
title = "LEGION, tiny"
entry_point = "legion_bench.agents.legion.agent:LegionAgent"

[parameters]
encoder_width = 8
encoder_depth = 1
width = 8
depth = 2
batch_size = 16
buffer_size = 2_000
learning_starts = 20
warmup_updates = 10
train_freq = 20
encoder_every = 5
engine = "torch"
first_fit = 100
fit_every = 200
fit_samples = 100
"""


@pytest.fixture
def card(tmp_path: Path) -> str:
    path = tmp_path / "tiny-legion.toml"
    path.write_text(CARD, encoding="utf-8")
    return str(path)


def test_a_stack_measures_what_separate_runs_do(card: str, tmp_path: Path) -> None:
    paths = launch.run_stack("tiny", card, (0, 1), tmp_path / "stack")
    assert [path.name for path in paths] == ["seed-0", "seed-1"]
    for seed, path in enumerate(paths):
        alone = read_run(launch.run("tiny", card, seed, tmp_path / f"alone-{seed}"))
        stacked = read_run(path)
        assert stacked.manifest.status == "finished"
        assert stacked.manifest.seed == seed
        for one, other in zip(stacked.evaluations, alone.evaluations, strict=True):
            # Rounding grows over an episode; another seed's return is nowhere near.
            assert one.episode_return == pytest.approx(other.episode_return, rel=0.02)
            assert (one.step, one.task, one.episode) == (other.step, other.task, other.episode)
        assert [k.task for k in stacked.knowledge] == [k.task for k in alone.knowledge]


def test_an_agent_that_cannot_be_stacked_is_refused_before_anything_is_created(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="no class method 'stack'"):
        launch.run_stack("tiny", "random", (0, 1), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_stack_never_deletes_a_run(card: str, tmp_path: Path) -> None:
    launch.run("tiny", card, 1, tmp_path / "runs" / "seed-1")
    with pytest.raises(RunError, match="seed-1"):
        launch.run_stack("tiny", card, (0, 1), tmp_path / "runs")
    assert not (tmp_path / "runs" / "seed-0").exists()


def test_stopping_one_seed_interrupts_all(card: str, tmp_path: Path) -> None:
    def watch(step: int, *_: object) -> None:
        if step == 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.run_stack("tiny", card, (0, 1), tmp_path, watch=watch)
    statuses = [read_run(tmp_path / f"seed-{seed}").manifest.status for seed in (0, 1)]
    assert statuses == ["interrupted", "interrupted"]
    with pytest.raises(RunError, match="a stack cannot go on"):
        launch.run_stack("tiny", card, (0, 1), tmp_path)


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (3,)), ("0-2", (0, 1, 2)), ("0-1, 5", (0, 1, 5)), ("2,0", (2, 0))]
)
def test_seeds_are_read(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "0,,1", "0,0", "0-2,1", "3-1", f"{2**31}", "1.5"])
def test_seeds_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(LegionBenchError, match="seed"):
        parse_seeds(text)
