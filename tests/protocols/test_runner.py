"""The one training loop: what it asks of agents, in which order, and what it keeps."""

from __future__ import annotations

import copy
import itertools
import sys
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.stream import StreamEnv, task_seed
from legion_bench.errors import AgentError
from legion_bench.protocols.runner import train
from legion_bench.protocols.training import TrainingEnvs
from legion_bench.seeding import derive
from legion_bench.types import (
    EvaluationRecord,
    Footprint,
    Knowledge,
    KnowledgeRecord,
    TrainingRecord,
    Transitions,
)
from tests.conftest import MakeStream

PROTOCOL = ProtocolCard(name="p", title="T", stream="s", evaluate_every=4, evaluation_episodes=2)
STOPS = [4, 7, 8, 12, 14]  # of two visits of seven steps


class Diary:
    """An agent that moves at random and notes down everything that happens to it."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.notes: list[str] = []
        self.transitions: list[Transitions] = []
        self.updates = 0

    def begin_task(self, task: Any) -> None:
        self.notes.append(f"begin {task.name}")

    def act(self, observations: Any, tasks: Any, *, explore: bool) -> Any:
        self.notes.append("act" if explore else "judge")
        if not explore:
            return np.zeros((len(observations), 4), dtype=np.float32)
        return self.rng.uniform(-1, 1, (len(observations), 4)).astype(np.float32)

    def observe(self, batch: Transitions) -> None:
        self.notes.append("observe")
        self.transitions.append(batch)

    def update(self) -> dict[str, float]:
        self.notes.append("update")
        self.updates += 1
        return {"count": self.updates}

    def end_task(self, task: Any) -> None:
        self.notes.append(f"end {task.name}")


class Kept:
    """Records, kept in memory."""

    def __init__(self) -> None:
        self.evaluations: list[list[EvaluationRecord]] = []
        self.training: list[TrainingRecord] = []
        self.knowledge: list[tuple[KnowledgeRecord, Knowledge]] = []
        self.checkpoints: list[tuple[int, dict[str, Any]]] = []

    def evaluated(self, records: Iterable[EvaluationRecord]) -> None:
        self.evaluations.append(list(records))

    def trained(self, record: TrainingRecord) -> None:
        self.training.append(record)

    def known(self, record: KnowledgeRecord, knowledge: Knowledge) -> None:
        self.knowledge.append((record, knowledge))

    def checkpoint(self, step: int, state: dict[str, Any]) -> None:
        self.checkpoints.append((step, copy.deepcopy(state)))


@pytest.fixture
def stream(make_stream: MakeStream) -> StreamCard:
    return make_stream("reach", "drawer-close", steps_per_task=7, horizon=3)


@pytest.fixture
def lived(stream: StreamCard) -> tuple[Diary, Kept]:
    agent, kept = Diary(), Kept()
    train(PROTOCOL, stream, agent, seed=5, recorder=kept)
    return agent, kept


def test_evaluations_come_before_training_and_on_schedule(lived: tuple[Diary, Kept]) -> None:
    _, kept = lived
    found = [(records[0].step, records[0].stream_position) for records in kept.evaluations]
    assert found == [(0, -1), (4, 0), (7, 0), (8, 1), (12, 1), (14, 1)]
    for records in kept.evaluations:
        assert [(record.task, record.episode) for record in records] == [
            ("reach", 0),
            ("reach", 1),
            ("drawer-close", 0),
            ("drawer-close", 1),
        ]
        assert len({(record.step, record.stream_position) for record in records}) == 1


def test_an_agent_acts_observes_and_updates_once_a_step(lived: tuple[Diary, Kept]) -> None:
    steps = ["act", "observe", "update"] * 7
    expected = ["begin reach", *steps, "end reach", "begin drawer-close", *steps, "end drawer-close"]
    assert [note for note in lived[0].notes if note != "judge"] == expected


def test_a_boundary_is_judged_after_end_task_and_before_the_next_visit(lived: tuple[Diary, Kept]) -> None:
    notes = [note for note, _ in itertools.groupby(lived[0].notes)]
    assert notes[:2] == ["judge", "begin reach"]
    for name, following in (("reach", ["begin drawer-close"]), ("drawer-close", [])):
        end = notes.index(f"end {name}")
        assert notes[end - 1] == "update"
        assert notes[end + 1 : end + 3] == ["judge", *following]


def test_a_judging_plays_all_episodes_at_once(lived: tuple[Diary, Kept]) -> None:
    assert lived[0].notes.count("judge") == 6 * 3


def test_transitions_follow_one_another(lived: tuple[Diary, Kept], stream: StreamCard) -> None:
    transitions = lived[0].transitions
    assert len(transitions) == stream.total_steps
    for before, after in itertools.pairwise(transitions):
        continued = np.array_equal(before.next_observations, after.observations)
        assert continued == (not before.truncated[0])


def test_horizons_and_budgets_truncate_and_nothing_terminates(lived: tuple[Diary, Kept]) -> None:
    transitions = lived[0].transitions
    ends = [step for step, batch in enumerate(transitions, start=1) if batch.truncated[0]]
    assert ends == [3, 6, 7, 10, 13, 14]
    assert not any(batch.terminated[0] for batch in transitions)
    assert [batch.tasks[0] for batch in transitions] == [0] * 7 + [1] * 7


def test_transitions_are_what_the_environment_did(lived: tuple[Diary, Kept], stream: StreamCard) -> None:
    env, seed = StreamEnv(stream), derive(5, "stream")
    observation, _ = env.reset(seed=seed)
    for batch in lived[0].transitions:
        np.testing.assert_array_equal(batch.observations[0], observation)
        following, reward, _, truncated, _ = env.step(batch.actions[0])
        np.testing.assert_array_equal(batch.next_observations[0], following)
        assert batch.rewards[0] == reward
        observation = env.reset()[0] if truncated else following


def test_transitions_have_one_row_and_the_right_types(lived: tuple[Diary, Kept]) -> None:
    batch = lived[0].transitions[0]
    assert batch.observations.shape == batch.next_observations.shape == (1, 12)
    assert batch.actions.shape == (1, 4)
    for values in (batch.rewards, batch.terminated, batch.truncated, batch.tasks):
        assert values.shape == (1,)
    assert batch.actions.dtype == np.float32
    assert batch.rewards.dtype == np.float64
    assert batch.terminated.dtype == batch.truncated.dtype == np.bool_
    assert batch.tasks.dtype == np.int64


def test_progress_is_recorded_with_each_evaluation(lived: tuple[Diary, Kept]) -> None:
    _, kept = lived
    assert [record.step for record in kept.training] == STOPS
    assert [record.task for record in kept.training] == ["reach"] * 2 + ["drawer-close"] * 3
    assert [record.stream_position for record in kept.training] == [0, 0, 1, 1, 1]
    # The agent reports 1, 2, 3, ... : a record holds the mean since the last one.
    means = [np.mean(range(a + 1, b + 1)) for a, b in itertools.pairwise([0, *STOPS])]
    assert [record.losses for record in kept.training] == [{"count": mean} for mean in means]
    clocks = [record.wall_clock for record in kept.training]
    assert clocks == sorted(clocks)
    for record in kept.training:
        assert record.steps_per_second > 0
        assert min(record.environment_seconds, record.update_seconds, record.evaluation_seconds) > 0


def test_a_watcher_is_told_of_every_step_and_evaluation(stream: StreamCard) -> None:
    told: list[tuple[int, str | None, bool]] = []

    def watch(step: int, visit: Any, success: float | None) -> None:
        told.append((step, visit.name if visit else None, success is not None))

    train(PROTOCOL, stream, Diary(), seed=5, recorder=Kept(), watch=watch)
    assert [step for step, _, judged in told if judged] == [0, *STOPS]
    assert [step for step, _, judged in told if not judged] == list(range(1, 15))
    assert told[0] == (0, None, True)
    assert told[-1] == (14, "drawer-close", True)


def test_a_run_is_decided_by_its_seed(stream: StreamCard) -> None:
    def records(seed: int) -> list[list[EvaluationRecord]]:
        kept = Kept()
        train(PROTOCOL, stream, Diary(), seed=seed, recorder=kept)
        return kept.evaluations

    assert records(1) == records(1)
    assert records(1) != records(2)


class Wrong(Diary):
    """Acts wrongly, either when judged or when exploring."""

    def __init__(self, answer: Any, when: bool) -> None:
        super().__init__()
        self.answer, self.when = answer, when

    def act(self, observations: Any, tasks: Any, *, explore: bool) -> Any:
        if explore == self.when:
            return self.answer(len(observations))
        return super().act(observations, tasks, explore=explore)


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("shape", [(4,), (1, 3), (3, 4), ()])
def test_actions_of_a_wrong_shape_name_both_shapes(
    stream: StreamCard, shape: tuple[int, ...], explore: bool
) -> None:
    agent = Wrong(lambda count: np.zeros(shape), explore)
    count = 1 if explore else PROTOCOL.evaluation_episodes * len(stream.tasks)
    with pytest.raises(AgentError) as caught:
        train(PROTOCOL, stream, agent, 0, Kept())
    assert f"Wrong.act must return finite actions of shape ({count}, 4) in [-1, 1]" in str(caught.value)
    assert f"got shape {shape}" in str(caught.value)


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -1.5])
def test_actions_out_of_range_are_refused(stream: StreamCard, value: float, explore: bool) -> None:
    agent = Wrong(lambda count: np.full((count, 4), value), explore)
    with pytest.raises(ValueError, match=r"in \[-1, 1\], got"):
        train(PROTOCOL, stream, agent, 0, Kept())


def test_actions_that_the_environment_refuses_are_an_agents_error(stream: StreamCard) -> None:
    """The command line shows an AgentError as one line, and any other error as a traceback."""
    agent = Wrong(lambda count: np.full((count, 4), np.nan), when=True)
    with pytest.raises(AgentError, match="finite"):
        train(PROTOCOL, stream, agent, 0, Kept())


@pytest.mark.parametrize("row", [[0.3, 0.3, 0.3, 0.3], [1, 0, -1, 0]], ids=["floats", "integers"])
def test_actions_of_another_type_are_stored_as_executed(stream: StreamCard, row: list[float]) -> None:
    agent = Wrong(lambda count: [row] * count, when=True)
    train(PROTOCOL, stream, agent, 0, Kept())
    for batch in agent.transitions:
        assert batch.actions.dtype == np.float32
        np.testing.assert_array_equal(batch.actions, np.array([row], dtype=np.float32))


@pytest.mark.parametrize("reported", [None, "0.5", {"loss": np.zeros(3)}, {"loss": "low"}])
def test_an_update_that_reports_no_numbers_is_refused(stream: StreamCard, reported: Any) -> None:
    class Mute(Wrong):
        def update(self) -> Any:
            return reported

    agent = Mute(lambda count: np.zeros((count, 4)), True)
    with pytest.raises(AgentError, match=r"Mute\.update must return a mapping"):
        train(PROTOCOL, stream, agent, 0, Kept())


def test_ragged_actions_are_refused(stream: StreamCard) -> None:
    agent = Wrong(lambda count: [[0.0], [0.0, 0.0]], True)
    with pytest.raises(AgentError, match=r"must return an array of shape \(1, 4\)"):
        train(PROTOCOL, stream, agent, 0, Kept())


OVERLAP = msgspec.structs.replace(PROTOCOL, overlap=True)


def test_updates_overlap_with_the_next_step(stream: StreamCard, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for those before an evaluation, which judges what was learned from all that was observed."""
    agent = Diary()
    for method, note in (("step_async", "send"), ("step_wait", "wait")):
        own = getattr(TrainingEnvs, method)

        def noted(self: TrainingEnvs, *args: Any, own: Any = own, note: str = note) -> Any:
            agent.notes.append(note)
            return own(self, *args)

        monkeypatch.setattr(TrainingEnvs, method, noted)
    train(OVERLAP, stream, agent, 5, Kept())
    first, between, last = ["act", "observe"], ["act", "send", "update", "wait", "observe"], ["update"]

    def stretch(steps: int) -> list[str]:
        return [*first, *between * (steps - 1), *last]

    visits = [stretch(4) + stretch(3), stretch(1) + stretch(4) + stretch(2)]
    expected = [
        note
        for name, steps in zip(stream.tasks, visits, strict=True)
        for note in (f"begin {name}", *steps, f"end {name}")
    ]
    assert [note for note in agent.notes if note != "judge"] == expected


