"""Meta-World's tasks on our robots: the only module that imports its simulator.

A :class:`Scene` is a Meta-World v3 task whose model was compiled with another arm
(:mod:`legion_bench.envs.scenes`). The task class itself runs unchanged, so rewards,
success and observations are Meta-World's own.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from metaworld.sawyer_xyz_env import RenderMode, SawyerXYZEnv
from numpy.typing import NDArray

from legion_bench import catalogue
from legion_bench.envs.rendering import choose_backend
from legion_bench.envs.scenes import flatten, swap_arm
from legion_bench.errors import CardError, unknown
from legion_bench.types import Floats

RENDER_FPS = 80
HAND_LOW = SawyerXYZEnv._HAND_SPACE.low
HAND_HIGH = SawyerXYZEnv._HAND_SPACE.high


class Scene:
    """One Meta-World task on one robot, goal visible, without a horizon of its own."""

    def __init__(self, name: str, robot: str, render_mode: RenderMode | None = None, size: int = 480) -> None:
        """Compile the scene.

        Args:
            name: Meta-World's name, e.g. ``"drawer-close-v3"``.
            robot: stem of a file in ``envs/robots/``.
            render_mode: None or ``"rgb_array"``.
            size: height and width of rendered frames in pixels.

        Raises:
            CardError: Meta-World has no task of that name.
            RenderError: rendering was asked for and no OpenGL is there.
        """
        if render_mode is not None:
            choose_backend()
        self._task = _task_class(name, robot)(
            render_mode=render_mode, camera_name="front", width=size, height=size
        )
        self._task._partially_observable = False
        del self._task.sawyer_observation_space  # cached with the goal hidden
        self._task._set_task_called = True
        self._task.max_path_length = np.iinfo(np.int64).max

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw a placement of object and goal from the task's own distribution."""
        task = self._task
        task._freeze_rand_vec, task.seeded_rand_vec, task.np_random = False, True, rng
        mujoco.mj_resetData(task.model, task.data)
        # Tasks reject some draws inside reset_model, so that is what has to draw.
        task.reset_model()
        assert task._last_rand_vec is not None
        return np.array(task._last_rand_vec, dtype=np.float64)

    def reset(self, placement: Floats) -> Floats:
        """Start an episode at ``placement``; return Meta-World's observation [39]."""
        self._task._freeze_rand_vec, self._task._last_rand_vec = True, placement
        observation, _ = self._task.reset()
        return np.asarray(observation)

    def step(self, action: NDArray[np.float32]) -> tuple[Floats, float, dict[str, Any]]:
        """Apply an action [4]; return observation [39], reward in [0, 10] and info."""
        observation, reward, _, _, info = self._task.step(action)
        return observation, float(reward), info

    def render(self) -> NDArray[np.uint8]:
        """Return a frame [size, size, 3]."""
        # Gymnasium makes a viewer's OpenGL context current only when it creates it.
        self._task.mujoco_renderer._get_viewer("rgb_array").make_context_current()
        frame: NDArray[np.uint8] = self._task.render()  # type: ignore[no-untyped-call]
        return frame

    def close(self) -> None:
        """Free the renderer."""
        self._task.close()  # type: ignore[no-untyped-call]


@cache
def _task_class(name: str, robot: str) -> type[SawyerXYZEnv]:
    """Return Meta-World's task class, changed in nothing but the model it loads."""
    if name not in ALL_V3_ENVIRONMENTS:
        raise CardError(unknown("Meta-World task", name, ALL_V3_ENVIRONMENTS))
    base: type[SawyerXYZEnv] = ALL_V3_ENVIRONMENTS[name]

    def _initialize_simulation(self: SawyerXYZEnv) -> tuple[mujoco.MjModel, mujoco.MjData]:
        model = mujoco.MjModel.from_xml_string(scene_xml(Path(self.fullpath), robot))
        offscreen = model.vis.global_
        offscreen.offwidth = max(offscreen.offwidth, self.width)
        offscreen.offheight = max(offscreen.offheight, self.height)
        return model, mujoco.MjData(model)

    return type(base.__name__, (base,), {"_initialize_simulation": _initialize_simulation})


@cache
def scene_xml(path: Path, robot: str) -> str:
    """Return the MJCF of Meta-World's scene ``path`` with ``robot`` in it."""
    arm = ET.parse(catalogue.root() / "envs" / "robots" / f"{robot}.xml").getroot()
    return ET.tostring(swap_arm(flatten(path), arm, f"{robot}_flange"), encoding="unicode")
