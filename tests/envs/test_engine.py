"""Several simulators of one engine, and what MuJoCo carries from step to step."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest

from legion_bench.envs.engine import Engine
from legion_bench.envs.metaworld import Scene
from legion_bench.envs.options import Options
from tests.envs.tasks import every_task

OPTIONS = Options(observation="metaworld-39")


@every_task
def test_it_makes_no_difference_which_simulator_plays_a_slot(task: str) -> None:
    slots = 3
    alone, several = (Engine(f"{task}-v3", OPTIONS, slots, simulators) for simulators in (1, 2))
    for slot in range(slots):
        np.testing.assert_array_equal(alone.reset(slot, slot), several.reset(slot, slot))
    rng = np.random.default_rng(0)
    for _ in range(40):
        actions = rng.uniform(-1, 1, (slots, 4)).astype(np.float32)
        expected = alone.step(actions, range(slots))
        several.steer(actions)
        for slot in rng.permutation(slots).tolist():
            several.simulators[rng.integers(2)].play([slot])
        outcome = several.judge()
        np.testing.assert_array_equal(outcome.observations, expected.observations)
        np.testing.assert_array_equal(outcome.rewards, expected.rewards)
        np.testing.assert_array_equal(outcome.successes, expected.successes)
        assert not outcome.failures.any()


@pytest.mark.parametrize("task", ["push", "soccer"])
@pytest.mark.parametrize("simulator", [0, 1])
def test_a_simulators_first_turns_may_fail(task: str, simulator: int) -> None:
    engine = Engine(f"{task}-v3", OPTIONS, 3, 2)
    for slot in range(3):
        engine.reset(slot, slot)
    engine._board.carried[1:] = 1e30
    engine.steer(np.zeros((3, 4), np.float32))
    engine.simulators[simulator].play([1, 2, 0])
    outcome = engine.judge()
    assert outcome.failures.tolist() == [False, True, True]
    assert outcome.rewards[1:].tolist() == [0, 0]


@every_task
@pytest.mark.parametrize("robot", ["kuka", "sawyer"])
def test_the_window_holds_all_that_mujoco_carries(task: str, robot: Any) -> None:
    """Whoever writes to it has written MuJoCo's integration state, but for the clock."""
    scene = Scene(f"{task}-v3", robot)
    scene.start(0)
    everything = mujoco.mjtState.mjSTATE_INTEGRATION
    states = np.zeros((2, mujoco.mj_stateSize(scene.model, everything)))
    mujoco.mj_getState(scene.model, scene.data, states[0], everything)
    kept, clock = scene.carried.copy(), scene.data.time
    mujoco.mj_resetData(scene.model, scene.data)
    scene.data.xfrc_applied[:] = 1.0
    scene.data.eq_active[:] = 0
    mujoco.mj_step(scene.model, scene.data, 3)
    scene.carried[:], scene.data.time = kept, clock
    mujoco.mj_getState(scene.model, scene.data, states[1], everything)
    np.testing.assert_array_equal(*states)
    np.testing.assert_array_equal(scene.carried[scene.hand_target], scene.data.mocap_pos[0])
    np.testing.assert_array_equal(scene.carried[scene.efforts], scene.data.ctrl)