@pytest.mark.parametrize("regime", ["lifelong", "multi-task"])
def test_overlap_leaves_the_environments_as_they_are(stream: StreamCard, regime: Any) -> None:
    lives = []
    for overlap in (False, True):
        agent, kept = Diary(), Kept()
        protocol = msgspec.structs.replace(PROTOCOL, regime=regime, slots=2, overlap=overlap)
        train(protocol, stream, agent, 5, kept)
        lives.append((agent, kept))
    (alone, alone_kept), (beside, beside_kept) = lives
    assert alone.updates == beside.updates > 0
    assert alone_kept.evaluations == beside_kept.evaluations
    assert [r.losses for r in alone_kept.training] == [r.losses for r in beside_kept.training]
    for one, other in zip(alone.transitions, beside.transitions, strict=True):
        for field in fields(Transitions):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_an_update_that_fails_during_a_step_is_what_is_told(stream: StreamCard) -> None:
    class Failing(Diary):
        def update(self) -> Any:
            raise AgentError("out of luck")

    with pytest.raises(AgentError, match="out of luck"):
        train(OVERLAP, stream, Failing(), 5, Kept())


@pytest.fixture
def both(stream: StreamCard) -> tuple[Diary, Kept]:
    """Two tasks at once, two slots each, seven steps per task."""
    agent, kept = Diary(), Kept()
    train(msgspec.structs.replace(PROTOCOL, regime="multi-task", slots=2), stream, agent, 5, kept)
    return agent, kept


