"""Our environments against Meta-World's own task classes, stepped directly."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from metaworld import Task
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from legion_bench import catalogue
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.metaworld import scene_xml

# Hand, first object, second object, goal in Meta-World's 39 values.
PLACES = [*range(0, 3), *range(4, 7), *range(11, 14), *range(36, 39)]


every_task = pytest.mark.parametrize("task", catalogue.names("envs/tasks"))


def on_kuka(stock: Any) -> Any:
    """Return Meta-World's task class with nothing changed but the model."""

    class OnKuka(stock):
        def _initialize_simulation(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
            model = mujoco.MjModel.from_xml_string(scene_xml(Path(self.fullpath), "kuka"))
            return model, mujoco.MjData(model)

    return OnKuka


def set_placement(env: Any, stock: type, placement: Any) -> None:
    """Set the task as Meta-World's own benchmarks do."""
    settings = {"env_cls": stock, "rand_vec": placement, "partially_observable": False}
    env.set_task(Task("", pickle.dumps(settings)))


@every_task
def test_observations_and_rewards_are_meta_worlds(task: str) -> None:
    ours = ManipulationEnv(task, horizon=150)
    observation, _ = ours.reset(seed=11)
    stock = ALL_V3_ENVIRONMENTS[ours.card.scene]
    theirs = on_kuka(stock)()
    set_placement(theirs, stock, ours._drawn)
    expected, _ = theirs.reset()
    np.testing.assert_array_equal(observation, expected[PLACES])
    for action in np.random.default_rng(1).uniform(-1, 1, (150, 4)).astype(np.float32):
        observation, reward, _, _, info = ours.step(action)
        expected, expected_reward, _, _, expected_info = theirs.step(action)
        np.testing.assert_array_equal(observation, expected[PLACES])
        assert reward == expected_reward
        assert info["success"] == expected_info["success"]


@every_task
def test_an_episode_begins_as_sawyers_does(task: str) -> None:
    """Another arm must not push objects about while it is brought to its start."""
    ours = ManipulationEnv(task)
    stock = ALL_V3_ENVIRONMENTS[ours.card.scene]
    sawyers = stock()
    for seed in range(6):
        observation, _ = ours.reset(seed=seed)
        set_placement(sawyers, stock, ours._drawn)
        expected, _ = sawyers.reset()
        expected = expected[PLACES]
        np.testing.assert_allclose(observation[3:], expected[3:], atol=1e-3, err_msg=f"seed {seed}")
        assert np.linalg.norm(observation[:3] - expected[:3]) < 0.04, f"seed {seed}: the hand"
        *_, info = ours.step(np.zeros(4))
        assert not info["success"], f"seed {seed} is solved before it begins"
