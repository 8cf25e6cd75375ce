"""Many slots against one environment each, and Gymnasium's rules for vector environments."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from legion_bench.envs import vector
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.vector import VectorManipulationEnv
from tests.envs.tasks import every_task

MODES = ["NextStep", "SameStep", "Disabled"]


def actions(count: int, slots: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-1, 1, (count, slots, 4)).astype(np.float32)


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Assert that two infos say the same, whatever their order."""
    assert set(one) == set(other)
    for key, value in one.items():
        if isinstance(value, dict):
            same(value, other[key])
        elif key == "final_obs":
            for mine, theirs in zip(value, other[key], strict=True):
                np.testing.assert_array_equal(mine, theirs)
        else:
            np.testing.assert_array_equal(value, other[key], key)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reward", ["v2", "legion"])
@pytest.mark.parametrize("mode", MODES[:2])
def test_it_is_gymnasiums_sync_vector_environment_but_faster(mode: str, reward: Any, threads: int) -> None:
    """Bit for bit, infos included: two tasks, one of them judged by Meta-World's own code."""
    tasks = ("push", "coffee-button", "push", "drawer-close", "push")
    asked: Any = {"horizon": 7, "placement": "pool:3", "reward": reward}
    ours = VectorManipulationEnv(tasks, autoreset_mode=mode, threads=threads, **asked)
    theirs = SyncVectorEnv(
        [lambda task=task: ManipulationEnv(task, **asked) for task in tasks], autoreset_mode=mode
    )
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] is AutoresetMode(mode)
    observations, infos = ours.reset(seed=4)
    expected, expected_infos = theirs.reset(seed=4)
    np.testing.assert_array_equal(observations, expected)
    same(infos, expected_infos)
    for action in actions(20, len(tasks)):
        result, expected_result = ours.step(action), theirs.step(action)
        for mine, their in zip(result[:4], expected_result[:4], strict=True):
            np.testing.assert_array_equal(mine, their)
        same(result[4], expected_result[4])
    ours.close()
    theirs.close()


@every_task
def test_a_slot_is_the_single_environment(task: str) -> None:
    slots = 3
    envs = VectorManipulationEnv(task, slots, observation="metaworld-39", horizon=500)
    singles = [ManipulationEnv(task, observation="metaworld-39", horizon=500) for _ in range(slots)]
    observations, _ = envs.reset(seed=10)
    for slot, env in enumerate(singles):
        np.testing.assert_array_equal(env.reset(seed=10 + slot)[0], observations[slot])
    for action in actions(60, slots):
        observations, rewards, _, _, infos = envs.step(action)
        for slot, env in enumerate(singles):
            observation, reward, _, _, info = env.step(action[slot])
            np.testing.assert_array_equal(observation, observations[slot])
            assert (reward, info["success"]) == (rewards[slot], infos["success"][slot])


def test_without_autoreset_the_user_resets_who_is_over() -> None:
    envs = VectorManipulationEnv(("reach", "push"), autoreset_mode="Disabled", horizon=2)
    start, _ = envs.reset(seed=0)
    envs.step(np.zeros((2, 4)))
    last, _, _, truncated, _ = envs.step(np.zeros((2, 4)))
    assert truncated.all()
    with pytest.raises(ResetNeeded, match="slot 0"):
        envs.step(np.zeros((2, 4)))
    mask = np.array([True, False])
    observations, infos = envs.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(observations[0], start[0])
    np.testing.assert_array_equal(observations[1], last[1])
    np.testing.assert_array_equal(infos["_task"], mask)
    with pytest.raises(ResetNeeded, match="slot 1"):
        envs.step(np.zeros((2, 4)))
    envs.reset(options={"reset_mask": ~mask})
    envs.step(np.zeros((2, 4)))


