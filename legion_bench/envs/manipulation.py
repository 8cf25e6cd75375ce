"""The single-task environment behind ``LegionBench/KukaReach-v0`` and its kin."""

from __future__ import annotations

from typing import Any, Unpack

import gymnasium
import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import load_task
from legion_bench.envs.engine import Engine
from legion_bench.envs.metaworld import RENDER_FPS
from legion_bench.envs.options import RENDER_MODES, Asked, options_for
from legion_bench.envs.placements import Placements
from legion_bench.envs.spaces import action_space, check_actions, observation_space
from legion_bench.scaling import RunningScale
from legion_bench.seeding import MAX_SEED
from legion_bench.types import Floats

_ONLY = np.ones(1, np.bool_)


class ManipulationEnv(gymnasium.Env[Any, Any]):
    """One Meta-World manipulation task on a KUKA LBR iiwa 7 R800 or a Sawyer.

    ## Description

    A seven-joint arm with a two-finger gripper stands at a table and must bring one
    object, or its own hand, to a goal. Scene, reward and success test are those of
    Meta-World v3 (Yu et al. 2020, McLean et al. 2025), to the last digit; the KUKA is
    ours. The hand is moved by displacing a target that it is welded to, 80 times a
    second of simulated time.

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

    `observation="legion-12"`: `Box((12,), float64)`, as in LEGION (Meng et al. 2025).

    | Num | Observation | Min | Max | Unit |
    |-----|-------------|-----|-----|------|
    | 0-2 | hand x, y, z | -0.525, 0.348, -0.0525 | 0.525, 1.025, 0.7 | m |
    | 3-5 | first object x, y, z | -Inf | Inf | m |
    | 6-8 | second object x, y, z; zeros if there is none | -Inf | Inf | m |
    | 9-11 | goal x, y, z | -Inf | Inf | m |

    `observation="metaworld-39"`: `Box((39,), float64)`, as in Meta-World.

    | Num | Observation | Min | Max | Unit |
    |-----|-------------|-----|-----|------|
    | 0-2 | hand x, y, z | -0.525, 0.348, -0.0525 | 0.525, 1.025, 0.7 | m |
    | 3 | gripper opening | 0 | 1 | 10 cm |
    | 4-6 | first object x, y, z | -Inf | Inf | m |
    | 7-10 | first object's quaternion | -Inf | Inf | - |
    | 11-13 | second object x, y, z; zeros if there is none | -Inf | Inf | m |
    | 14-17 | second object's quaternion; zeros if there is none | -Inf | Inf | - |
    | 18-35 | 0-17 of the step before | | | |
    | 36-38 | goal x, y, z | -Inf | Inf | m |

    Positions are in the world frame. Quaternions are as Meta-World gives them, scalar
    first or last depending on the task.

    ## Rewards

    `reward="v2"`: Meta-World's shaped reward, in [0, 10] per step. `"v1"`: its older
    form, unbounded. `"legion"`: v1 divided by its running standard deviation
    (exponential, rate 0.001), as LEGION is trained. Success does not depend on it.

    ## Starting State

    The hand hovers over the table with the gripper open. Objects and goal stand at
    a placement drawn from the task's distribution by the environment's seed:
    `placement="fixed"` is one placement until the next `reset(seed=...)`,
    `"pool:50"` one of fifty at each reset, `"every-episode"` a new one at each reset.
    `split="evaluation"` draws from placements that `"training"` never sees, but for
    `"fixed"`, where one is judged on the placement that one trains on.

    ## Episode End

    Truncated after `horizon` steps. Terminated by success only if
    `terminate_on_success`. Success is `info["success"]`; an episode counts as solved if
    it was 1 at any step. If the simulation becomes unstable, the episode is truncated
    with `info["physics_error"]` true, the last sound observation and reward 0.

    ## Arguments

    | Argument | Default | Values |
    |----------|---------|--------|
    | `robot` | by id | `"kuka"`, `"sawyer"` |
    | `observation` | `"legion-12"` | `"legion-12"`, `"metaworld-39"` |
    | `reward` | `"v2"` | `"v2"`, `"v1"`, `"legion"` |
    | `horizon` | the card's, 150 | steps from 1 |
    | `placement` | the card's, `"fixed"` | `"fixed"`, `"pool:N"`, `"every-episode"` |
    | `split` | `"training"` | `"training"`, `"evaluation"` |
    | `terminate_on_success` | `False` | |
    | `render_mode` | `None` | `"human"`, `"rgb_array"`, `"depth_array"` |
    | `render_size` | 480 | pixels |

    ## Version History

    * v0: first release; Meta-World 3.1.1, MuJoCo 3.3.0.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS}  # noqa: RUF012

    def __init__(self, task: str, **asked: Unpack[Asked]) -> None:
        """Build the environment.

        Args:
            task: name of a task card.
            **asked: see *Arguments*.

        Raises:
            CardError: an unknown task, option, or name given for one.
            ValueError: a horizon or frame size below 1.
        """
        self.card = load_task(task)
        self.options = options_for(self.card, asked)
        self.render_mode = self.options.render_mode
        self.observation_space = observation_space(self.options.observation)
        self.action_space = action_space()
        self.physics_errors = 0
        """Episodes that ended because the simulation became unstable."""
        self._engine = Engine(self.card.scene, self.options, 1)
        self._placements = Placements(self.options)
        self._scale = RunningScale(1) if self.options.reward == "legion" else None
        self._steps: int | None = None
        self._closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start an episode; see *Starting State* for what the seed decides."""
        self._check_open()
        super().reset(seed=seed)
        if seed is None and not self._placements.seeded:
            seed = int(self.np_random.integers(MAX_SEED))
        if seed is not None:
            self._placements.restart(seed)
            if self._scale is not None:
                self._scale.restart(0)
        self._steps = 0
        observation = self._engine.reset(0, self._placements.next())
        if self.render_mode == "human":
            self.render()
        return observation, self._info(success=False, failure=False)

    def step(self, action: ArrayLike) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Advance by 12.5 ms of simulated time.

        Args:
            action: four finite numbers in [-1, 1].

        Raises:
            ValueError: an action of another shape, with NaN, or out of range.
            gymnasium.error.ResetNeeded: before the first reset or past the episode's end.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        self._check_open()
        checked = check_actions(action, (4,))
        if self._steps is None:
            raise ResetNeeded("the episode is over or has not begun: call reset() before step()")
        outcome = self._engine.step(checked[None], (0,))
        self._steps += 1
        success, failure = bool(outcome.successes[0]), bool(outcome.failures[0])
        rewards = outcome.rewards
        if self._scale is not None:
            rewards = self._scale.scale(rewards, _ONLY)
        terminated = success and self.options.terminate_on_success
        truncated = failure or self._steps == self.options.horizon
        if terminated or truncated:
            self._steps = None
        self.physics_errors += failure
        if self.render_mode == "human":
            self.render()
        observation = outcome.observations[0].copy()
        return observation, float(rewards[0]), terminated, truncated, self._info(success, failure)

    def render(self) -> NDArray[Any] | None:
        """Return a frame, depths, or None, as the render mode says.

        Returns:
            [render_size, render_size, 3] of uint8 for ``"rgb_array"``, [render_size,
            render_size] of float32 for ``"depth_array"``, else None.

        Raises:
            gymnasium.error.ResetNeeded: before the first reset.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        self._check_open()
        if not self._placements.seeded:
            raise ResetNeeded("there is nothing to see yet: call reset() before render()")
        return None if self.render_mode is None else self._engine.render(0)

    def close(self) -> None:
        """Free the renderer; the environment cannot be used afterwards."""
        if not self._closed:
            self._engine.close()
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedEnvironmentError("the environment is closed: make another")

    def _info(self, success: bool, failure: bool) -> dict[str, Any]:
        return {
            "task": self.card.name,
            "instruction": self.card.instruction,
            "success": float(success),
            "physics_error": failure,
        }
