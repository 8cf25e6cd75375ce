"""What is said of the joints, against statics and the model's own equation of motion."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from legion_bench.envs.engine import Engine
from legion_bench.envs.joints import ArmJoints
from legion_bench.envs.options import Options


@pytest.fixture
def engine() -> Engine:
    engine = Engine("reach-v3", Options(), 1)
    engine.reset(0, 10000)
    return engine


def test_limits_are_the_data_sheets(engine: Engine) -> None:
    limits = ArmJoints(engine.scene.model, "kuka").limits
    assert np.rad2deg(limits.angle[:, 1]) == pytest.approx([170, 120, 170, 120, 170, 120, 175], abs=1e-3)
    assert np.rad2deg(limits.velocity) == pytest.approx([98, 98, 100, 130, 140, 180, 180])
    assert limits.torque.tolist() == [176, 176, 110, 110, 110, 40, 40]


def test_an_arm_at_rest_bears_its_weight(engine: Engine) -> None:
    for _ in range(200):
        engine.step(np.array([[0, 0, 0, -1]], dtype=np.float32), (0,))
    scene = engine.scene
    angle, velocity, torque = ArmJoints(scene.model, "kuka").read(scene.data)
    dofs = [scene.model.joint(f"kuka_joint_{number}").dofadr[0] for number in range(1, 8)]
    assert angle == pytest.approx(scene.data.qpos[:7])
    assert np.abs(velocity).max() < 1e-3
    # Bias is gravity here; no weight of the arm is left for anything else to bear.
    assert torque == pytest.approx(scene.data.qfrc_bias[dofs], abs=0.1)
    assert torque[1] < -30.0


def test_a_moving_arms_torque_obeys_its_equation_of_motion(engine: Engine) -> None:
    """In free motion, far from the stops, torque is M q'' + bias: damping has cancelled."""
    for _ in range(5):
        engine.step(np.array([[0, 0.5, 0, -1]], dtype=np.float32), (0,))
    model, data = engine.scene.model, engine.scene.data
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, inertia, data.qM)
    needed = inertia @ data.qacc + data.qfrc_bias
    _, velocity, torque = ArmJoints(model, "kuka").read(data)
    assert np.abs(velocity).max() > 0.3
    assert torque == pytest.approx(needed[:7], abs=1e-6)
