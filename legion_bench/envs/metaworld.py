"""Meta-World's tasks on our robots: the only module that imports its simulator.

A :class:`Scene` is a Meta-World v3 task whose model was compiled with one of our arms
(:mod:`legion_bench.envs.scenes`). The task class itself runs unchanged, so starts,
rewards, success and observations are Meta-World's own.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from gymnasium.envs.mujoco import MujocoEnv
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import RenderMode, SawyerXYZEnv
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from legion_bench import catalogue
from legion_bench.envs.rendering import choose_backend
from legion_bench.envs.scenes import add_camera, flatten, swap_arm
from legion_bench.errors import CardError, unknown
from legion_bench.types import Actions, Floats

STOCK = "sawyer"
"""The robot that Meta-World's scenes come with."""
RENDER_FPS = 80
HAND_LOW = SawyerXYZEnv._HAND_SPACE.low
HAND_HIGH = SawyerXYZEnv._HAND_SPACE.high
# Starts that a scene remembers, about 5 kB each.
_STARTS = 4096


@dataclass(frozen=True, slots=True)
class Start:
    """The first moment of an episode, complete: from here on, all is decided by actions."""

    seed: int
    """That the placement was drawn from."""
    placement: Floats
    """What Meta-World drew: positions of object and goal, metres."""
    carried: Floats
    """All that MuJoCo carries from one step to the next; see :attr:`Scene.carried`."""
    body_pos: Floats
    """[bodies, 3] of the model, which tasks edit to place what has no joint."""
    site_pos: Floats
    """[sites, 3] likewise."""
    attributes: Mapping[str, Any]
    """Numbers and arrays of Meta-World's task object."""
    observation: Floats
    """[39]"""


