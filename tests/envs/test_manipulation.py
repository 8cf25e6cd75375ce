"""The single-task environment, task by task."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.env_checker import check_env

from legion_bench import catalogue
from legion_bench.cards import ROBOTS
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.errors import LegionBenchError
from tests.envs.tasks import every_task

UNBOUNDED = "ignore:.*A Box observation space (minimum|maximum) value is -?infinity:UserWarning"


def actions(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 4)).astype(np.float32)


def roll_out(env: ManipulationEnv, seed: int, steps: int = 15) -> bytes:
    """Return observations and rewards of an episode, as bytes."""
    observation, _ = env.reset(seed=seed)
    values = [observation]
    for action in actions(steps):
        observation, reward, *_ = env.step(action)
        values += [observation, np.array([reward])]
    return np.concatenate(values).tobytes()


@every_task
@pytest.mark.filterwarnings(UNBOUNDED)
def test_gymnasiums_checker_finds_nothing(task: str) -> None:
    check_env(ManipulationEnv(task), skip_render_check=True)


@pytest.mark.parametrize("robot", ROBOTS)
def test_every_task_starts_and_steps(robot: Any) -> None:
    """The rest of this file plays a sample; ``tox run -e parity`` plays all."""
    for task in catalogue.names("envs/tasks"):
        env = ManipulationEnv(task, robot=robot, reward="legion")  # asks for both rewards
        observation, _ = env.reset(seed=0)
        assert observation in env.observation_space, task
        observation, _, _, _, info = env.step(np.zeros(4))
        assert observation in env.observation_space, task
        assert not info["success"], task


@every_task
def test_a_seed_gives_the_same_bytes_whatever_was_done_before(task: str) -> None:
    fresh, used = ManipulationEnv(task), ManipulationEnv(task)
    used.reset(seed=99)
    for action in actions(20, seed=5):
        used.step(action)
    used.reset()
    used.step(np.array([0, 0, -1, 1], dtype=np.float32))
    assert roll_out(used, seed=3) == roll_out(fresh, seed=3)
    assert roll_out(fresh, seed=3) == roll_out(used, seed=3), "nor does an episode of one's own matter"


@every_task
def test_other_seeds_give_other_placements(task: str) -> None:
    env = ManipulationEnv(task)
    placements = {env.reset(seed=seed)[0].tobytes() for seed in range(4)}
    assert len(placements) == 4


@every_task
def test_a_fixed_placement_lasts_until_the_next_seed(task: str) -> None:
    env = ManipulationEnv(task, placement="fixed", horizon=5)
    first, _ = env.reset(seed=1)
    for action in actions(5):
        env.step(action)
    assert env.reset()[0].tobytes() == first.tobytes()
    assert env.reset(seed=2)[0].tobytes() != first.tobytes()


@every_task
def test_a_placement_per_episode_changes_at_each_reset(task: str) -> None:
    one, two = (ManipulationEnv(task, placement="every-episode") for _ in range(2))
    drawn = [one.reset(seed=1)[0].tobytes(), one.reset()[0].tobytes(), one.reset()[0].tobytes()]
    assert len(set(drawn)) == 3
    assert drawn == [two.reset(seed=1)[0].tobytes(), two.reset()[0].tobytes(), two.reset()[0].tobytes()]


@every_task
def test_the_twelve_values_are_hand_objects_and_goal(task: str) -> None:
    env = ManipulationEnv(task)
    observation, _ = env.reset(seed=4)
    for action in [None, *actions(30)]:
        if action is not None:
            observation, *_ = env.step(action)
        scene = env._engine.scene.task
        objects = np.zeros(6)
        positions = scene._get_pos_objects()
        objects[: len(positions)] = positions
        np.testing.assert_allclose(observation[:3], scene.data.body("hand").xpos, atol=1e-12)
        np.testing.assert_allclose(observation[3:9], objects, atol=1e-12)
        np.testing.assert_allclose(observation[9:], scene._target_pos, atol=1e-12)
        assert observation in env.observation_space


@every_task
def test_an_episode_ends_at_the_horizon_and_nowhere_else(task: str) -> None:
    env = ManipulationEnv(task, horizon=12)
    for _ in range(2):
        _, info = env.reset(seed=0)
        assert info == {
            "task": task,
            "instruction": env.card.instruction,
            "success": 0.0,
            "physics_error": False,
        }
        ends = []
        for action in actions(12):
            _, reward, terminated, truncated, info = env.step(action)
            assert not terminated
            assert 0 <= reward <= 10
            assert type(reward) is float
            assert info["success"] in (0.0, 1.0)
            ends.append(truncated)
        assert ends == [False] * 11 + [True]
        with pytest.raises(ResetNeeded, match="reset"):
            env.step(np.zeros(4, dtype=np.float32))


def test_stepping_needs_a_reset_first() -> None:
    with pytest.raises(ResetNeeded, match="reset"):
        ManipulationEnv("reach").step(np.zeros(4, dtype=np.float32))


@pytest.mark.parametrize(
    "action",
    [
        np.zeros(3),
        np.zeros((1, 4)),
        0.0,
        [0, 0, 0, np.nan],
        [0, 0, 0, np.inf],
        [1.01, 0, 0, 0],
        [1j, 0, 0, 0],
        ["0", "0", "0", "0"],
        [True, False, False, False],
        [0, 0, 0, -1.01],
    ],
    ids=str,
)
def test_a_wrong_action_is_refused_and_changes_nothing(action: Any) -> None:
    env, untouched = ManipulationEnv("reach"), ManipulationEnv("reach")
    env.reset(seed=0)
    untouched.reset(seed=0)
    with pytest.raises(ValueError, match=r"shape \(4,\).*\[-1, 1\]"):
        env.step(action)
    action = np.ones(4, dtype=np.float32)
    assert env.step(action)[0].tobytes() == untouched.step(action)[0].tobytes()


def test_a_wrong_shape_is_named() -> None:
    env = ManipulationEnv("reach")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"got shape \(2, 4\)"):
        env.step(np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"horizon": 0}, "horizon must be a whole number of steps from 1, got 0"),
        ({"horizon": 2.5}, "whole number of steps from 1, got 2.5"),
        ({"robot": "kuks"}, "did you mean 'kuka'"),
        ({"placement": "every-episod"}, "did you mean 'every-episode'"),
        ({"placement": "pool:0"}, "placement 'pool:0': a pool needs its size, e.g. 'pool:50'"),
        ({"placement": "pool"}, "placement 'pool': a pool needs its size"),
        ({"observation": "legion-39"}, "did you mean"),
        ({"reward": "v3"}, "unknown reward 'v3'"),
        ({"split": "evaluating"}, "did you mean 'evaluation'"),
        ({"render_mode": "rgb"}, "unknown render_mode 'rgb'"),
        ({"terminate_on_success": "yes"}, "must be True or False, got 'yes'"),
        ({"render_size": 20_000}, "at most 4096 pixels, got 20000"),
        ({"task": None}, "a card is found by its name or path, a string, got None"),
        ({"render_size": 0}, "render_size must be a whole number of pixels from 1, got 0"),
        ({"horizn": 10}, "unknown option 'horizn': did you mean 'horizon'"),
        ({"task": "reech"}, "did you mean 'reach'"),
    ],
)
def test_a_wrong_argument_is_named(changes: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ManipulationEnv(**{"task": "reach", **changes})


def test_an_unknown_robot_is_a_users_error() -> None:
    with pytest.raises(LegionBenchError, match="sawyr"):
        ManipulationEnv("reach", robot="sawyr")  # type: ignore[arg-type]


def test_without_a_render_mode_there_is_no_frame() -> None:
    env = ManipulationEnv("reach")
    env.reset(seed=0)
    assert env.render() is None
    env.close()


def test_gymnasiums_vector_environment_takes_it() -> None:
    envs = gymnasium.make_vec("legion_bench:LegionBench/KukaReach-v0", num_envs=2, horizon=5)
    observations, _ = envs.reset(seed=[1, 1])
    assert observations.shape == (2, 12)
    assert observations[0].tobytes() == observations[1].tobytes()
    envs.close()


@pytest.mark.parametrize("method", ["reset", "step", "render"])
def test_a_closed_environment_says_so(method: str) -> None:
    env = ManipulationEnv("reach")
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ClosedEnvironmentError, match="make another"):
        getattr(env, method)(*([np.zeros(4)] if method == "step" else []))


@every_task
@pytest.mark.parametrize("robot", ["kuka", "sawyer"])
def test_the_39_values_hold_the_12_and_the_step_before(task: str, robot: Any) -> None:
    narrow = ManipulationEnv(task, robot=robot)
    wide = ManipulationEnv(task, robot=robot, observation="metaworld-39")
    (small, _), (large, _) = narrow.reset(seed=5), wide.reset(seed=5)
    for action in actions(20):
        before = large
        small, reward, *_ = narrow.step(action)
        large, same_reward, *_ = wide.step(action)
        assert small.tobytes() == large[[0, 1, 2, 4, 5, 6, 11, 12, 13, 36, 37, 38]].tobytes()
        assert reward == same_reward
        np.testing.assert_array_equal(large[18:36], before[:18])
        assert large in wide.observation_space


def test_success_can_end_an_episode() -> None:
    ends = {}
    for terminate in (False, True):
        env = ManipulationEnv("reach", terminate_on_success=terminate)
        observation, _ = env.reset(seed=1)
        over, steps = False, 0
        while not over:
            move = np.clip(10 * (observation[9:] - observation[:3]), -1, 1)
            observation, _, terminated, truncated, info = env.step([*move, 0])
            over, steps = terminated or truncated, steps + 1
        ends[terminate] = (terminated, truncated, info["success"], steps < 150)
    assert ends == {False: (False, True, 1.0, False), True: (True, False, 1.0, True)}


def test_success_does_not_depend_on_the_reward() -> None:
    """Version 1 of push measures its distance otherwise."""
    envs = [ManipulationEnv("push", reward=reward) for reward in ("v2", "v1", "legion")]
    for env in envs:
        env.reset(seed=0)
    for action in actions(100):
        assert len({env.step(action)[-1]["success"] for env in envs}) == 1


def test_legions_reward_is_version_1_over_its_running_deviation() -> None:
    plain, scaled = ManipulationEnv("push", reward="v1"), ManipulationEnv("push", reward="legion")
    mean, variance = 0.0, 1.0
    for seed in (0, None):
        plain.reset(seed=seed)
        scaled.reset(seed=seed)
        for action in actions(20):
            reward = plain.step(action)[1]
            mean = 0.999 * mean + 0.001 * reward
            variance = 0.999 * variance + 0.001 * (reward - mean) ** 2
            assert scaled.step(action)[1] == pytest.approx(reward / variance**0.5, rel=1e-12)
    scaled.reset(seed=0)
    plain.reset(seed=0)
    reward = plain.step(actions(1)[0])[1]
    assert scaled.step(actions(1)[0])[1] == pytest.approx(reward, rel=1e-3), "a seed starts anew"


@pytest.mark.parametrize("task", ["push", "coffee-button"])
def test_unstable_physics_truncates_and_the_next_episode_is_as_ever(task: str) -> None:
    env, healthy = ManipulationEnv(task), ManipulationEnv(task)
    before, _ = env.reset(seed=0)
    before, *_ = env.step(np.zeros(4))
    env._engine._board.carried[:] = 1e30
    observation, reward, terminated, truncated, info = env.step(np.zeros(4))
    assert (reward, terminated, truncated, info["physics_error"]) == (0.0, False, True, True)
    np.testing.assert_array_equal(observation, before)
    assert env.physics_errors == 1
    assert roll_out(env, seed=3) == roll_out(healthy, seed=3)


@pytest.mark.parametrize("observation", ["legion-12", "metaworld-39"])
def test_what_was_handed_out_does_not_change_later(observation: Any) -> None:
    env = ManipulationEnv("push", observation=observation, placement="every-episode")
    handed = [env.reset(seed=0)[0], *(env.step(action)[0] for action in actions(3)), env.reset()[0]]
    copies = [observed.copy() for observed in handed]
    env.step(np.ones(4))
    env.reset()
    for observed, copied in zip(handed, copies, strict=True):
        np.testing.assert_array_equal(observed, copied)


def test_numpys_integers_are_whole_numbers() -> None:
    env = ManipulationEnv("reach", horizon=np.int64(3))  # type: ignore[arg-type]
    env.reset(seed=0)
    assert [env.step(np.zeros(4))[3] for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_an_environment_cannot_be_copied_by_half(way: Any) -> None:
    """MuJoCo's arrays would stay with the original, and both would write to them."""
    env = ManipulationEnv("reach")
    env.reset(seed=0)
    with pytest.raises(LegionBenchError, match=r"cannot be copied or pickled: make another from env\.spec"):
        way(env._engine)
    if way is not copy.copy:
        with pytest.raises(LegionBenchError, match="cannot be copied"):
            way(env)
