"""LEGION on our runner: every regime, stopped runs, and several seeds together."""

from __future__ import annotations

from pathlib import Path

import pytest

from legion_bench import cards, launch
from legion_bench.agents.legion.learner import Learner
from legion_bench.errors import AgentError, CardError, LegionBenchError, RunError
from legion_bench.results import checkpoints
from legion_bench.results.lock import locked
from legion_bench.results.store import read_run
from legion_bench.seeding import parse_seeds
from legion_bench.types import Metrics

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


PROTOCOL = """
title = "Two small tasks"
stream = "kuka-tiny"
evaluate_every = 400
evaluation_episodes = 1
"""


@pytest.fixture
def card(tmp_path: Path) -> str:
    path = tmp_path / "tiny-legion.toml"
    path.write_text(CARD, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("regime", ["lifelong", "expanding", "multi-task"])
def test_every_regime_is_learned_and_leaves_knowledge(card: str, tmp_path: Path, regime: str) -> None:
    protocol = tmp_path / "two.toml"
    protocol.write_text(f'{PROTOCOL}regime = "{regime}"\n', encoding="utf-8")
    run = read_run(launch.run(str(protocol), card, 0, tmp_path / "run"))
    _, stream = cards.load_protocol(str(protocol))
    tasks = len(set(stream.tasks))
    visits = 1 if regime == "multi-task" else len(stream.tasks)
    assert [record.stream_position for record in run.knowledge] == list(range(visits))
    last = run.load_knowledge(visits - 1)
    assert set(last.tasks) == set(range(tasks))
    assert last.latents.shape == (100, 10)
    assert run.knowledge[-1].components == len(set(last.components.tolist()))


@pytest.mark.parametrize("engine", ["bnpy", "torch"])
@pytest.mark.parametrize("stop", [37, 250, 601])
def test_a_stopped_run_ends_as_if_it_had_not_been(card: str, tmp_path: Path, engine: str, stop: int) -> None:
    Path(card).write_text(CARD.replace('"torch"', f'"{engine}"'), encoding="utf-8")

    def watch(step: int, *_: object) -> None:
        if step == stop:
            raise KeyboardInterrupt

    whole = launch.run("tiny", card, 0, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        launch.run("tiny", card, 0, tmp_path / "stopped", watch=watch)
    said: list[str] = []
    stopped = launch.run("tiny", card, 0, tmp_path / "stopped", say=said.append)
    assert said == [f"the run goes on from step {stop:,}"]
    for log in ("evaluations.jsonl", "knowledge.jsonl"):
        assert (stopped / log).read_bytes() == (whole / log).read_bytes()


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
    for seed in (0, 1):
        path = tmp_path / f"seed-{seed}"
        assert read_run(path).manifest.status == "interrupted"
        checkpoint, _ = checkpoints.newest(path)
        assert checkpoint is not None
        assert checkpoint.step == 151
    with pytest.raises(RunError, match="a stack cannot go on"):
        launch.run_stack("tiny", card, (0, 1), tmp_path)
    launch.run("tiny", card, 1, tmp_path / "seed-1")
    assert read_run(tmp_path / "seed-1").manifest.status == "finished"


def test_a_stack_deletes_nothing_while_another_process_writes_to_one_of_its_folders(
    card: str, tmp_path: Path
) -> None:
    finished = launch.run("tiny", "random", 0, tmp_path / "seed-0")
    before = (finished / "evaluations.jsonl").read_bytes()
    with locked(tmp_path / "seed-1"), pytest.raises(RunError, match="another process"):
        launch.run_stack("tiny", card, (0, 1), tmp_path, overwrite=True)
    assert (finished / "evaluations.jsonl").read_bytes() == before


def test_a_run_whose_losses_are_no_numbers_stops_and_can_go_on_from_before(
    card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Learner.update
    step = 0

    def spoil(learner: Learner) -> list[Metrics]:
        if step >= 700:
            learner.parameters["critic"].flat.fill_(float("nan"))
        return learn(learner)

    def watch(now: int, *_: object) -> None:
        nonlocal step
        step = now

    monkeypatch.setattr(Learner, "update", spoil)
    with pytest.raises(AgentError, match="critic_loss is nan at update"):
        launch.run("tiny", card, 0, tmp_path / "run", checkpoint_minutes=0, watch=watch)
    monkeypatch.undo()
    assert "step 7" in str(read_run(tmp_path / "run").manifest.error)
    launch.run("tiny", card, 0, tmp_path / "run")
    whole = launch.run("tiny", card, 0, tmp_path / "whole")
    assert (tmp_path / "run" / "evaluations.jsonl").read_bytes() == (whole / "evaluations.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (3,)), ("0-2", (0, 1, 2)), ("0-1, 5", (0, 1, 5)), ("2,0", (2, 0))]
)
def test_seeds_are_read(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "0,,1", "0,0", "0-2,1", "3-1", f"{2**31}", "1.5"])
def test_seeds_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(LegionBenchError, match="seed"):
        parse_seeds(text)