def test_tasks_trained_at_once_are_rows_by_task_then_slot(both: tuple[Diary, Kept]) -> None:
    agent, kept = both
    assert [batch.tasks.tolist() for batch in agent.transitions] == [[0, 0, 1, 1]] * 4
    assert {batch.actions.shape for batch in agent.transitions} == {(4, 4)}
    assert {batch.observations.shape for batch in agent.transitions} == {(4, 12)}
    assert [note for note in agent.notes if note.startswith(("begin", "end"))] == ["begin reach", "end reach"]
    assert [(records[0].step, records[0].stream_position) for records in kept.evaluations] == [
        (0, -1),
        (4, 0),
        (8, 0),
        (12, 0),
        (16, 0),
    ]
    assert {record.presentation for records in kept.evaluations[1:] for record in records} == {1}
    assert [record.step for record in kept.training] == [4, 8, 12, 16]


def test_a_slot_does_what_its_task_does_alone(both: tuple[Diary, Kept], stream: StreamCard) -> None:
    agent, _ = both
    names = ["reach", "reach", "drawer-close", "drawer-close"]
    for row, name in enumerate(names):
        env = ManipulationEnv(name, horizon=stream.horizon)
        observation, _ = env.reset(seed=task_seed(derive(5, "stream"), name) + row % 2)
        for number, batch in enumerate(agent.transitions, start=1):
            np.testing.assert_array_equal(batch.observations[row], observation)
            following, reward, _, truncated, _ = env.step(batch.actions[row])
            np.testing.assert_array_equal(batch.next_observations[row], following)
            assert batch.rewards[row] == reward
            assert batch.truncated[row] == (truncated or number == 4)
            observation = env.reset()[0] if truncated else following


