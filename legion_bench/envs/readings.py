"""What is read from the simulation after each step, for tasks whose reward is ours."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation as ScipyRotation

from legion_bench.envs.metaworld import Start
from legion_bench.envs.rewards import arithmetic
from legion_bench.envs.rewards.arithmetic import Point
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Rotation
from legion_bench.types import Actions, Floats

# Read for every task: hand, fingers and finger tips.
_COMMON = {
    "hand": Probe("body", "hand"),
    "right claw": Probe("body", "rightclaw"),
    "left claw": Probe("body", "leftclaw"),
    "left pad": Probe("body", "leftpad"),
    "right pad": Probe("body", "rightpad"),
    "right tip": Probe("site", "rightEndEffector"),
    "left tip": Probe("site", "leftEndEffector"),
}
# Gripper opening, metres, that Meta-World's observation calls 1.
_WIDE_OPEN = 0.1


class Readings:
    """Positions, quaternions and per-episode constants of N slots."""

    def __init__(
        self, model: mujoco.MjModel, data: mujoco.MjData, law: Law, slots: int, turned: bool
    ) -> None:
        """Look up every place by name.

        Args:
            model: the compiled scene.
            data: the simulation that slots take turns in.
            law: says what is read.
            slots: N.
            turned: whether quaternions are read as well.
        """
        reading = law.reading
        probes = dict(sorted(_probes(law).items(), key=lambda item: item[1].kind))
        self._place = {name: place for place, name in enumerate(probes)}
        self._offsets = np.array([probe.offset for probe in probes.values()])
        self._read = np.zeros((slots, len(probes), 3))
        self._points = self._read.copy()
        self._takes = []
        for kind, positions in (("body", data.xpos), ("geom", data.geom_xpos), ("site", data.site_xpos)):
            places = [self._place[name] for name, probe in probes.items() if probe.kind == kind]
            if places:
                ids = [getattr(model, kind)(probe.name).id for probe in probes.values() if probe.kind == kind]
                rows = [row[places[0] : places[-1] + 1] for row in self._read]
                self._takes.append((positions, np.array(ids), rows))
        self._turns = [
            (columns, _Turn(rotation, model, data, slots))
            for columns, rotation in ((slice(7, 11), reading.rotation1), (slice(14, 18), reading.rotation2))
            if turned and rotation is not None
        ]
        joints = [model.joint(name).qposadr[0] for name in reading.joints.values()]
        self._joints = np.zeros((slots, len(joints)))
        if joints:
            self._takes.append((data.qpos, np.array(joints), list(self._joints)))
        self._law, self._slots = law, slots
        self._targets = np.zeros((3, slots))
        self._constants: dict[str, Floats] = {}
        self._given: dict[str, Any] = {}  # the same as rewards see them

    def begin(self, slot: int, start: Start) -> None:
        """Take over the constants of an episode that starts."""
        self._targets[:, slot] = start.attributes["_target_pos"]
        for name in self._law.reading.constants:
            value = np.asarray(start.attributes[name], dtype=np.float64)
            kept = self._constants.setdefault(name, np.zeros((*value.shape, self._slots)))
            kept[..., slot] = value
            seen = kept[..., 0].tolist() if self._slots == 1 else kept
            self._given[name] = Point(*seen) if value.ndim else seen

    def read(self, slot: int) -> None:
        """Copy a slot's positions out of the simulation."""
        for positions, ids, rows in self._takes:
            positions.take(ids, 0, rows[slot], "clip")
        for _, turn in self._turns:
            turn.read(slot)

    def current(self, out: Floats) -> None:
        """Write the current half of observations to ``out`` [N, 18]; see Meta-World."""
        points, place = np.add(self._read, self._offsets, out=self._points), self._place
        apart = points[:, place["right claw"]] - points[:, place["left claw"]]
        out[:, :3] = points[:, place["hand"]]
        out[:, 3] = np.minimum(np.sqrt(np.einsum("ni,ni->n", apart, apart)) / _WIDE_OPEN, 1.0)
        out[:, 4:7] = points[:, place["object 1"]]
        if "object 2" in place:
            out[:, 11:14] = points[:, place["object 2"]]
        for columns, turn in self._turns:
            out[:, columns] = turn.quaternions()

    def frame(self, observations: Floats, actions: Actions) -> Frame:
        """Return the step for rewards: floats for one slot, arrays for more.

        Args:
            observations: [N, 39], clipped.
            actions: [N, 4]
        """
        if self._slots == 1:
            m: Any = arithmetic.Floats
            points = self._points[0].tolist()
            values, commands = observations[0].tolist(), actions[0].tolist()
            targets, joints = self._targets[:, 0].tolist(), self._joints[0].tolist()
        else:
            m = arithmetic.Arrays
            points = np.ascontiguousarray(self._points.transpose(1, 2, 0))
            values, commands = np.ascontiguousarray(observations[:, :18].T), actions.T.astype(np.float64)
            targets, joints = self._targets, self._joints.T
        at = {name: Point(*points[place]) for name, place in self._place.items()}
        right, left = at["right tip"], at["left tip"]
        return Frame(
            m=m,
            action=tuple(commands),
            hand=Point(*values[:3]),
            opening=values[3],
            object1=at["object 1"],
            object2=at.get("object 2"),
            target=Point(*targets),
            tcp=Point((right.x + left.x) / 2, (right.y + left.y) / 2, (right.z + left.z) / 2),
            left_pad=at["left pad"],
            right_pad=at["right pad"],
            points=at,
            constants=self._given,
            joints=dict(zip(self._law.reading.joints, joints, strict=True)),
            quaternion1=tuple(values[7:11]),
        )


class _Turn:
    """The quaternions of one object."""

    def __init__(self, rotation: Rotation, model: mujoco.MjModel, data: mujoco.MjData, slots: int) -> None:
        arrays = {
            ("body", "quaternion"): data.xquat,
            ("body", "matrix"): data.xmat,
            ("geom", "matrix"): data.geom_xmat,
        }
        self._row = arrays[rotation.kind, rotation.source][getattr(model, rotation.kind)(rotation.name).id]
        self._read = np.zeros((slots, len(self._row)))
        self._is_matrix = rotation.source == "matrix"

    def read(self, slot: int) -> None:
        self._read[slot] = self._row

    def quaternions(self) -> Floats:
        """Return [N, 4], scalar last where Meta-World converts a matrix, else first."""
        if not self._is_matrix:
            return self._read
        quaternions: Floats = ScipyRotation.from_matrix(self._read.reshape(-1, 3, 3)).as_quat()
        return quaternions


def _probes(law: Law) -> dict[str, Probe]:
    reading = law.reading
    second = {} if reading.object2 is None else {"object 2": reading.object2}
    return {**_COMMON, "object 1": reading.object1, **second, **reading.points}
