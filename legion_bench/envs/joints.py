"""What the arm's joints do while the mocap weld pulls the hand."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from legion_bench.types import Floats


@dataclass(frozen=True, slots=True)
class JointLimits:
    """Data-sheet limits of J joints."""

    angle: Floats
    """[J, 2] lowest and highest, rad."""
    velocity: Floats
    """[J] rad/s"""
    torque: Floats
    """[J] N m"""


class ArmJoints:
    """The joints ``<robot>_joint_1``, ``_2``, … of an arm in a compiled scene."""

    def __init__(self, model: mujoco.MjModel, robot: str) -> None:
        """Find the joints and their limits.

        Args:
            model: a scene with one of our arms; Sawyer's joints carry no data-sheet limits.
            robot: stem of a file in ``envs/robots/``.
        """
        velocity = np.deg2rad(model.numeric(f"{robot}_velocity_limit").data)
        joints = [model.joint(f"{robot}_joint_{i}") for i in range(1, len(velocity) + 1)]
        ids = [joint.id for joint in joints]
        self._model = model
        self._qpos, self._dof = model.jnt_qposadr[ids], model.jnt_dofadr[ids]
        self.limits = JointLimits(model.jnt_range[ids].copy(), velocity, model.jnt_actfrcrange[ids, 1].copy())

    def read(self, data: mujoco.MjData) -> Floats:
        """Return angles (rad), velocities (rad/s) and torques (N m), [3, J], as of the last forward pass.

        The arm has no actuators. The torque is what drives would have to give for the
        same motion against the same contacts: what the weld exerts on the joints
        (the equality rows of the constraint force) plus the passive forces. The model's
        damping thereby cancels against the weld's work to overcome it, gravity
        compensation counts, and what the joints' stops bear does not.
        """
        weld = np.where(data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY, data.efc_force, 0.0)
        torque = np.zeros(self._model.nv)
        mujoco.mj_mulJacTVec(self._model, data, torque, weld)
        torque += data.qfrc_passive
        return np.stack([data.qpos[self._qpos], data.qvel[self._dof], torque[self._dof]])
