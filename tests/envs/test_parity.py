"""The engine against Meta-World's own task classes, stepped directly.

All fifty tasks on both robots take minutes: ``tox run -e parity`` plays them all, the
ordinary test run a sample that has one of every kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.policies import ENV_POLICY_MAP

from legion_bench.cards import ROBOTS
from legion_bench.envs.engine import Engine
from legion_bench.envs.metaworld import scene_xml
from legion_bench.envs.options import Options
from tests.envs.tasks import every_task

STEPS = 150
# Metres by which one of the hands moves an object on its way to its start, at a few
# placements: KUKA's the lever, Sawyer's the lock.
BRUSHED = {"lever-pull": 6e-3, "door-lock": 3e-3}
# Seeds of the three episodes, and how each is acted.
EPISODES = ((0, "scripted"), (1, "scripted"), (2, "random"))


def stock(name: str, robot: str) -> Any:
    """Return Meta-World's task, on KUKA with nothing changed but the model."""
    base: Any = ALL_V3_ENVIRONMENTS[name]
    if robot == "kuka":

        class OnKuka(base):
            def _initialize_simulation(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
                model = mujoco.MjModel.from_xml_string(scene_xml(Path(self.fullpath), "kuka"))
                return model, mujoco.MjData(model)

        base = OnKuka
    task = base()
    task._partially_observable = False
    del task.sawyer_observation_space
    task._set_task_called = True
    return task


def play(task: Any, engine: Engine, policy: Any, version: str) -> None:
    """Play three episodes side by side and compare everything."""
    low, high = task.sawyer_observation_space.low, task.sawyer_observation_space.high
    rng = np.random.default_rng(0)
    for seed, kind in EPISODES:
        observed = engine.reset(0, seed)
        task._freeze_rand_vec, task._last_rand_vec = True, engine.start(seed).placement
        task.reward_function_version = version
        expected, _ = task.reset()
        np.testing.assert_array_equal(observed, expected, f"start of seed {seed}")
        for step in range(STEPS):
            chosen = policy.get_action(expected) if kind == "scripted" else rng.uniform(-1, 1, 4)
            action = np.clip(chosen, -1, 1).astype(np.float32)
            outcome = engine.step(action[None], [0])
            expected, reward, _, _, info = task.step(action)
            where = f"seed {seed}, step {step}"
            np.testing.assert_allclose(outcome.observations[0], expected, rtol=0, atol=1e-9, err_msg=where)
            np.testing.assert_allclose(outcome.rewards[0], reward, rtol=1e-9, atol=1e-6, err_msg=where)
            if version == "v2":  # by which success is defined, whatever the reward
                assert outcome.successes[0] == bool(info["success"]), where
            assert not outcome.failures[0], where
            assert np.all((low <= expected) & (expected <= high)), where


@pytest.mark.filterwarnings("ignore:Constant")  # policies say that what they return is clipped
@pytest.mark.parametrize("version", ["v2", "v1"])
@pytest.mark.parametrize("robot", ROBOTS)
@every_task
def test_observations_rewards_and_success_are_meta_worlds(task: str, robot: Any, version: Any) -> None:
    name = f"{task}-v3"
    engine = Engine(name, Options(robot=robot, observation="metaworld-39", reward=version), 1)
    play(stock(name, robot), engine, ENV_POLICY_MAP[name](), version)


@every_task
def test_an_episode_begins_as_sawyers_does(task: str) -> None:
    """Another arm must not push objects about while it is brought to its start."""
    kuka, sawyer = (Engine(f"{task}-v3", Options(robot=robot), 1) for robot in ROBOTS)
    for seed in range(6):
        observed, expected = kuka.reset(0, seed), sawyer.reset(0, seed)
        near = BRUSHED.get(task, 1e-3)
        np.testing.assert_allclose(observed[3:], expected[3:], atol=near, err_msg=f"seed {seed}")
        assert np.linalg.norm(observed[:3] - expected[:3]) < 0.02, f"seed {seed}: the hand"
        outcome = kuka.step(np.zeros((1, 4), np.float32), [0])
        assert not outcome.successes[0], f"seed {seed} is solved before it begins"