class Scene:
    """One Meta-World task on one robot, goal visible, without a horizon of its own."""

    def __init__(self, name: str, robot: str, render_mode: RenderMode | None = None, size: int = 480) -> None:
        """Compile the scene.

        Args:
            name: Meta-World's name, e.g. ``"drawer-close-v3"``.
            robot: stem of a file in ``envs/robots/``.
            render_mode: None, ``"human"``, ``"rgb_array"`` or ``"depth_array"``.
            size: height and width of rendered frames in pixels.

        Raises:
            CardError: Meta-World has no task of that name.
            RenderError: rendering was asked for and no OpenGL is there.
        """
        if render_mode is not None:
            choose_backend(render_mode)
        # Instability is told through infos; left alone, MuJoCo writes a file where the user
        # happens to be. Whoever has set a hook of their own keeps it.
        if mujoco.get_mju_user_warning() is None:
            mujoco.set_mju_user_warning(lambda message: None)
        self.task: Any = _task_class(name, robot)(
            render_mode=render_mode, camera_name="side", width=size, height=size
        )
        self.task._partially_observable = False
        del self.task.sawyer_observation_space  # cached with the goal hidden
        self.task._set_task_called = True
        self.model: mujoco.MjModel = self.task.model
        self.data: mujoco.MjData = self.task.data
        self.carried = carried_by(self.data)
        """Window on all that MuJoCo carries from one step to the next, but for its clock."""
        self.hand_target = self._part(self.data.mocap_pos)
        """Where in :attr:`carried` the place is that the hand is pulled to, x y z."""
        self.efforts = self._part(self.data.ctrl)
        """Where in :attr:`carried` the efforts of the two fingers are."""
        space = self.task.sawyer_observation_space
        self.low: Floats = space.low.astype(np.float64)
        self.high: Floats = space.high.astype(np.float64)
        """[39] bounds that Meta-World clips observations to, but not at a reset."""
        self.target_low: Floats = self.task.mocap_low
        self.target_high: Floats = self.task.mocap_high
        """[3] bounds of the hand's target."""
        self.action_scale: float = self.task.action_scale
        """Metres that a full action moves the hand's target."""
        self.start = lru_cache(maxsize=_STARTS)(self._start)

    def _start(self, seed: int) -> Start:
        """Return the start of an episode whose placement is drawn from ``seed``.

        Equal to Meta-World's own reset at that placement, and remembered: a start takes
        some 500 physics steps to compute and microseconds to restore.
        """
        task = self.task
        task._freeze_rand_vec, task.seeded_rand_vec = False, True
        task.np_random = np.random.default_rng(seed)
        # Some tasks set what version 1 asks for only if they are in it, and nothing else by it.
        task.reward_function_version = "v1"
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)
        # Tasks reject some draws inside reset_model, so that is what has to draw. It is
        # also the first of the two passes that Meta-World's reset makes, of which only
        # the model's edits are left in the end: the hand need not move to its start.
        task._reset_hand = partial(type(task)._reset_hand, task, 0)
        task.reset_model()
        del task._reset_hand
        task._freeze_rand_vec = True
        observation, _ = MujocoEnv.reset(task)
        task.reward_function_version = "v2"
        observation = np.asarray(observation, dtype=np.float64)
        observation[18:36] = observation[:18]
        return Start(
            seed=seed,
            placement=np.array(task._last_rand_vec, dtype=np.float64),
            carried=self.carried.copy(),
            body_pos=self.model.body_pos.copy(),
            site_pos=self.model.site_pos.copy(),
            attributes=self._attributes(),
            observation=observation,
        )

    def _attributes(self) -> dict[str, Any]:
        """Return copies of the numbers and arrays that Meta-World's task object holds.

        Arrays that are windows into the simulation, such as ``init_left_pad``, stay
        with it and are left out.
        """
        kept: dict[str, Any] = {}
        for name, value in vars(self.task).items():
            if isinstance(value, np.ndarray):
                if not self._is_window(value):
                    kept[name] = value.copy()
            elif value is None or isinstance(value, (bool, int, float, np.generic)):
                kept[name] = value
        return kept

    def _is_window(self, value: NDArray[Any]) -> bool:
        data = self.data
        arrays = (data.xpos, data.geom_xpos, data.site_xpos, data.xquat, data.qpos, data.mocap_pos)
        return value.base is not None and any(np.may_share_memory(value, array) for array in arrays)

    def _part(self, part: NDArray[Any]) -> slice:
        """Return where in :attr:`carried` a part is."""
        before = (part.ctypes.data - self.carried.ctypes.data) // self.carried.itemsize
        return slice(before, before + part.size)

    def recall(self, attributes: Mapping[str, Any]) -> None:
        """Give Meta-World's task object the attributes of an episode."""
        vars(self.task).update(attributes)

    def remember(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes of those names as they are now."""
        held = vars(self.task)
        return {name: held[name] for name in attributes}

    def judge(self, observation: Floats, action: Actions, version: str) -> tuple[float, bool]:
        """Ask Meta-World's own code about the step that is in the simulation.

        Args:
            observation: [39], clipped.
            action: [4]
            version: of the reward, ``"v2"`` or ``"v1"``.

        Returns:
            The reward, and version 2's success: whether a task is solved does not
            depend on how it is rewarded.
        """
        task = self.task
        reward, info = task.evaluate_state(observation, action)
        if version != "v2":
            task.reward_function_version = version
            reward, _ = task.evaluate_state(observation, action)
            task.reward_function_version = "v2"
        return float(reward), bool(info["success"])

    def look(self) -> Floats:
        """Return the observation's current half [18] of what is in the simulation."""
        current: Floats = self.task._get_curr_obs_combined_no_goal()
        return current

    def render(self) -> NDArray[Any] | None:
        """Return a frame [size, size, 3] or depths [size, size]; None in a window."""
        task = self.task
        # Bring positions up to date without touching what the solver carries over.
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        if task.render_mode != "human":
            # Gymnasium makes a viewer's OpenGL context current only when it creates it.
            task.mujoco_renderer._get_viewer(task.render_mode).make_context_current()
        frame: NDArray[Any] | None = task.render()
        return frame

    def close(self) -> None:
        """Free the renderer."""
        self.task.close()


def carried_by(data: mujoco.MjData) -> Floats:
    """Return MuJoCo's integration state as one window, about 2 kB.

    MuJoCo keeps its parts next to one another. One copy takes a third of the time that a
    copy of each part takes, or ``mj_getState``: 3 % of a step.
    """
    parts = [data.qpos, data.qvel, data.qacc_warmstart, data.ctrl, data.qfrc_applied, data.xfrc_applied]
    parts += [data.eq_active, data.mocap_pos, data.mocap_quat]
    addresses = [part.ctypes.data for part in parts]
    assert addresses == sorted(addresses), "another version of MuJoCo, which keeps them elsewhere"
    size = addresses[-1] + parts[-1].nbytes - addresses[0]
    return as_strided(data.qpos, (size // data.qpos.itemsize,))


@cache
def _task_class(name: str, robot: str) -> type[SawyerXYZEnv]:
    """Return Meta-World's task class, changed in nothing but the model it loads."""
    if name not in ALL_V3_ENVIRONMENTS:
        raise CardError(unknown("Meta-World task", name, ALL_V3_ENVIRONMENTS))
    base: type[SawyerXYZEnv] = ALL_V3_ENVIRONMENTS[name]

    def _initialize_simulation(self: SawyerXYZEnv) -> tuple[mujoco.MjModel, mujoco.MjData]:
        model = copy(_compiled(Path(self.fullpath), robot))
        offscreen = model.vis.global_
        offscreen.offwidth = max(offscreen.offwidth, self.width)
        offscreen.offheight = max(offscreen.offheight, self.height)
        return model, mujoco.MjData(model)

    return type(base.__name__, (base,), {"_initialize_simulation": _initialize_simulation})


@lru_cache(maxsize=1)  # an engine has several scenes of one task, and compiling takes 90 ms
def _compiled(path: Path, robot: str) -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(scene_xml(path, robot))


@cache
def scene_xml(path: Path, robot: str) -> str:
    """Return the MJCF of Meta-World's scene ``path`` with ``robot`` in it."""
    arm = ET.parse(catalogue.root() / "envs" / "robots" / f"{robot}.xml").getroot()
    scene = flatten(path)
    scene = add_camera(scene, arm) if robot == STOCK else swap_arm(scene, arm, f"{robot}_flange")
    return ET.tostring(scene, encoding="unicode")
