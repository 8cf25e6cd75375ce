"""What is read from the simulation after each step, for tasks whose reward is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation as ScipyRotation

from legion_bench.envs.metaworld import Start
from legion_bench.envs.rewards import arithmetic
from legion_bench.envs.rewards.arithmetic import Arithmetic, Point
from legion_bench.envs.rewards.frame import Frame, Law, Probe
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
# Where MuJoCo keeps what a Rotation names, and how many numbers it takes.
_ROTATIONS = {
    ("body", "quaternion"): ("xquat", 4),
    ("body", "matrix"): ("xmat", 9),
    ("geom", "matrix"): ("geom_xmat", 9),
}


class Readings:
    """Positions, quaternions and per-episode constants of N slots."""

    def __init__(
        self, model: mujoco.MjModel, law: Law, actions: Actions, observations: Floats, turned: bool
    ) -> None:
        """Look up every place by name.

        Args:
            model: the compiled scene.
            law: says what is read.
            actions: [N, 4] that rewards are to see.
            observations: [39, N] likewise, clipped.
            turned: whether quaternions are read as well.
        """
        reading, slots = law.reading, len(actions)
        probes = dict(sorted(_probes(law).items(), key=lambda item: item[1].kind))
        self._place = {name: place for place, name in enumerate(probes)}
        self._offsets = np.array([probe.offset for probe in probes.values()])[:, :, None]
        self._read = np.zeros((slots, len(probes), 3))
        self._sources: list[tuple[str, NDArray[np.intp], Floats]] = []
        """Array of MuJoCo's, which of its rows, and where to [N, rows, …]."""
        for kind, array in (("body", "xpos"), ("geom", "geom_xpos"), ("site", "site_xpos")):
            places = [self._place[name] for name, probe in probes.items() if probe.kind == kind]
            if places:
                ids = [getattr(model, kind)(probe.name).id for probe in probes.values() if probe.kind == kind]
                self._sources.append((array, np.array(ids), self._read[:, places[0] : places[-1] + 1]))
        self._turns: list[tuple[slice, Floats]] = []
        for columns, rotation in ((slice(7, 11), reading.rotation1), (slice(14, 18), reading.rotation2)):
            if turned and rotation is not None:
                array, width = _ROTATIONS[rotation.kind, rotation.source]
                self._turns.append((columns, np.zeros((slots, 1, width))))
                number = getattr(model, rotation.kind)(rotation.name).id
                self._sources.append((array, np.array([number]), self._turns[-1][1]))
        joints = [model.joint(name).qposadr[0] for name in reading.joints.values()]
        self._joints = np.zeros((slots, len(joints)))
        if joints:
            self._sources.append(("qpos", np.array(joints), self._joints))
        self._law, self._actions, self._observations = law, actions, observations
        self._points = np.zeros((len(probes) + 1, 3, slots))
        """Offsets added; the last is the mid-point of the finger tips."""
        self._commands = np.zeros((4, slots))
        self._targets = np.zeros((3, slots))
        self._constants: dict[str, Floats] = {}
        self._given: dict[str, Any] = {}  # the same as rewards see them
        # Windows, so that the frame of many slots is made once.
        self._frame = self._window(
            arithmetic.Arrays(),
            self._points,
            self._commands,
            self._observations,
            self._targets,
            self._joints.T,
        )

    def begin(self, slot: int, start: Start) -> None:
        """Take over the constants of an episode that starts."""
        self._targets[:, slot] = start.attributes["_target_pos"]
        for name in self._law.reading.constants:
            value = np.asarray(start.attributes[name], dtype=np.float64)
            kept = self._constants.setdefault(name, np.zeros((*value.shape, len(self._actions))))
            kept[..., slot] = value
            seen = kept[..., 0].tolist() if len(self._actions) == 1 else kept
            self._given[name] = Point(*seen) if value.ndim else seen

    def reader(self, data: mujoco.MjData) -> Callable[[int], None]:
        """Return what copies a slot's positions out of the simulation ``data``."""
        takes = [(getattr(data, array), ids, list(read)) for array, ids, read in self._sources]

        def read(slot: int) -> None:
            for array, ids, rows in takes:
                array.take(ids, 0, rows[slot], "clip")

        return read

    def state_dict(self) -> dict[str, Any]:
        """Return what was read last."""
        return {"read": [read.copy() for _, _, read in self._sources]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what :meth:`state_dict` returned."""
        for (_, _, read), kept in zip(self._sources, state["read"], strict=True):
            read[:] = kept

    def observe(self, out: Floats) -> None:
        """Write this step's part of observations to ``out`` [18, N]; see Meta-World."""
        points, place = self._points, self._place
        np.add(self._read.transpose(1, 2, 0), self._offsets, out=points[:-1])
        apart = self._read[:, place["right claw"]] - self._read[:, place["left claw"]]
        out[:3] = points[place["hand"]]
        out[3] = np.minimum(np.sqrt(np.einsum("ni,ni->n", apart, apart)) / _WIDE_OPEN, 1.0)
        out[4:7] = points[place["object 1"]]
        if "object 2" in place:
            out[11:14] = points[place["object 2"]]
        for columns, read in self._turns:
            out[columns] = _quaternions(read[:, 0]).T

    def frame(self) -> Frame:
        """Return the step for rewards: floats for one slot, arrays for more."""
        points, place = self._points, self._place
        np.add(points[place["right tip"]], points[place["left tip"]], out=points[-1])
        points[-1] /= 2
        if len(self._actions) > 1:
            self._commands[:] = self._actions.T
            return self._frame
        only = (points, self._actions.T, self._observations, self._targets, self._joints.T)
        return self._window(arithmetic.Floats(), *(array[..., 0].tolist() for array in only))

    def _window(
        self, m: Arithmetic, points: Any, commands: Any, observations: Any, targets: Any, joints: Any
    ) -> Frame:
        """Return a frame of these [points + 1, 3], [4], [39], [3], [joints]: numbers or arrays [N]."""
        at = {name: Point(*points[place]) for name, place in self._place.items()}
        return Frame(
            m=m,
            action=tuple(commands),
            hand=Point(*observations[:3]),
            opening=observations[3],
            object1=at["object 1"],
            object2=at.get("object 2"),
            target=Point(*targets),
            tcp=Point(*points[-1]),
            left_pad=at["left pad"],
            right_pad=at["right pad"],
            points=at,
            constants=self._given,
            joints=dict(zip(self._law.reading.joints, joints, strict=True)),
            quaternion1=tuple(observations[7:11]),
        )


def _quaternions(read: Floats) -> Floats:
    """Return [N, 4], scalar last where Meta-World converts a matrix, else first."""
    if read.shape[1] == 4:
        return read
    quaternions: Floats = ScipyRotation.from_matrix(read.reshape(-1, 3, 3)).as_quat()
    return quaternions


def _probes(law: Law) -> dict[str, Probe]:
    reading = law.reading
    second = {} if reading.object2 is None else {"object 2": reading.object2}
    return {**_COMMON, "object 1": reading.object1, **second, **reading.points}
