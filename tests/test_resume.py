"""A run that was stopped goes on as if nothing had happened, or says why not."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench import catalogue, launch
from legion_bench.errors import LegionBenchError, RunError
from legion_bench.results.checkpoints import FOLDER
from legion_bench.results.lock import locked
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, read_run
from legion_bench.types import TaskInfo
from tests.helpers import contents
from tests.test_cli_process import INTERRUPTIBLE

TOY, FORGETFUL = "tests.toy_agent:Toy", "tests.toy_agent:Forgetful"
CARDS = {
    "lifelong": 'regime = "lifelong"',
    "expanding": 'regime = "expanding"\nslots = 2',
    "multi-task": 'regime = "multi-task"\nslots = 2',
    "single-task": 'regime = "single-task"',
    "overlap": "overlap = true",
}
StopAt = Callable[[int], Any]


def write_cards(folder: Path, regime: str = "lifelong", every: int = 16, steps: int = 60) -> Path:
    (folder / "stream.toml").write_text(
        'title = "Tests"\nrobot = "kuka"\ntasks = ["reach", "drawer-close", "reach"]\n'
        f'steps_per_task = {steps}\nhorizon = 15\nplacement = "pool:9"\nreward = "legion"\n'
    )
    card = folder / "protocol.toml"
    card.write_text(
        f'title = "Tests"\nstream = "stream.toml"\nevaluate_every = {every}\nevaluation_episodes = 1\n'
        f"{CARDS[regime]}\n"
    )
    return card


def stop_at(stop: int, error: type[BaseException] = ZeroDivisionError) -> Any:
    def watch(step: int, visit: TaskInfo | None, success: float | None) -> None:
        if step >= stop:
            raise error

    return watch


class Told:
    """What a run says."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the cards that nothing stops, for reading only."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return launch.run(str(write_cards(folder)), TOY, out=folder / "run", checkpoint_minutes=1e9)


@pytest.fixture(scope="module")
def undisturbed_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an agent for each visit."""
    folder = tmp_path_factory.mktemp("undisturbed-alone")
    card = str(write_cards(folder, "single-task"))
    return launch.run(card, TOY, out=folder / "run", checkpoint_minutes=1e9)


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that died at step 100, with checkpoints of steps 80 and 96, for reading only."""
    folder = tmp_path_factory.mktemp("died")
    with pytest.raises(ZeroDivisionError):
        launch.run(
            str(write_cards(folder)), TOY, out=folder / "run", checkpoint_minutes=0, watch=stop_at(100)
        )
    assert [int(path.name[:12]) for path in sorted((folder / "run" / FOLDER).iterdir())] == [80, 96]
    return folder


@pytest.fixture
def stopped(died: Path, tmp_path: Path) -> Path:
    """A copy of that run, its cards beside it."""
    return Path(shutil.copytree(died, tmp_path, dirs_exist_ok=True)) / "run"


def go_on(path: Path, agent: str = TOY, **changes: Any) -> list[str]:
    told = Told()
    launch.run(str(path.parent / "protocol.toml"), agent, out=path, say=told, **changes)
    assert read_run(path).manifest.status == "finished"
    return told.texts


def assert_same_results(path: Path, other: Path) -> None:
    """Compare all but the clock."""
    for log in (EVALUATIONS, KNOWLEDGE):
        assert (path / log).read_bytes() == (other / log).read_bytes()
    one, two = read_run(path), read_run(other)
    assert [(r.step, r.task, r.losses, r.gradient_updates, r.stored_bytes) for r in one.training] == [
        (r.step, r.task, r.losses, r.gradient_updates, r.stored_bytes) for r in two.training
    ]
    clock = [record.wall_clock for record in one.training]
    assert clock == sorted(clock)
    for position in {record.stream_position for record in one.knowledge}:
        mine, theirs = one.load_knowledge(position), two.load_knowledge(position)
        np.testing.assert_array_equal(mine.latents, theirs.latents)
        np.testing.assert_array_equal(mine.means, theirs.means)


def test_it_goes_on_and_ends_as_if_nothing_had_happened(stopped: Path, undisturbed: Path) -> None:
    assert go_on(stopped) == ["the run goes on from step 96"]
    assert_same_results(stopped, undisturbed)
    manifest = read_run(stopped).manifest
    assert [resume.step for resume in manifest.resumes] == [96]
    assert manifest.error is None
    (last,) = (stopped / FOLDER).iterdir()
    assert int(last.name[:12]) == 180, "the trained agent"


