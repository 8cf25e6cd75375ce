"""Judging a frozen policy."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench.cards import ProtocolCard, Robot, StreamCard
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.stream import StreamEnv, task_seed
from legion_bench.protocols.evaluate import Evaluator
from legion_bench.protocols.schedule import phases
from legion_bench.types import EvaluationRecord
from tests.conftest import MakeStream

SEED = 3
PROTOCOL = ProtocolCard(name="p", title="T", stream="s", evaluate_every=9, evaluation_episodes=1)


def still(observations: Any, tasks: Any) -> Any:
    return np.zeros((len(observations), 4))


class Seen:
    """A policy that does nothing and remembers what it is shown."""

    def __init__(self) -> None:
        self.observations: list[Any] = []
        self.tasks: list[list[int]] = []

    def __call__(self, observations: Any, tasks: Any) -> Any:
        self.observations.append(observations.copy())
        self.tasks.append(tasks.tolist())
        return still(observations, tasks)


def evaluate(stream: StreamCard, policy: Any = still, times: int = 1) -> list[list[EvaluationRecord]]:
    with closing(Evaluator(stream, 2, SEED)) as evaluator:
        return [evaluator(policy, 0, None) for _ in range(times)]


def starts(stream: StreamCard, times: int = 1) -> list[Any]:
    """Return per evaluation the first observations [tasks, episodes, 12]."""
    seen = Seen()
    evaluate(stream, seen, times)
    first = np.array(seen.observations[:: stream.horizon])
    return list(first.reshape(times, -1, 2, 12))


def test_records_are_ordered_by_task_and_episode(make_stream: MakeStream) -> None:
    (records,) = evaluate(make_stream("push", "reach", "push", "door-open", horizon=4))
    assert [(record.task, record.task_position, record.episode) for record in records] == [
        ("push", 0, 0),
        ("push", 0, 1),
        ("reach", 1, 0),
        ("reach", 1, 1),
        ("door-open", 3, 0),
        ("door-open", 3, 1),
    ]
    assert {record.length for record in records} == {4}


def test_all_tasks_are_asked_for_at_once_under_their_identity(make_stream: MakeStream) -> None:
    seen = Seen()
    evaluate(make_stream("push", "reach", "push", horizon=4), seen)
    assert seen.tasks == [[0, 0, 1, 1]] * 4


@pytest.mark.parametrize(
    ("position", "presentations"),
    [(-1, [0, 0]), (0, [1, 0]), (1, [1, 1]), (2, [2, 1]), (3, [3, 1])],
)
def test_presentations_count_the_visits_begun(
    make_stream: MakeStream, position: int, presentations: list[int]
) -> None:
    stream = make_stream("push", "reach", "push", "push", horizon=1)
    phase = None if position < 0 else phases(PROTOCOL, stream)[position]
    with closing(Evaluator(stream, 1, SEED)) as evaluator:
        records = evaluator(still, 10, phase)
    assert [record.presentation for record in records] == presentations
    assert {(record.step, record.stream_position) for record in records} == {(10, position)}


def test_all_tasks_are_presented_once_where_they_are_trained_together(make_stream: MakeStream) -> None:
    stream = make_stream("push", "reach", "push", horizon=1)
    (phase,) = phases(msgspec.structs.replace(PROTOCOL, regime="multi-task"), stream)
    with closing(Evaluator(stream, 1, SEED)) as evaluator:
        assert [record.presentation for record in evaluator(still, 10, phase)] == [1, 1]


def test_a_fixed_placement_is_the_one_trained_on(make_stream: MakeStream) -> None:
    stream = make_stream("reach", "push", steps_per_task=1)
    env = StreamEnv(stream)
    trained = []
    for seed in (SEED, None):
        trained.append(env.reset(seed=seed)[0])
        env.step(np.zeros(4))
    for start, episodes in zip(trained, starts(stream)[0], strict=True):
        np.testing.assert_array_equal(episodes, [start, start])


@pytest.mark.parametrize("placement", ["fixed", "every-episode"])
def test_another_robot_is_judged_at_the_same_placements(make_stream: MakeStream, placement: str) -> None:
    def played(trained: Robot, judged: Robot | None) -> tuple[Any, list[EvaluationRecord]]:
        seen = Seen()
        stream = make_stream("reach", "push", robot=trained, placement=placement, horizon=3)
        with closing(Evaluator(stream, 2, SEED, judged)) as evaluator:
            records = evaluator(seen, 0, None)
        return np.array(seen.observations), records

    observations, records = played("kuka", "sawyer")
    expected, expected_records = played("sawyer", None)
    np.testing.assert_array_equal(observations, expected)
    assert records == expected_records
    kuka, _ = played("kuka", None)
    assert not np.array_equal(observations[-1, :, :3], kuka[-1, :, :3]), "the hands move alike on no two arms"
    np.testing.assert_allclose(observations[0, :, 3:], kuka[0, :, 3:], atol=1e-3)


@pytest.mark.parametrize("placement", ["every-episode", "pool:3"])
def test_other_placements_are_a_set_apart_that_stays(make_stream: MakeStream, placement: str) -> None:
    stream = make_stream("reach", "push", placement=placement)
    first, again = starts(stream, times=2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0, 0], first[0, 1]), "episodes differ"
    env = ManipulationEnv("reach", horizon=stream.horizon, placement=stream.placement)
    trained = [env.reset(seed=task_seed(SEED, "reach"))[0], *(env.reset()[0] for _ in range(5))]
    assert not any(np.array_equal(start, judged) for start in trained for judged in first[0])


def test_a_frozen_policy_is_judged_alike_each_time(make_stream: MakeStream) -> None:
    def policy(observations: Any, tasks: Any) -> Any:
        return np.clip((observations[:, [9, 10, 11, 2]] - observations[:, [0, 1, 2, 2]]) * 5, -1, 1)

    first, second = evaluate(make_stream(), policy, times=2)
    assert first == second


def test_returns_are_sums_of_rewards(make_stream: MakeStream) -> None:
    stream = make_stream("drawer-close")
    env = ManipulationEnv("drawer-close", horizon=stream.horizon)
    env.reset(seed=task_seed(SEED, "drawer-close"))
    expected = sum(env.step(np.zeros(4))[1] for _ in range(stream.horizon))
    (records,) = evaluate(stream)
    assert [record.episode_return for record in records] == [expected] * 2
    assert {record.success for record in records} == {0}


class ThereAndAway:
    """Brings the hand to its goal and then away from it."""

    def __init__(self) -> None:
        self.been_there = False

    def __call__(self, observations: Any, tasks: Any) -> Any:
        away = observations[0, 9:] - observations[0, :3]
        self.been_there = self.been_there or bool(np.linalg.norm(away) < 0.03)
        move = np.array([0, 0, 1]) if self.been_there else np.clip(10 * away, -1, 1)
        return np.array([[*move, 0]])


def test_success_at_any_step_counts(make_stream: MakeStream) -> None:
    stream = make_stream("reach", horizon=120)
    env, policy = ManipulationEnv("reach", horizon=stream.horizon), ThereAndAway()
    observation, _ = env.reset(seed=task_seed(SEED, "reach"))
    successes = []
    for _ in range(stream.horizon):
        observation, *_, info = env.step(policy(observation[None], None)[0])
        successes.append(info["success"])
    assert max(successes) == 1
    assert successes[-1] == 0, "or the test would mean nothing"
    with closing(Evaluator(stream, 1, SEED)) as evaluator:
        assert [record.success for record in evaluator(ThereAndAway(), 0, None)] == [1]
        assert [record.success for record in evaluator(still, 0, None)] == [0]


def test_legions_reward_is_judged_unscaled(make_stream: MakeStream) -> None:
    (scaled,) = evaluate(make_stream(reward="legion"))
    (plain,) = evaluate(make_stream(reward="v1"))
    assert scaled == plain


def test_success_never_cuts_an_evaluation_episode_short(make_stream: MakeStream) -> None:
    with closing(
        Evaluator(make_stream("reach", horizon=60, terminate_on_success=True), 1, SEED)
    ) as evaluator:
        (record,) = evaluator(ThereAndAway(), 0, None)
    assert (record.success, record.length) == (1, 60)
