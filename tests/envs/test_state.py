"""An environment's state, taken in the middle of episodes and loaded into another, against the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.error import AlreadyPendingCallError, ClosedEnvironmentError, ResetNeeded
from metaworld.policies import ENV_POLICY_MAP

from legion_bench import catalogue
from legion_bench.envs.rewards import LAWS
from legion_bench.envs.vector import VectorManipulationEnv
from tests.envs.tasks import SAMPLE
from tests.envs.test_vector import actions, same

MIXED = ("push", "soccer", "push", "drawer-close", "coffee-button")
LAWLESS = [task for task in catalogue.names("envs/tasks") if f"{task}-v3" not in LAWS]

Make = Callable[[int], VectorManipulationEnv]


def is_plain(value: Any) -> bool:
    """Return whether a value can be written without pickle."""
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return False
    return value is None or type(value) in (bool, int, float, str)


def assert_same(one: Any, other: Any) -> None:
    """Assert that two steps or resets said the same, to the last bit."""
    *arrays, infos = one
    *others, other_infos = other
    for mine, theirs in zip(arrays, others, strict=True):
        assert mine.tobytes() == theirs.tobytes()
    same(infos, other_infos)


def assert_goes_on(make: Make, steps: int = 15, more: int = 25) -> None:
    """Play, hand the state to a new environment with another number of threads, and play both."""
    original, copy = make(2), make(1)
    original.reset(seed=4)
    mask = np.arange(original.num_envs) == 0
    played = actions(steps + more, original.num_envs)
    for number, action in enumerate(played[:steps]):
        original.step(action)
        if number == 2:  # so that slots are over at different steps
            original.reset(options={"reset_mask": mask})
    state = original.state_dict()
    assert is_plain(state)
    copy.load_state_dict(state)
    for action in played[steps:]:
        assert_same(original.step(action), copy.step(action))
    assert_same(original.reset(), copy.reset())
    assert_same(original.step(played[0]), copy.step(played[0]))
    assert_same(original.reset(seed=9), copy.reset(seed=9))
    np.testing.assert_array_equal(original.physics_errors, copy.physics_errors)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("placement", ["fixed", "pool:3", "every-episode"])
@pytest.mark.parametrize("reward", ["v2", "legion"])
@pytest.mark.parametrize("task", ["push", "soccer", MIXED], ids=["push", "soccer", "mixed"])
def test_a_copy_goes_on_as_the_original(task: Any, reward: Any, placement: str, mode: str) -> None:
    """With a horizon of 7, slots other than the first are over when the state is taken."""
    asked: Any = {"reward": reward, "placement": placement, "observation": "metaworld-39", "horizon": 7}
    slots = None if isinstance(task, tuple) else 2
    assert_goes_on(
        lambda threads: VectorManipulationEnv(task, slots, autoreset_mode=mode, threads=threads, **asked)
    )


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=[] if task in SAMPLE else pytest.mark.parity) for task in LAWLESS]
)
def test_what_meta_worlds_own_code_remembers_goes_along(task: str) -> None:
    asked: Any = {"placement": "every-episode", "horizon": 20}
    assert_goes_on(lambda threads: VectorManipulationEnv(task, 2, threads=threads, **asked))


@pytest.mark.filterwarnings("ignore:Constant")  # policies say that what they return is clipped
def test_success_ends_the_same_episodes() -> None:
    tasks = ("reach", "coffee-button")
    policies = [ENV_POLICY_MAP[f"{task}-v3"]() for task in tasks]
    asked: Any = {"observation": "metaworld-39", "terminate_on_success": True, "horizon": 150}
    original, copy = (VectorManipulationEnv(tasks, threads=threads, **asked) for threads in (1, 2))
    observations, _ = original.reset(seed=0)
    ended = np.zeros(2)
    for number in range(150):
        if number == 20:
            copy.load_state_dict(original.state_dict())
        chosen = [
            policy.get_action(observed) for policy, observed in zip(policies, observations, strict=True)
        ]
        step = original.step(np.clip(chosen, -1, 1))
        if number >= 20:
            assert_same(step, copy.step(np.clip(chosen, -1, 1)))
            ended += step[2]
        observations = step[0]
    assert (ended >= 2).all()


def test_without_autoreset_those_who_are_over_stay_so() -> None:
    original, copy = (
        VectorManipulationEnv("reach", 2, autoreset_mode="Disabled", horizon=3) for _ in range(2)
    )
    original.reset(seed=0)
    for action in actions(3, 2):
        original.step(action)
    copy.load_state_dict(original.state_dict())
    for envs in (original, copy):
        with pytest.raises(ResetNeeded, match="slot 0"):
            envs.step(np.zeros((2, 4)))
    mask = {"reset_mask": np.array([True, False])}
    assert_same(original.reset(options=mask), copy.reset(options=mask))


def test_physics_errors_go_along() -> None:
    original, copy = (VectorManipulationEnv(("push", "soccer"), horizon=9) for _ in range(2))
    original.reset(seed=0)
    original._places[0][0]._board.carried[:] = 1e30
    assert original.step(np.zeros((2, 4)))[4]["physics_error"].tolist() == [True, False]
    copy.load_state_dict(original.state_dict())
    assert copy.physics_errors.tolist() == [1, 0]
    for action in actions(20, 2):
        assert_same(original.step(action), copy.step(action))


def test_a_copy_looks_as_the_original() -> None:
    original, copy = (
        VectorManipulationEnv(("push", "soccer"), render_mode="rgb_array", render_size=64) for _ in range(2)
    )
    original.reset(seed=0)
    for action in actions(10, 2):
        original.step(action)
    copy.load_state_dict(original.state_dict())
    for mine, theirs in zip(original.render() or (), copy.render() or (), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_environment_that_has_not_begun_has_a_state_too() -> None:
    """Not even the seed that it will draw for itself is left to chance."""
    original, copy = (VectorManipulationEnv("reach", 2, placement="pool:3") for _ in range(2))
    copy.load_state_dict(original.state_dict())
    with pytest.raises(ResetNeeded):
        copy.step(np.zeros((2, 4)))
    assert_same(original.reset(), copy.reset())


def test_a_state_does_not_change_later() -> None:
    envs, copy = (VectorManipulationEnv(("push", "soccer"), horizon=5, reward="legion") for _ in range(2))
    envs.reset(seed=0)
    played = actions(12, 2)
    for action in played[:3]:
        envs.step(action)
    state = envs.state_dict()
    expected = [envs.step(action) for action in played[3:]]
    copy.load_state_dict(state)
    for action, step in zip(played[3:], expected, strict=True):
        assert_same(step, copy.step(action))
    again = VectorManipulationEnv(("push", "soccer"), horizon=5, reward="legion")
    again.load_state_dict(state)
    for action, step in zip(played[3:], expected, strict=True):
        assert_same(step, again.step(action))


def test_a_state_of_something_else_is_refused() -> None:
    state = VectorManipulationEnv(("reach", "push")).state_dict()
    with pytest.raises(ValueError, match="the state is of 2 slots, but the environment has 3"):
        VectorManipulationEnv("reach", 3).load_state_dict(state)
    with pytest.raises(ValueError, match="slot 1: the state is of 'push', but the environment plays 'reach'"):
        VectorManipulationEnv("reach", 2).load_state_dict(state)


def test_a_state_is_taken_between_steps() -> None:
    envs = VectorManipulationEnv("reach", 2)
    envs.reset(seed=0)
    state = envs.state_dict()
    envs.step_async(np.zeros((2, 4)))
    for call in (envs.state_dict, lambda: envs.load_state_dict(state)):
        with pytest.raises(AlreadyPendingCallError, match="step_wait"):
            call()
    envs.close()
    for call in (envs.state_dict, lambda: envs.load_state_dict(state)):
        with pytest.raises(ClosedEnvironmentError):
            call()