@pytest.mark.parametrize("step", [0, 1, 15, 16, 59, 60, 61, 119, 120, 179, 180])
def test_ctrl_c_between_two_steps_loses_nothing(tmp_path: Path, undisturbed: Path, step: int) -> None:
    """At evaluations and boundaries as well, on which the watcher is called twice."""
    card, path = str(write_cards(tmp_path)), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        launch.run(card, TOY, out=path, watch=stop_at(step, KeyboardInterrupt))
    assert read_run(path).manifest.status == "interrupted"
    assert go_on(path) == [f"the run goes on from step {step}"]
    assert_same_results(path, undisturbed)


@pytest.mark.parametrize("step", [0, 16, 60, 61, 119, 120, 121, 180])
def test_a_visits_own_agent_goes_on(tmp_path: Path, undisturbed_alone: Path, step: int) -> None:
    """At the last step of a visit the agent is still that visit's."""
    card, path = str(write_cards(tmp_path, "single-task")), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        launch.run(card, TOY, out=path, watch=stop_at(step, KeyboardInterrupt))
    assert go_on(path) == [f"the run goes on from step {step}"]
    assert_same_results(path, undisturbed_alone)


@pytest.mark.parametrize("step", [1, 16, 21, 59, 60, 61])
def test_an_update_that_is_owed_is_made_after_going_on(tmp_path: Path, step: int) -> None:
    card, path, whole = str(write_cards(tmp_path, "overlap")), tmp_path / "run", tmp_path / "whole"
    launch.run(card, TOY, out=whole)
    with pytest.raises(KeyboardInterrupt):
        launch.run(card, TOY, out=path, watch=stop_at(step, KeyboardInterrupt))
    go_on(path)
    assert_same_results(path, whole)


def test_checkpoints_change_nothing(tmp_path: Path, undisturbed: Path) -> None:
    launch.run(str(write_cards(tmp_path)), TOY, out=tmp_path / "run", checkpoint_minutes=0)
    assert_same_results(tmp_path / "run", undisturbed)


def test_a_run_may_be_stopped_again_and_again(tmp_path: Path, undisturbed: Path) -> None:
    card, path = str(write_cards(tmp_path)), tmp_path / "run"
    for step in (20, 40, 90, 91, 150):
        with pytest.raises(ZeroDivisionError):
            launch.run(card, TOY, out=path, checkpoint_minutes=0, watch=stop_at(step))
    go_on(path)
    assert_same_results(path, undisturbed)
    assert [resume.step for resume in read_run(path).manifest.resumes] == [16, 32, 80, 80, 144]


def test_from_a_damaged_checkpoint_it_goes_back_to_the_one_before(stopped: Path, undisturbed: Path) -> None:
    newer = max((stopped / FOLDER).iterdir())
    newer.write_bytes(newer.read_bytes()[:-1])
    complaint, said = go_on(stopped)
    assert f"{newer} is left out: it is damaged" in complaint
    assert said == "the run goes on from step 80"
    assert_same_results(stopped, undisturbed)


def test_without_any_checkpoint_it_starts_over(stopped: Path, undisturbed: Path) -> None:
    for file in (stopped / FOLDER).iterdir():
        file.unlink()
    assert go_on(stopped) == ["the run starts over: it has no checkpoint to go on from"]
    assert_same_results(stopped, undisturbed)
    assert read_run(stopped).manifest.resumes == ()


def test_an_agent_without_a_state_starts_over(tmp_path: Path) -> None:
    card, path = str(write_cards(tmp_path)), tmp_path / "run"
    with pytest.raises(ZeroDivisionError):
        launch.run(card, FORGETFUL, out=path, checkpoint_minutes=0, watch=stop_at(100))
    assert not (path / FOLDER).exists()
    (said,) = go_on(path, FORGETFUL)
    assert said.startswith("the run starts over: Forgetful has no state_dict and load_state_dict")
    launch.run(card, FORGETFUL, out=tmp_path / "other")
    assert_same_results(path, tmp_path / "other")