def test_a_step_can_be_under_way_while_one_does_other_things() -> None:
    envs, plain = (VectorManipulationEnv("reach", 3, threads=2) for _ in range(2))
    envs.reset(seed=0)
    plain.reset(seed=0)
    with pytest.raises(NoAsyncCallError, match="step_async"):
        envs.step_wait()
    envs.step_async(np.ones((3, 4)))
    for call in (lambda: envs.step_async(np.ones((3, 4))), envs.reset, envs.render):
        with pytest.raises(AlreadyPendingCallError, match="step_wait"):
            call()
    np.testing.assert_array_equal(envs.step_wait()[0], plain.step(np.ones((3, 4)))[0])


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (np.zeros((2, 4)), r"shape \(3, 4\).*got shape \(2, 4\)"),
        (np.zeros(4), r"got shape \(4,\)"),
        ([[0, 0, 0, 0], [0, 0, np.nan, 0], [0, 0, 0, 0]], "slot 1.*nan"),
        ([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, -2, 0]], "slot 2.*-2"),
        ([["a"] * 4] * 3, "must be numbers"),
    ],
    ids=["too few", "one slot's", "nan", "out of range", "text"],
)
def test_wrong_actions_are_refused_and_change_nothing(action: Any, complaint: str) -> None:
    envs, untouched = (VectorManipulationEnv("reach", 3) for _ in range(2))
    envs.reset(seed=0)
    untouched.reset(seed=0)
    with pytest.raises(ValueError, match=complaint):
        envs.step(action)
    np.testing.assert_array_equal(envs.step(np.ones((3, 4)))[0], untouched.step(np.ones((3, 4)))[0])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_envs": 0}, "num_envs must be a whole number of slots from 1, got 0"),
        ({"threads": 0}, "threads must be a whole number of threads from 1"),
        (
            {"task": ("reach", "push"), "num_envs": 3},
            "num_envs is 3, but the list of tasks, one per slot, has 2",
        ),
        ({"task": ()}, "num_envs must be a whole number of slots from 1, got 0"),
        ({"task": ("reach", "puhs")}, "did you mean 'push'"),
        ({"robot": "sawyr"}, "did you mean 'sawyer'"),
        ({"autoreset_mode": "never"}, "never"),
    ],
)
def test_a_wrong_argument_is_named(changes: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        VectorManipulationEnv(
            **{"task": "reach", "num_envs": 2 if "task" not in changes else None, **changes}
        )


def test_wrong_seeds_and_masks_are_named() -> None:
    envs = VectorManipulationEnv("reach", 2)
    with pytest.raises(ValueError, match=r"one integer or 2 of them, got \[1, 2, 3\]"):
        envs.reset(seed=[1, 2, 3])
    for wrong in ([5, -1], [5, 1.5], -1):
        with pytest.raises(ValueError, match=r"slot [01]: seed must be a whole number from 0"):
            envs.reset(seed=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one integer or 2 of them"):
        envs.reset(seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the one option of reset"):
        envs.reset(options={"reset_msk": np.array([True, False])})
    with pytest.raises(ValueError, match=r"reset_mask must be an array of bool, shape \(2,\)"):
        envs.reset(options={"reset_mask": [True, False]})
    with pytest.raises(ResetNeeded, match="slot 0"):
        envs.step(np.zeros((2, 4)))


def test_the_first_reset_is_of_all_slots_and_comes_before_a_picture() -> None:
    envs = VectorManipulationEnv("reach", 2, render_mode="rgb_array")
    with pytest.raises(ResetNeeded, match="reset_mask"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded, match="render"):
        envs.render()


def test_what_was_handed_out_is_the_users() -> None:
    envs = VectorManipulationEnv("reach", 2)
    observations, infos = envs.reset(seed=0)
    kept = observations.copy()
    for key in infos:
        infos[key][:] = 0
    _, again = envs.reset()
    assert again["task"].tolist() == ["reach", "reach"]
    assert again["_task"].all()
    envs.step(np.ones((2, 4)))
    np.testing.assert_array_equal(observations, kept)


def test_numpys_integers_are_seeds_too() -> None:
    envs = VectorManipulationEnv("reach", 2)
    plain, _ = envs.reset(seed=3)
    state = envs.np_random.bit_generator.state
    numpys, _ = envs.reset(seed=np.int64(3))  # type: ignore[arg-type]
    np.testing.assert_array_equal(plain, numpys)
    assert envs.np_random.bit_generator.state == state


def test_a_closed_environment_says_so() -> None:
    envs = VectorManipulationEnv("reach", 2)
    envs.reset(seed=0)
    envs.close()
    envs.close()
    for call in (envs.reset, lambda: envs.step(np.zeros((2, 4))), envs.step_wait, envs.render):
        with pytest.raises(ClosedEnvironmentError, match="make another"):
            call()


@pytest.mark.parametrize("task", ["push", "coffee-button"])
def test_unstable_physics_in_one_slot_leaves_the_others_alone(task: str) -> None:
    sick, healthy = (VectorManipulationEnv(task, 4, horizon=30) for _ in range(2))
    sick.reset(seed=0)
    healthy.reset(seed=0)
    others = np.array([True, True, False, True])
    for number, action in enumerate(actions(40, 4)):
        if number == 10:
            engine, place = sick._places[2]
            engine._board.carried[place] = 1e30
        result, expected = sick.step(action), healthy.step(action)
        if number == 10:
            assert result[4]["physics_error"].tolist() == [False, False, True, False]
            assert result[3].tolist() == [False, False, True, False]
            assert result[1][2] == 0
        for mine, theirs in zip(result[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(mine[others], theirs[others])
        assert np.isfinite(result[0]).all()
    assert sick.physics_errors.tolist() == [0, 0, 1, 0]


def test_make_vec_makes_it() -> None:
    envs = gymnasium.make_vec("legion_bench:LegionBench/KukaReach-v0", num_envs=2, horizon=5)
    assert isinstance(envs.unwrapped, VectorManipulationEnv)
    observations, _ = envs.reset(seed=[1, 1])
    assert observations.shape == (2, 12)
    assert observations[0].tobytes() == observations[1].tobytes()
    envs.close()


def test_the_callers_array_is_free_while_a_step_is_under_way() -> None:
    envs, plain = (VectorManipulationEnv("reach", 2, threads=2) for _ in range(2))
    envs.reset(seed=0)
    plain.reset(seed=0)
    action = np.ones((2, 4), np.float32)
    expected = plain.step(action)[0]
    envs.step_async(action)
    action[:] = -1
    np.testing.assert_array_equal(envs.step_wait()[0], expected)


@pytest.mark.parametrize("call", ["step", "step_wait"])
def test_an_interrupted_step_leaves_no_thread_behind(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while physics runs: the next call must not find it still running."""
    envs = VectorManipulationEnv("reach", 2, threads=2)
    start, _ = envs.reset(seed=0)
    action = np.ones((2, 4))
    real, calls = vector.wait, []

    def interrupted(futures: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(futures)

    monkeypatch.setattr(vector, "wait", interrupted)
    if call == "step":
        with pytest.raises(KeyboardInterrupt):
            envs.step(action)
        assert envs._pending is None
        assert len(calls) == 2, "the rest of the step was waited for"
    else:
        envs.step_async(action)
        with pytest.raises(KeyboardInterrupt):
            envs.step_wait()
        with pytest.raises(AlreadyPendingCallError):
            envs.reset()
        envs.step_wait()
    np.testing.assert_array_equal(envs.reset(seed=0)[0], start)


@pytest.mark.parametrize("broken", [0, 1], ids=["the caller's", "another"])
def test_an_error_in_one_thread_waits_for_the_others(broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    envs = VectorManipulationEnv("reach", 2, threads=2)
    envs.reset(seed=0)
    simulators = envs._engines[0][0].simulators
    done = threading.Event()

    def slowly(slots: Any) -> None:
        time.sleep(0.2)
        done.set()

    monkeypatch.setattr(simulators[1 - broken], "play", slowly)
    monkeypatch.setattr(simulators[broken], "play", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        envs.step(np.zeros((2, 4)))
    assert done.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_threads_are_started_anew_in_a_forked_process() -> None:
    envs = VectorManipulationEnv("reach", 2, threads=2)
    envs.reset(seed=0)
    envs.step(np.zeros((2, 4)))
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that hangs is killed, which the parent sees
        envs.step(np.zeros((2, 4)))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_meta_worlds_own_code_writes_to_its_own_slot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two slots share a start; what the judging of one changes must not show in the other."""
    envs = VectorManipulationEnv("soccer", 2)
    envs.reset(seed=[3, 3])
    engine, _ = envs._engines[0]
    seen = []

    def judge(observation: Any, action: Any, version: str) -> tuple[float, bool]:
        seen.append(float(engine.scene.task.obj_init_pos[0]))
        engine.scene.task.obj_init_pos += 1.0
        return 0.0, False

    monkeypatch.setattr(engine.scene, "judge", judge)
    envs.step(np.zeros((2, 4)))
    envs.step(np.zeros((2, 4)))
    envs.reset(seed=[3, 3])
    envs.step(np.zeros((2, 4)))
    first = seen[0]
    assert seen == pytest.approx([first, first, first + 1, first + 1, first, first])
