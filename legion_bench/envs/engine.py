"""N slots of one task, stepped together: physics slot by slot, the rest over all at once.

A slot is a row of numbers: MuJoCo's integration state, and what Meta-World's task
object remembers of the episode. Slots take turns in one simulation, which is exact,
keeps the working set in the processor's caches, and spares the memory of a model per
slot. After its five physics steps a slot is brought up to date with ``mj_forward``,
as Meta-World does: anything cheaper changes what the solver starts from, and
trajectories drift apart in contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from legion_bench.envs.metaworld import STATE, Scene, Start
from legion_bench.envs.options import Options
from legion_bench.envs.readings import Readings
from legion_bench.envs.rewards import LAWS
from legion_bench.types import LEGION_12, Actions, Bools, Floats

_FRAME_SKIP = 5
_CURRENT, _PREVIOUS = slice(0, 18), slice(18, 36)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step led to, slot by slot."""

    observations: Floats
    """[N, 12] or [N, 39]; where physics failed, the last sound one."""
    rewards: Floats
    """[N] in version 1 or 2; where physics failed, 0."""
    successes: Bools
    """[N]"""
    failures: Bools
    """[N] True where MuJoCo gave up on a slot or a position is not finite."""


class Engine:
    """N slots of one task on one robot; single-threaded."""

    def __init__(self, scene: str, options: Options, slots: int) -> None:
        """Compile the scene.

        Args:
            scene: Meta-World's task name.
            options: robot, observation, reward and rendering are used.
            slots: N.
        """
        self._scene = Scene(scene, options.robot, options.render_mode, options.render_size)
        self._slots = slots
        self._version = "v2" if options.reward == "v2" else "v1"
        self._columns: Any = LEGION_12 if options.observation == "legion-12" else slice(None)
        self._starts: list[Start | None] = [None] * slots
        self._states = list(np.zeros((slots, mujoco.mj_stateSize(self._scene.model, STATE))))
        self._attributes: list[dict[str, Any]] = [{} for _ in range(slots)]
        self._targets = np.zeros((slots, 3))
        self._observations = np.zeros((slots, 39))  # unclipped, as Meta-World carries them over
        self._clipped = self._sound = np.zeros((slots, 39))
        self._times = np.zeros(slots)
        self._seated: int | None = None
        self._edited: Start | None = None
        self._law = LAWS.get(scene)
        self._readings: Readings | None = None
        if self._law is not None:
            turned = options.observation == "metaworld-39" or self._law.reads_quaternion
            self._readings = Readings(self._scene.model, self._scene.data, self._law, slots, turned)

    def reset(self, slot: int, seed: int) -> Floats:
        """Start an episode whose placement is drawn from ``seed``; return its observation."""
        start = self.start(seed)
        self._starts[slot] = start
        self._states[slot][:] = start.state
        self._attributes[slot] = {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in start.attributes.items()
        }
        self._targets[slot] = start.hand_target
        self._observations[slot] = start.observation
        self._sound[slot] = start.observation
        self._times[slot] = start.time
        if self._readings is not None:
            self._readings.begin(slot, start)
        observation: Floats = start.observation[self._columns].copy()
        return observation

    def start(self, seed: int) -> Start:
        """Return the start whose placement is drawn from ``seed``."""
        self._unseat()
        self._edited = None  # computing a start edits the model
        start: Start = self._scene.start(seed)
        return start

    def step(self, actions: Actions, slots: Sequence[int]) -> Outcome:
        """Advance some slots by 12.5 ms; what is said of the others means nothing.

        Args:
            actions: [N, 4] in [-1, 1].
            slots: which ones, all of them reset before.
        """
        scene = self._scene
        targets = np.clip(
            self._targets + actions[:, :3] * scene.action_scale, scene.target_low, scene.target_high
        )
        self._targets[slots] = targets[slots]
        before = self._times.copy()
        observations = self._observations
        observations[:, _PREVIOUS] = observations[:, _CURRENT]
        if self._readings is None:
            rewards, successes = self._simulate_and_ask(actions, slots)
        else:
            rewards, successes = self._simulate_and_judge(self._readings, actions, slots)
        failures = ~((self._times > before) & np.isfinite(observations[:, _CURRENT]).all(axis=1))
        if failures.any():
            rewards[failures], successes[failures] = 0.0, False
            self._clipped[failures] = self._sound[failures]
        self._sound = self._clipped
        return Outcome(self._clipped[:, self._columns], rewards, successes, failures)

    def _simulate_and_judge(
        self, readings: Readings, actions: Actions, slots: Sequence[int]
    ) -> tuple[Floats, Bools]:
        """Simulate each slot, then judge all of them at once."""
        for slot in slots:
            self._simulate(slot, actions)
            readings.read(slot)
        readings.current(self._observations[:, _CURRENT])
        self._clipped = np.clip(self._observations, self._scene.low, self._scene.high)
        assert self._law is not None
        with np.errstate(invalid="ignore", over="ignore"):
            frame = readings.frame(self._clipped, actions)
            reward, success = self._law.v2(frame)
            if self._version == "v1":
                reward = self._law.v1(frame)
        shape = (self._slots,)  # that of N = 1 too, where both are plain numbers
        return np.array(reward, np.float64).reshape(shape), np.array(success, np.bool_).reshape(shape)

    def _simulate_and_ask(self, actions: Actions, slots: Sequence[int]) -> tuple[Floats, Bools]:
        """Simulate each slot, asking Meta-World's own code to judge it right after."""
        scene, observations = self._scene, self._observations
        rewards, successes = np.zeros(self._slots), np.zeros(self._slots, np.bool_)
        self._clipped = self._sound.copy()
        for slot in slots:
            self._simulate(slot, actions)
            scene.recall(self._attributes[slot])
            observations[slot, _CURRENT] = scene.look()
            if np.isfinite(observations[slot]).all():
                self._clipped[slot] = np.clip(observations[slot], scene.low, scene.high)
                rewards[slot], successes[slot] = scene.judge(
                    self._clipped[slot], actions[slot], self._version
                )
                self._attributes[slot] = scene.remember(self._attributes[slot])
        return rewards, successes

    def _simulate(self, slot: int, actions: Actions) -> None:
        """Advance one slot and leave it in the simulation, up to date."""
        self._seat(slot)
        model, data = self._scene.model, self._scene.data
        data.mocap_pos[0] = self._targets[slot]
        effort = actions[slot, 3]
        data.ctrl[:] = effort, -effort
        mujoco.mj_step(model, data, _FRAME_SKIP)
        mujoco.mj_forward(model, data)
        self._times[slot] = data.time

    def _seat(self, slot: int) -> None:
        """Bring a slot into the simulation, putting away whoever sits there."""
        if self._seated == slot:
            return
        self._unseat()
        scene, start = self._scene, self._starts[slot]
        assert start is not None
        mujoco.mj_setState(scene.model, scene.data, self._states[slot], STATE)
        if start is not self._edited:
            scene.model.body_pos[:] = start.body_pos
            scene.model.site_pos[:] = start.site_pos
            self._edited = start
        self._seated = slot

    def _unseat(self) -> None:
        if self._seated is not None:
            mujoco.mj_getState(self._scene.model, self._scene.data, self._states[self._seated], STATE)
            self._seated = None

    def render(self, slot: int) -> NDArray[Any] | None:
        """Return a frame of one slot; see :meth:`Scene.render`."""
        self._seat(slot)
        return self._scene.render()

    def close(self) -> None:
        """Free the renderer."""
        self._scene.close()