def test_a_full_disk_fails_the_run_which_goes_on_later(
    tmp_path: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, path, save = str(write_cards(tmp_path)), tmp_path / "run", torch.save

    def full(content: Any, file: Any) -> None:
        if content["step"] >= 60:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(content, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match="cannot write the checkpoint of step 60"):
        launch.run(card, TOY, out=path, checkpoint_minutes=0)
    manifest = read_run(path).manifest
    assert manifest.status == "failed"
    assert "No space left on device" in str(manifest.error)
    monkeypatch.undo()
    assert go_on(path) == ["the run goes on from step 48"]
    assert_same_results(path, undisturbed)


def test_another_card_or_seed_is_refused_by_name(stopped: Path) -> None:
    card = stopped.parent / "toy.toml"
    card.write_text('title = "T"\nentry_point = "tests.toy_agent:Toy"\n[parameters]\nknows = false\n')
    before = contents(stopped)
    with pytest.raises(RunError, match=r"cannot go on: agent\.name was .* and is now 'toy'.*--overwrite"):
        go_on(stopped, str(card))
    with pytest.raises(RunError, match=r"cannot go on: seed was 0 and is now 1"):
        go_on(stopped, seed=1)
    write_cards(stopped.parent, every=17)
    with pytest.raises(RunError, match=r"protocol\.evaluate_every was 16 and is now 17"):
        go_on(stopped)
    assert contents(stopped) == before
    assert go_on(stopped, str(card), overwrite=True) == []


def test_a_folder_that_is_being_written_is_refused(stopped: Path) -> None:
    with locked(stopped):
        before = contents(stopped)
        for overwrite in (False, True):
            with pytest.raises(LegionBenchError, match="is being written by another process"):
                go_on(stopped, overwrite=overwrite)
        assert contents(stopped) == before


def run_in_a_process(
    path: Path, minutes: float, stop_with: signal.Signals, lines: int, delay: float, agent: str = TOY
) -> int:
    """Begin or resume a run, and send it a signal once it has logged so many lines."""
    arguments = ["run", "--protocol", path.parent / "protocol.toml", "--agent", agent, "--out", path]
    options = [*map(str, arguments), "--checkpoint-minutes", str(minutes)]
    log, deadline = path / EVALUATIONS, time.monotonic() + 120
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *options], stderr=subprocess.DEVNULL
    ) as process:
        while not (log.is_file() and log.read_bytes().count(b"\n") > lines):
            assert process.poll() is None, "it ended before it was stopped"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(stop_with)
        return process.wait(timeout=60)


def kill_and_go_on(folder: Path, agent: str, shares: Sequence[float], rng: random.Random) -> None:
    """Kill a run once it has logged each share of its lines and a moment has passed; then let it end.

    It has to end as one that nothing disturbed. Cards lie in ``folder``.
    """
    path, undisturbed = folder / "run", folder / "undisturbed"
    launch.run(str(folder / "protocol.toml"), agent, out=undisturbed)
    total = (undisturbed / EVALUATIONS).read_bytes().count(b"\n")
    for share in shares:
        run_in_a_process(path, 0, signal.SIGKILL, int(share * total), rng.uniform(0, 0.05), agent)
    assert read_run(path).manifest.status == "running"
    go_on(path, agent)
    assert_same_results(path, undisturbed)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
@pytest.mark.parametrize("regime", CARDS)
def test_killed_anywhere_it_ends_with_the_same_bytes(tmp_path: Path, regime: str) -> None:
    """Twenty points in all, on MuJoCo."""
    write_cards(tmp_path, regime, every=8)
    rng = random.Random(regime)
    kill_and_go_on(tmp_path, TOY, [place + rng.uniform(0, 0.2) for place in (0, 0.2, 0.4, 0.6)], rng)


# What makes agents of the catalogue learn within tens of steps, by how their names begin.
HASTY = {
    "legion": "learning_starts = 10\nbatch_size = 16\nfirst_fit = 50\nfit_every = 50\nfit_samples = 50",
    "ppo": "options = { n_steps = 20, batch_size = 10 }",
    "sac-packnet": "options = { learning_starts = 10, batch_size = 16 }\nmethod.retrain_steps = 9",
    "": "options = { learning_starts = 10, batch_size = 16 }",
}


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
@pytest.mark.parametrize("name", [name for name in catalogue.names("agents") if name.endswith("-small")])
def test_every_learner_ends_with_the_same_bytes(tmp_path: Path, name: str) -> None:
    card = tmp_path / "hasty.toml"
    haste = next(haste for beginning, haste in HASTY.items() if name.startswith(beginning))
    card.write_text(f'extends = "{name}"\ntitle = "T"\n[parameters]\n{haste}\n')
    write_cards(tmp_path, every=20)
    rng = random.Random(name)
    kill_and_go_on(tmp_path, str(card), [rng.uniform(0.3, 0.7)], rng)
    assert read_run(tmp_path / "run").training[-1].losses, "it has not learned"


@pytest.mark.skipif(os.name != "posix", reason="sends SIGTERM")
def test_a_scheduler_that_ends_a_job_loses_nothing(tmp_path: Path) -> None:
    card, path = write_cards(tmp_path, steps=150), tmp_path / "run"
    assert run_in_a_process(path, 1e9, signal.SIGTERM, lines=12, delay=0.02) == 130
    assert read_run(path).manifest.status == "interrupted"
    last = read_run(path).evaluations[-1].step
    (said,) = go_on(path)
    assert int(said.split()[-1].replace(",", "")) >= last > 0
    assert_same_results(path, launch.run(str(card), TOY, out=tmp_path / "undisturbed"))
