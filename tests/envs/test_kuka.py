"""The arm itself against KUKA's data sheet and Meta-World's table."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from legion_bench.envs.manipulation import ManipulationEnv

JOINTS = [f"kuka_joint_{number}" for number in range(1, 8)]
FLOOR, TABLE_EDGE_Y = -0.913, 0.2
# KUKA LBR iiwa 7 R800 data sheet.
LIMITS_DEGREES = [170, 120, 170, 120, 170, 120, 175]
TORQUES = [176, 176, 110, 110, 110, 40, 40]
BASE_TO_WRIST = (0.340, 0.400, 0.400)
HOME = (0, 0.5, 0.2)
WRIST_TO_HAND = 0.246
AXES = [[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1]]


@pytest.fixture
def data(reach_model: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(reach_model)
    mujoco.mj_resetData(reach_model, data)
    mujoco.mj_forward(reach_model, data)
    return data


def set_arm(model: mujoco.MjModel, data: mujoco.MjData, angles: NDArray[np.float64] | float) -> None:
    for joint, angle in zip(JOINTS, np.broadcast_to(angles, 7), strict=True):
        data.joint(joint).qpos = angle
    mujoco.mj_forward(model, data)


def arm_geoms(model: mujoco.MjModel, *prefixes: str) -> list[int]:
    """Return the geoms of the bodies whose names begin so."""
    return [i for i in range(model.ngeom) if model.body(model.geom_bodyid[i]).name.startswith(prefixes)]


def corners(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> NDArray[np.float64]:
    """Return the corners [8, 3] of a box in the world."""
    assert model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T
    return data.geom_xpos[geom] + (signs * model.geom_size[geom]) @ data.geom_xmat[geom].reshape(3, 3).T


def test_resetting_brings_the_hand_home(data: mujoco.MjData) -> None:
    hand = data.body("hand")
    assert hand.xpos == pytest.approx(HOME, abs=1e-6)
    down = np.array([1, 0, 1, 0]) / np.sqrt(2)
    assert abs(hand.xquat @ down) == pytest.approx(1, abs=1e-9), "a quaternion and its negative are one"


def test_the_home_angles_follow_from_the_hands_position(data: mujoco.MjData) -> None:
    """The closed form that envs/robots/kuka.xml states."""
    base, (shoulder, upper, fore) = data.body("kuka_base").xpos, BASE_TO_WRIST
    ahead, up = HOME[1] - base[1], HOME[2] + WRIST_TO_HAND - base[2] - shoulder
    assert upper == fore
    q4 = -(np.pi - np.arccos(1 - (ahead**2 + up**2) / (2 * upper**2)))
    q2 = np.arctan2(ahead, up) + q4 / 2
    angles = [data.joint(joint).qpos[0] for joint in JOINTS]
    assert angles == pytest.approx([0, q2, 0, q4, 0, np.pi - q2 + q4, 0], abs=1e-6)


def test_joint_limits_are_the_data_sheets(reach_model: mujoco.MjModel) -> None:
    for joint, degrees in zip(JOINTS, LIMITS_DEGREES, strict=True):
        assert reach_model.joint(joint).limited == 1
        assert np.degrees(reach_model.joint(joint).range) == pytest.approx([-degrees, degrees], abs=1e-3)


def test_torque_limits_are_the_data_sheets(reach_model: mujoco.MjModel) -> None:
    for joint, torque in zip(JOINTS, TORQUES, strict=True):
        number = reach_model.joint(joint).id
        assert reach_model.jnt_actfrclimited[number]
        assert reach_model.jnt_actfrcrange[number].tolist() == [-torque, torque]


def test_joint_axes_alternate_as_the_arms_do(reach_model: mujoco.MjModel) -> None:
    assert [reach_model.joint(joint).axis.tolist() for joint in JOINTS] == AXES


def test_zero_angles_stand_the_arm_straight_up(reach_model: mujoco.MjModel, data: mujoco.MjData) -> None:
    set_arm(reach_model, data, 0.0)
    base = data.body("kuka_base").xpos
    shoulder, elbow, wrist = (data.joint(JOINTS[number]).xanchor for number in (1, 3, 5))
    heights = np.cumsum(BASE_TO_WRIST)
    for anchor, height in zip((shoulder, elbow, wrist), heights, strict=True):
        assert anchor - base == pytest.approx([0, 0, height], abs=1e-6)
    flange = data.body("kuka_flange").xpos
    assert flange - base == pytest.approx([0, 0, 1.140 + 0.126], abs=1e-6)


def test_the_home_pose_is_within_the_joint_limits(reach_model: mujoco.MjModel, data: mujoco.MjData) -> None:
    for joint in JOINTS:
        low, high = reach_model.joint(joint).range
        assert low < data.joint(joint).qpos[0] < high


def test_nothing_of_the_arm_collides(reach_model: mujoco.MjModel) -> None:
    geoms = arm_geoms(reach_model, "kuka_")
    assert len(geoms) > 15
    assert not reach_model.geom_contype[geoms].any()
    assert not reach_model.geom_conaffinity[geoms].any()


def test_the_gripper_still_collides(reach_model: mujoco.MjModel) -> None:
    assert reach_model.geom_contype[arm_geoms(reach_model, "rightpad", "leftpad")].any()


def test_the_hand_stays_where_it_is_held() -> None:
    env = ManipulationEnv("reach")
    before, _ = env.reset(seed=0)
    for _ in range(100):
        after, *_ = env.step(np.zeros(4))
    mocap = env._engine.scene.data.mocap_pos[0]
    assert np.linalg.norm(after[:3] - before[:3]) < 0.02
    assert np.linalg.norm(after[:3] - mocap) < 0.02


@pytest.fixture
def pedestal(reach_model: mujoco.MjModel, data: mujoco.MjData) -> NDArray[np.float64]:
    """Corners [boxes, 8, 3] of the pedestal."""
    return np.array([corners(reach_model, data, geom) for geom in arm_geoms(reach_model, "kuka_pedestal")])


def test_the_pedestal_stands_on_the_floor(pedestal: NDArray[np.float64]) -> None:
    assert pedestal[..., 2].min() == pytest.approx(FLOOR, abs=1e-9)


def test_the_pedestal_does_not_cut_the_table(pedestal: NDArray[np.float64]) -> None:
    low = pedestal[pedestal[..., 2].min(axis=1) < 0.1]
    assert len(low)
    assert low[..., 1].max() < TABLE_EDGE_Y


def test_the_pedestal_carries_the_base(pedestal: NDArray[np.float64], data: mujoco.MjData) -> None:
    assert pedestal[..., 2].max() == pytest.approx(data.body("kuka_base").xpos[2], abs=1e-9)