def test_an_expanding_visit_trains_what_came_before_as_well(stream: StreamCard) -> None:
    agent, kept = Diary(), Kept()
    train(msgspec.structs.replace(PROTOCOL, regime="expanding"), stream, agent, 5, kept)
    assert [batch.tasks.tolist() for batch in agent.transitions] == [[0]] * 7 + [[0, 1]] * 7
    assert [note for note in agent.notes if note.startswith(("begin", "end"))] == [
        "begin reach",
        "end reach",
        "begin drawer-close",
        "end drawer-close",
    ]
    assert [records[0].step for records in kept.evaluations] == [0, 4, 7, 9, 13, 17, 21]
    assert [records[0].stream_position for records in kept.evaluations] == [-1, 0, 0, 1, 1, 1, 1]
    assert agent.transitions[6].truncated.all()
    assert agent.transitions[-1].truncated.all()


def test_another_robot_judges_what_this_one_learns(stream: StreamCard, lived: tuple[Diary, Kept]) -> None:
    def returns(kept: Kept) -> list[float]:
        return [record.episode_return for records in kept.evaluations for record in records]

    agent, kept = Diary(), Kept()
    train(msgspec.structs.replace(PROTOCOL, evaluation_robot="sawyer"), stream, agent, 5, kept)
    for batch, as_ever in zip(agent.transitions, lived[0].transitions, strict=True):
        np.testing.assert_array_equal(batch.next_observations, as_ever.next_observations)
    on_sawyer = Kept()
    train(PROTOCOL, msgspec.structs.replace(stream, robot="sawyer"), Diary(), 5, on_sawyer)
    assert returns(kept) == returns(on_sawyer) != returns(lived[1])


