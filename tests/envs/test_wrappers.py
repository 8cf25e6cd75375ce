"""Wrappers: what they append, what they scale, and what of the rest they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import FlattenObservation, TimeLimit

from legion_bench import language
from legion_bench.cards import load_task
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.stream import StreamEnv
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.envs.vector_stream import VectorStreamEnv
from legion_bench.envs.wrappers import (
    LanguageEmbedding,
    OneHotTask,
    RunningRewardScale,
    VectorLanguageEmbedding,
    VectorOneHotTask,
    VectorRunningRewardScale,
)
from legion_bench.errors import LegionBenchError
from tests.conftest import MakeStream
from tests.envs.test_registration import UNBOUNDED
from tests.envs.test_vector import actions

ZERO = np.zeros(4, np.float32)
MODES = ["NextStep", "SameStep", "Disabled"]


@pytest.mark.parametrize("wrap", [OneHotTask, LanguageEmbedding, RunningRewardScale])
@pytest.mark.parametrize("inner", ["LegionBench/SawyerReach-v0", "LegionBench/KukaTiny-v0"])
@pytest.mark.filterwarnings(UNBOUNDED)
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
def test_gymnasiums_checker_finds_nothing(wrap: Callable[..., Any], inner: str) -> None:
    env = wrap(gymnasium.make(inner))
    check_env(env, skip_render_check=True)
    assert env.spec.make().observation_space == env.observation_space, "its spec makes it again"


def test_the_one_hot_is_the_tasks_identity(make_stream: MakeStream) -> None:
    plain = StreamEnv(make_stream("push", "reach", "push", steps_per_task=2))
    env = OneHotTask(StreamEnv(plain.card))
    assert env.observation_space.shape == (14,)
    for row, seed in (([1, 0], 3), ([0, 1], None), ([1, 0], None)):
        observation, _ = env.reset(seed=seed)
        for _ in range(2):
            assert observation[12:].tolist() == row
            assert observation in env.observation_space
            observation, *_ = env.step(ZERO)
        assert observation[12:].tolist() == row
    assert env.reset(seed=3)[0][:12].tolist() == plain.reset(seed=3)[0].tolist()


def test_the_order_of_the_one_hot_can_be_chosen() -> None:
    env = OneHotTask(ManipulationEnv("push"), tasks=["reach", "push", "door-open"])
    assert env.reset(seed=0)[0][12:].tolist() == [0, 1, 0]


def test_a_task_without_a_place_is_named(make_stream: MakeStream) -> None:
    complaint = "1 tasks have a place in the one-hot: unknown task 'push'"
    with pytest.raises(LegionBenchError, match=complaint):
        OneHotTask(StreamEnv(make_stream("reach", "push")), tasks=["reach"])
    with pytest.raises(LegionBenchError, match=complaint):
        VectorOneHotTask(VectorManipulationEnv(["reach", "push"]), tasks=["reach"])


def test_the_tasks_of_a_foreign_vector_environment_must_be_named(make_stream: MakeStream) -> None:
    def foreign() -> SyncVectorEnv:
        return SyncVectorEnv([lambda: StreamEnv(make_stream("reach", "push", steps_per_task=1))] * 2)

    with pytest.raises(LegionBenchError, match="name them"):
        VectorOneHotTask(foreign())
    env = VectorOneHotTask(foreign(), tasks=["reach"])
    env.reset(seed=0)
    env.step(np.zeros((2, 4)))
    with pytest.raises(LegionBenchError, match="unknown task 'push'"):
        env.step(np.zeros((2, 4)))


@pytest.mark.parametrize("tasks", [["push"], ["reach", "push", "reach"]])
def test_a_vector_environments_tasks_are_its_own(tasks: list[str]) -> None:
    env = VectorOneHotTask(VectorManipulationEnv(tasks))
    observations, _ = env.reset(seed=0)
    distinct = list(dict.fromkeys(tasks))
    assert observations[:, 12:].argmax(axis=1).tolist() == [distinct.index(task) for task in tasks]
    assert observations in env.observation_space


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("single", "vector"), [(OneHotTask, VectorOneHotTask), (LanguageEmbedding, VectorLanguageEmbedding)]
)
def test_a_slot_is_what_the_single_wrapper_makes(
    make_stream: MakeStream, single: Any, vector: Any, mode: str
) -> None:
    """Across a task change, ``final_obs`` included."""
    slots = 2
    wide = make_stream("push", "reach", steps_per_task=6 * slots, horizon=4)
    narrow = make_stream("push", "reach", steps_per_task=6, horizon=4)
    ours = vector(VectorStreamEnv(wide, slots, autoreset_mode=mode))
    theirs = SyncVectorEnv([lambda: single(StreamEnv(narrow))] * slots, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    np.testing.assert_array_equal(ours.reset(seed=0)[0], theirs.reset(seed=0)[0])
    for action in actions(14, slots):
        mine, their = ours.step(action), theirs.step(action)
        for one, other in zip(mine[:4], their[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        assert ("final_obs" in mine[4]) == ("final_obs" in their[4])
        for one, other in zip(mine[4].get("final_obs", ()), their[4].get("final_obs", ()), strict=True):
            np.testing.assert_array_equal(one, other)
        over = mine[2] | mine[3]
        if mode == "Disabled" and over.any():
            options = {"reset_mask": over}
            np.testing.assert_array_equal(ours.reset(options=options)[0], theirs.reset(options=options)[0])


def test_the_embedding_is_the_instructions() -> None:
    env = LanguageEmbedding(ManipulationEnv("drawer-close"))
    expected = language.embedding(load_task("drawer-close").instruction)
    np.testing.assert_array_equal(env.reset(seed=0)[0][12:], expected)
    assert env.observation_space.shape == (12 + language.DIMENSION,)


def test_wrappers_can_be_stacked() -> None:
    env = LanguageEmbedding(OneHotTask(FlattenObservation(ManipulationEnv("reach"))))
    assert env.reset(seed=0)[0].shape == (12 + 1 + 384,)


def test_only_a_flat_box_can_be_appended_to() -> None:
    env = gymnasium.wrappers.TransformObservation(
        ManipulationEnv("reach"), lambda x: x.reshape(3, 4), gymnasium.spaces.Box(-9, 9, (3, 4))
    )
    with pytest.raises(LegionBenchError, match="one dimension"):
        OneHotTask(env)


def test_the_running_scale_is_legions(make_stream: MakeStream) -> None:
    """Around v1 it is ``reward="legion"`` to the last bit, across tasks and presentations."""
    card = make_stream("push", "reach", "push", steps_per_task=10, horizon=4)
    ours, theirs = RunningRewardScale(StreamEnv(card, reward="v1")), StreamEnv(card, reward="legion")
    for seed in (0, 1):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        for action in actions(30, 1)[:, 0]:
            mine, their = ours.step(action), theirs.step(action)
            assert mine[1:4] == their[1:4]
            if mine[2] or mine[3]:
                ours.reset()
                theirs.reset()


@pytest.mark.parametrize("mode", MODES)
def test_the_running_scale_of_many_slots_is_legions(make_stream: MakeStream, mode: str) -> None:
    card = make_stream("push", "reach", "push", steps_per_task=20, horizon=4)
    ours = VectorRunningRewardScale(VectorStreamEnv(card, 2, autoreset_mode=mode, reward="v1"))
    theirs = VectorStreamEnv(card, 2, autoreset_mode=mode, reward="legion")
    for seed in (0, 1):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        for action in actions(45, 2):
            mine, their = ours.step(action), theirs.step(action)
            np.testing.assert_array_equal(mine[1], their[1])
            if mode == "Disabled" and mine[3].any():
                ours.reset()
                theirs.reset()


def test_a_faster_rate_forgets_sooner() -> None:
    slow, fast = (RunningRewardScale(ManipulationEnv("push"), rate=rate) for rate in (0.001, 0.5))
    slow.reset(seed=0)
    fast.reset(seed=0)
    assert [slow.step(ZERO)[1] for _ in range(5)][-1] < [fast.step(ZERO)[1] for _ in range(5)][-1]


def test_gymnasiums_time_limit_works_on_streams(make_stream: MakeStream) -> None:
    env = TimeLimit(StreamEnv(make_stream("reach", "push", steps_per_task=5)), 3)
    lengths, tasks, seed = [], [], 0
    for _ in range(3):
        tasks.append(env.reset(seed=seed)[1]["task"])
        seed, length, truncated = None, 0, False
        while not truncated:
            truncated = env.step(ZERO)[3]
            length += 1
        lengths.append(length)
    assert (lengths, tasks) == ([3, 2, 3], ["reach", "reach", "push"])
