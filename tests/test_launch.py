"""Starting a run: checked before anything is created, and kept whatever happens."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench import launch
from legion_bench.agents.random import RandomAgent
from legion_bench.cards import AgentCard, load_protocol
from legion_bench.errors import CardError, LegionBenchError, LegionBenchWarning, RunError
from legion_bench.results.store import EVALUATIONS, read_run
from legion_bench.seeding import MAX_SEED, derive
from legion_bench.types import AgentSetup
from tests.helpers import contents, write_protocol

HERE = __name__


class Stops(RandomAgent):
    """Raises an error at its sixtieth step, in the second visit."""

    error: type[BaseException] = ZeroDivisionError

    def __init__(self, setup: Any) -> None:
        super().__init__(setup)
        self.steps = 0

    def observe(self, batch: Any) -> None:
        self.steps += 1
        if self.steps == 60:
            raise self.error("enough")


class Interrupted(Stops):
    """Its user presses Ctrl-C."""

    error = KeyboardInterrupt


class Curious(RandomAgent):
    """Keeps what it was built from."""

    setups: list[Any] = []  # noqa: RUF012

    def __init__(self, setup: Any) -> None:
        super().__init__(setup)
        self.setups.append(setup)


def test_a_run_folder_says_what_ran(finished: Path) -> None:
    run = read_run(finished)
    manifest = run.manifest
    assert manifest.status == "finished"
    assert manifest.error is None
    assert manifest.seed == 1
    assert (manifest.protocol, manifest.stream) == load_protocol(str(finished.parent / "mini.toml"))
    assert [task.name for task in manifest.tasks] == ["reach", "drawer-close"]
    assert (manifest.agent.name, manifest.agent.parameters) == ("random", {})
    assert manifest.command == (Path(sys.argv[0]).name, *sys.argv[1:]), "no path of the machine"
    assert manifest.threads["OMP_WAIT_POLICY"] == "PASSIVE"
    assert manifest.started <= (manifest.finished or "")


def test_a_run_folder_holds_every_evaluation(finished: Path) -> None:
    run = read_run(finished)
    steps = list(dict.fromkeys(record.step for record in run.evaluations))
    assert steps == [0, 16, 32, 40, 48, 64, 80]
    assert len(run.evaluations) == len(steps) * 2 * 2
    assert [record.step for record in run.training] == steps[1:]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"protocol": "smok"}, "did you mean 'smoke'"),
        ({"agent": "randon"}, "did you mean 'random'"),
        ({"agent": f"{HERE}:NoSuchAgent"}, "NoSuchAgent"),
        ({"seed": -1}, r"seed must be in \[0, 2147483648\), got -1"),
        ({"seed": MAX_SEED}, "seed must be in"),
    ],
)
def test_a_mistake_creates_nothing(
    changes: dict[str, Any], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LegionBenchError, match=complaint):
        launch.run(**{"protocol": "smoke", "agent": "random", **changes})
    assert not list(tmp_path.iterdir())


def test_the_default_folder_is_named_after_protocol_agent_and_seed() -> None:
    protocol, _ = load_protocol("smoke")
    card = AgentCard(name="pkg.mod:Agent", title="T", entry_point="pkg.mod:Agent")
    assert launch.default_folder(protocol, card, 3) == Path("runs/smoke/pkg.mod.Agent/seed-3")


def test_a_run_goes_to_the_default_folder(tiny_protocol: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_protocol.parent)
    path = launch.run(str(tiny_protocol), "random")
    assert path == Path("runs/mini/random/seed-0")
    assert read_run(path).manifest.status == "finished"


def test_a_run_is_not_written_over(run_folder: Path, tiny_protocol: Path) -> None:
    before = contents(run_folder)
    with pytest.raises(RunError, match="already holds a run"):
        launch.run(str(tiny_protocol), "random", seed=2, out=run_folder)
    assert contents(run_folder) == before


def test_overwriting_replaces_the_run(run_folder: Path, tiny_protocol: Path) -> None:
    launch.run(str(tiny_protocol), "random", seed=2, out=run_folder, overwrite=True)
    assert read_run(run_folder).manifest.seed == 2


def test_overwriting_refuses_a_folder_that_holds_more_than_a_run(
    run_folder: Path, tiny_protocol: Path
) -> None:
    (run_folder / "notes.txt").write_text("worth keeping")
    before = contents(run_folder)
    with pytest.raises(RunError, match=r"holds notes\.txt"):
        launch.run(str(tiny_protocol), "random", seed=2, out=run_folder, overwrite=True)
    assert contents(run_folder) == before


def test_overwriting_spares_the_old_run_if_the_new_one_cannot_begin(
    run_folder: Path, tiny_protocol: Path
) -> None:
    before = contents(run_folder)
    with pytest.raises(CardError):
        launch.run(str(tiny_protocol), f"{HERE}:NoSuchAgent", out=run_folder, overwrite=True)
    assert contents(run_folder) == before


@pytest.mark.parametrize(
    ("agent", "error", "status", "message"),
    [
        ("Stops", ZeroDivisionError, "failed", "ZeroDivisionError: enough"),
        ("Interrupted", KeyboardInterrupt, "interrupted", None),
    ],
)
def test_a_run_that_stops_keeps_what_it_measured(
    agent: str,
    error: type[BaseException],
    status: str,
    message: str | None,
    tiny_protocol: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(error):
        launch.run(str(tiny_protocol), f"{HERE}:{agent}", out=tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert (run.manifest.status, run.manifest.error) == (status, message)
    assert [record.step for record in run.training] == [16, 32, 40, 48]
    assert max(record.step for record in run.evaluations) == 48
    assert run.warnings == ()


def test_a_run_stops_after_the_evaluation_that_was_asked_for_and_goes_on(
    tiny_protocol: Path, finished: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    arguments = (str(tiny_protocol), "random", 1, tmp_path / "run")
    path = launch.run(*arguments, stop_after=20, say=said.append)
    stopped, whole = read_run(path), read_run(finished)
    assert (stopped.manifest.status, stopped.manifest.stream) == ("interrupted", whole.manifest.stream)
    assert stopped.evaluations[-1].step == 32  # the first evaluation at 20 or later
    assert stopped.evaluations == whole.evaluations[: len(stopped.evaluations)]
    assert said == ["the run is not finished: it was to stop after step 20, and goes on when asked again"]
    launch.run(*arguments, say=said.append)
    assert (path / EVALUATIONS).read_bytes() == (finished / EVALUATIONS).read_bytes()
    assert len(said) == 2  # that it goes on; this agent, which cannot, starts over


@pytest.mark.parametrize("steps", [80, 1_000])
def test_a_run_that_is_to_stop_at_its_end_or_later_is_finished(
    steps: int, tiny_protocol: Path, tmp_path: Path
) -> None:
    path = launch.run(str(tiny_protocol), "random", 1, tmp_path / "run", stop_after=steps)
    assert read_run(path).manifest.status == "finished"


def test_an_agent_is_built_from_the_stream_and_the_seed(tiny_protocol: Path) -> None:
    card = AgentCard(name="curious", title="T", entry_point=f"{HERE}:Curious")
    _, stream = load_protocol(str(tiny_protocol))
    Curious.setups.clear()
    for seed in (0, 1, 1):
        launch.build_agent(card, stream, seed)
    first, second, third = Curious.setups
    assert first.tasks == stream.visits()
    assert first.steps_per_task == 40
    assert first.observation_space.shape == (12,)
    assert first.action_space.shape == (4,)
    assert first.seed != second.seed == third.seed
    assert 0 <= first.seed < MAX_SEED


def test_in_single_task_each_visit_has_an_agent_seeded_by_its_position(tmp_path: Path) -> None:
    card = write_protocol(tmp_path, steps=4, every=4)
    card.write_text(card.read_text() + 'regime = "single-task"\n')
    for seed in (0, 1):
        Curious.setups.clear()
        launch.run(str(card), f"{HERE}:Curious", seed=seed, out=tmp_path / f"{seed}")
        expected = [derive(seed, "agent", 0), derive(seed, "agent", 1)]
        assert [setup.seed for setup in Curious.setups] == expected
        assert {setup.tasks for setup in Curious.setups} == {load_protocol(str(card))[1].visits()}


def test_a_task_learned_alone_does_not_depend_on_what_comes_before(tmp_path: Path) -> None:
    """The agent of position 1 does the same whatever stands at position 0."""
    found = []
    for first in ("reach", "push"):
        card = write_protocol(tmp_path, first, steps=30)
        stream = tmp_path / f"{first}-stream.toml"
        stream.write_text(stream.read_text().replace('["reach"', f'["{first}"'))
        card.write_text(card.read_text() + 'regime = "single-task"\n')
        run = read_run(launch.run(str(card), "tests.toy_agent:Toy", out=tmp_path / "run" / first))
        records = [record for record in run.evaluations if record.task == "drawer-close" and record.step > 30]
        found.append([(record.step, record.episode_return) for record in records])
    assert found[0] == found[1]


def test_a_stack_cannot_learn_tasks_apart(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"regime 'single-task' builds an agent at each visit.*--stack"):
        launch.run_stack("smoke-single-task", "legion-small", [0, 1], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


class Late(RandomAgent):
    """Tells when its updates begin."""

    def __init__(self, setup: AgentSetup, learning_starts: Any) -> None:
        super().__init__(setup)
        self.learning_starts = learning_starts


@pytest.mark.parametrize(
    ("starts", "regime", "warns"),
    [
        (39, "lifelong", False),
        (40, "lifelong", True),
        (40, "expanding", False),  # the last visit trains both tasks
        (79, "multi-task", False),
        (80, "multi-task", True),
        ("soon", "lifelong", False),
        (None, "lifelong", False),
    ],
)
def test_an_agent_that_will_never_be_updated_is_a_warning(
    starts: Any, regime: str, warns: bool, tiny_protocol: Path
) -> None:
    protocol, stream = load_protocol(str(tiny_protocol))
    protocol = msgspec.structs.replace(protocol, regime=regime)
    card = AgentCard(
        name="late", title="Late", entry_point=f"{HERE}:Late", parameters={"learning_starts": starts}
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        launch.Job(protocol, stream, card, 0, None).build(0)
    assert [one.category for one in caught] == [LegionBenchWarning] * warns


def test_a_watcher_sees_the_run(tiny_protocol: Path, tmp_path: Path) -> None:
    told: list[Any] = []
    launch.run(
        str(tiny_protocol), "random", out=tmp_path / "run", watch=lambda *progress: told.append(progress)
    )
    assert max(step for step, _, _ in told) == 80
    run = read_run(tmp_path / "run")
    last = [record.success for record in run.evaluations if record.step == 80]
    assert told[-1][2] == pytest.approx(np.mean(last))