def test_each_visit_of_single_task_has_an_agent_of_its_own(stream: StreamCard) -> None:
    first, kept, others = Diary(), Kept(), dict[int, Diary]()
    alone = msgspec.structs.replace(PROTOCOL, regime="single-task")

    def successor(position: int) -> Diary:
        others[position] = Diary()
        return others[position]

    train(alone, stream, first, 5, kept, successor=successor)
    assert list(others) == [1]
    visits = ("reach", first), ("drawer-close", others[1])
    for place, (name, agent) in enumerate(visits):
        lived = [note for note, _ in itertools.groupby(agent.notes) if note not in ("observe", "update")]
        told = [note for note in lived if note.startswith(("begin", "end"))]
        assert told == [f"begin {name}", f"end {name}"]
        assert agent.notes[-1] == "judge"
        assert agent.updates == 7
        assert {int(batch.tasks[0]) for batch in agent.transitions} == {place}
    assert first.notes[0] == "judge"
    found = [(records[0].step, records[0].stream_position) for records in kept.evaluations]
    assert found == [(0, -1), (4, 0), (7, 0), (8, 1), (12, 1), (14, 1)]
    shown = [[record.presentation for record in records[::2]] for records in kept.evaluations]
    assert shown == [[0, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize(("regime", "given"), [("single-task", False), ("lifelong", True)])
def test_a_successor_goes_with_single_task_alone(stream: StreamCard, regime: str, given: bool) -> None:
    protocol = msgspec.structs.replace(PROTOCOL, regime=regime)
    with pytest.raises(ValueError, match=f"not {regime!r}|goes with the regime 'single-task'"):
        train(protocol, stream, Diary(), 5, Kept(), successor=(lambda _: Diary()) if given else None)


class Thrifty(Diary):
    """Says what it costs."""

    def __init__(self, told: Any = None) -> None:
        super().__init__()
        self.told = told

    def footprint(self) -> Any:
        return self.told or Footprint(gradient_updates=2 * self.updates, parameters=5, stored_bytes=96)


def test_the_cost_is_recorded_of_an_agent_that_tells_it(stream: StreamCard) -> None:
    kept = Kept()
    train(PROTOCOL, stream, Thrifty(), 5, kept)
    assert [record.gradient_updates for record in kept.training] == [2 * step for step in STOPS]
    assert {(record.parameters, record.stored_bytes) for record in kept.training} == {(5, 96)}


def test_the_cost_of_another_agent_is_unknown_but_for_its_process(lived: tuple[Diary, Kept]) -> None:
    for record in lived[1].training:
        assert (record.gradient_updates, record.parameters, record.stored_bytes) == (None, None, None)
        if sys.platform != "win32":
            assert 2**26 < record.peak_memory_bytes < 2**36, "bytes: more than 64 MiB, less than 64 GiB"


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"parameters": 3}, "must return a Footprint, got dict"),
        (Footprint(-1, 0, 0), "gradient_updates must be an integer from 0, got -1"),
        (Footprint(1, 2.5, 0), "parameters must be an integer from 0, got 2.5"),  # type: ignore[arg-type]
        (Footprint(1, 2, True), "stored_bytes must be an integer from 0, got True"),
    ],
)
def test_a_cost_that_makes_no_sense_is_refused(stream: StreamCard, told: Any, complaint: str) -> None:
    with pytest.raises(AgentError, match=rf"Thrifty\.footprint:? {complaint}"):
        train(PROTOCOL, stream, Thrifty(told), 5, Kept())


