"""The single-task environment behind every ``LegionBench/Kuka<Task>-v0``."""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import PLACEMENTS, ROBOTS, Placement, Robot, load_task
from legion_bench.envs.metaworld import HAND_HIGH, HAND_LOW, RENDER_FPS, Scene
from legion_bench.errors import CardError, unknown
from legion_bench.types import LEGION_12, Actions, Floats

RenderMode = Literal["rgb_array"]
RENDER_MODES: tuple[str, ...] = get_args(RenderMode)


class ManipulationEnv(gymnasium.Env[Any, Any]):
    """One Meta-World manipulation task on the KUKA LBR iiwa 7 R800.

    ## Description

    A seven-joint arm with a two-finger gripper stands at a table and must bring one
    object, or its own hand, to a goal. Scene, reward and success test are those of
    Meta-World v3 (Yu et al. 2020, McLean et al. 2025); the arm is ours. The hand is
    moved by displacing a target that it is welded to, 80 times a second of
    simulated time.

    ## Action Space

    `Box(-1, 1, (4,), float32)`. Each step moves the hand's target by at most 1 cm
    per axis.

    | Num | Action | Min | Max | Unit |
    |-----|--------|-----|-----|------|
    | 0 | target displacement along x (right) | -1 | 1 | cm |
    | 1 | target displacement along y (away from the robot) | -1 | 1 | cm |
    | 2 | target displacement along z (up) | -1 | 1 | cm |
    | 3 | gripper effort, 1 closes | -1 | 1 | - |

    ## Observation Space

    `Box((12,), float64)`, as in LEGION (Meng et al. 2025); metres, world frame.

    | Num | Observation | Min | Max |
    |-----|-------------|-----|-----|
    | 0-2 | hand x, y, z | -0.525, 0.348, -0.0525 | 0.525, 1.025, 0.7 |
    | 3-5 | first object x, y, z | -Inf | Inf |
    | 6-8 | second object x, y, z; zeros if there is none | -Inf | Inf |
    | 9-11 | goal x, y, z | -Inf | Inf |

    ## Rewards

    Meta-World's shaped reward (its version 2), in [0, 10] per step.

    ## Starting State

    The hand hovers over the table with the gripper open. Objects and goal stand at
    a placement drawn from the task's distribution by the environment's seed:
    `"fixed"` keeps the draw until the next `reset(seed=...)`, `"every-episode"`
    draws anew at each reset.

    ## Episode End

    Truncated after `horizon` steps; never terminated, success included. Success is
    `info["success"]`; an episode counts as solved if it was 1 at any step.

    ## Arguments

    `task` (card name), `robot`, `horizon`, `placement`, `render_mode`
    (None or `"rgb_array"`) and `render_size` (pixels).

    ## Version History

    * v0: first release; Meta-World 3.1.1, MuJoCo 3.3.0.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}  # noqa: RUF012

    def __init__(
        self,
        task: str,
        robot: Robot = "kuka",
        horizon: int = 150,
        placement: Placement = "fixed",
        render_mode: RenderMode | None = None,
        render_size: int = 480,
    ) -> None:
        """Build the environment.

        Raises:
            CardError: an unknown task, robot or placement rule.
            ValueError: a horizon below 1, or an unknown render mode.
        """
        if robot not in ROBOTS:
            raise CardError(unknown("robot", robot, ROBOTS))
        if placement not in PLACEMENTS:
            raise CardError(unknown("placement", placement, PLACEMENTS))
        if not isinstance(horizon, int) or horizon < 1:
            raise ValueError(f"horizon must be a whole number of steps from 1, got {horizon!r}")
        check_render_mode(render_mode)
        self.card = load_task(task)
        self.horizon = horizon
        self.placement = placement
        self.render_mode = render_mode
        self.observation_space = observation_space()
        self.action_space = action_space()
        self._scene = Scene(self.card.scene, robot, render_mode, render_size)
        self._drawn: Floats | None = None
        self._steps: int | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start an episode; see *Starting State* for what the seed decides."""
        super().reset(seed=seed)
        if self._drawn is None or seed is not None or self.placement == "every-episode":
            self._drawn = self._scene.draw(self.np_random)
        self._steps = 0
        observation = self._scene.reset(self._drawn)
        return observation[LEGION_12], self._info()

    def step(self, action: ArrayLike) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Advance by 12.5 ms of simulated time.

        Args:
            action: four finite numbers in [-1, 1].

        Raises:
            ValueError: an action of another shape, with NaN, or out of range.
            gymnasium.error.ResetNeeded: before the first reset or past the horizon.
        """
        checked = check_action(action)
        if self._steps is None or self._steps >= self.horizon:
            raise ResetNeeded("the episode is over or has not begun: call reset() before step()")
        observation, reward, info = self._scene.step(checked)
        self._steps += 1
        truncated = self._steps == self.horizon
        return observation[LEGION_12], reward, False, truncated, self._info() | info

    def render(self) -> NDArray[np.uint8] | None:
        """Return a frame [render_size, render_size, 3], or None without a render mode."""
        return None if self.render_mode is None else self._scene.render()

    def close(self) -> None:
        """Free the renderer."""
        self._scene.close()

    def _info(self) -> dict[str, Any]:
        return {"task": self.card.name, "instruction": self.card.instruction, "success": 0.0}


def observation_space() -> spaces.Box:
    """Return the observation space that all tasks share."""
    low, high = np.full(12, -np.inf), np.full(12, np.inf)
    low[:3], high[:3] = HAND_LOW, HAND_HIGH
    return spaces.Box(low, high, dtype=np.float64)


def action_space() -> spaces.Box:
    """Return the action space that all tasks share."""
    return spaces.Box(-1.0, 1.0, (4,), np.float32)


def check_render_mode(render_mode: str | None) -> None:
    """Raise ValueError unless ``render_mode`` is None or one that is supported."""
    if render_mode not in (None, *RENDER_MODES):
        raise ValueError(f"render_mode must be None or one of {RENDER_MODES}, got {render_mode!r}")


def check_action(action: ArrayLike) -> Actions:
    """Return ``action`` as float32 [4].

    Raises:
        ValueError: wrong shape, NaN, or out of [-1, 1]; the message says which.
    """
    try:
        checked = np.asarray(action, dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"action must be four numbers, shape (4,), in [-1, 1], got {action!r}") from None
    if checked.shape != (4,):
        raise ValueError(f"action must have shape (4,) with values in [-1, 1], got shape {checked.shape}")
    if not np.all(np.abs(checked) <= 1.0):  # also False for NaN
        raise ValueError(f"action of shape (4,) must be finite and in [-1, 1], got {checked.tolist()}")
    return checked