class Knowing(Diary):
    """Hands over what it is told to."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self.changes = changes

    def end_task(self, task: Any) -> Any:
        arrays = {
            "latents": np.zeros((5, 2)),
            "tasks": np.array([0, 0, 0, 1, 1]),
            "components": np.array([0, 0, 2, 2, 2]),
            "means": np.zeros((3, 2)),
            "variances": np.ones((3, 2)),
            "weights": np.full(3, 0.3),
        }
        return Knowledge(**{**arrays, **self.changes})


def test_knowledge_is_kept_at_each_visits_end(stream: StreamCard) -> None:
    kept = Kept()
    train(PROTOCOL, stream, Knowing(), 5, kept)
    assert [(record.step, record.stream_position, record.task) for record, _ in kept.knowledge] == [
        (7, 0, "reach"),
        (14, 1, "drawer-close"),
    ]
    for record, knowledge in kept.knowledge:
        assert (record.components, record.purity) == (2, 0.8)
        assert knowledge.latents.dtype == np.float32
        assert knowledge.tasks.dtype == knowledge.components.dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"latents": np.zeros(5)}, r"latents must have shape \(≥ 1, ≥ 1\), got \(5,\)"),
        ({"latents": np.zeros((0, 2))}, r"latents must have shape"),
        ({"tasks": np.zeros(4, int)}, r"tasks must have shape \(5\), got \(4,\)"),
        ({"tasks": np.full(5, 2)}, r"tasks must be in \[0, 2\), got 2 to 2"),
        ({"components": np.full(5, 3)}, r"components must be in \[0, 3\)"),
        ({"components": np.full(5, 0.5)}, "components must hold whole numbers"),
        ({"variances": np.ones((2, 2))}, r"variances must have shape \(3, 2\)"),
        ({"weights": np.full(3, np.nan)}, "weights must hold finite numbers"),
        ({"means": "three"}, "means must be an array of numbers"),
    ],
)
def test_knowledge_that_does_not_fit_is_refused(stream: StreamCard, changes: Any, complaint: str) -> None:
    with pytest.raises(AgentError, match=rf"Knowing\.end_task: {complaint}"):
        train(PROTOCOL, stream, Knowing(**changes), 5, Kept())


def test_what_is_not_knowledge_is_refused(stream: StreamCard) -> None:
    class Chatty(Diary):
        def end_task(self, task: Any) -> Any:
            return {"latents": 3}

    with pytest.raises(AgentError, match=r"Chatty\.end_task must return Knowledge or None, got dict"):
        train(PROTOCOL, stream, Chatty(), 5, Kept())
