"""N slots of one task, stepped together: physics slot by slot, the rest over all at once.

A slot is a few numbers: positions, velocities, what the solver starts from, and what
Meta-World's task object remembers of the episode. Slots take turns in one simulation,
which is exact, keeps the working set in the processor's caches, and spares the memory
of a model per slot. After its five physics steps a slot is brought up to date with
``mj_forward``, as Meta-World does: anything cheaper changes what the solver starts
from, and trajectories drift apart in contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NoReturn

import mujoco
import numpy as np
from numpy.typing import NDArray

from legion_bench.envs.metaworld import STATE, Scene, Start
from legion_bench.envs.options import Options
from legion_bench.envs.readings import Readings
from legion_bench.envs.rewards import LAWS
from legion_bench.errors import LegionBenchError
from legion_bench.types import LEGION_12, Actions, Bools, Floats

_FRAME_SKIP = 5
# The two fingers pull against each other.
_FINGERS = np.array([1.0, -1.0], np.float32)
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
        self.scene = Scene(scene, options.robot, options.render_mode, options.render_size)
        self._slots = slots
        self._version = "v2" if options.reward == "v2" else "v1"
        self._columns = LEGION_12 if options.observation == "legion-12" else np.arange(39)
        self._starts: list[Start | None] = [None] * slots
        data = self.scene.data
        # All in which slots differ from one another and MuJoCo carries over; bound once,
        # since looking an array up costs more than copying it.
        self._live = (data.qpos, data.qvel, data.qacc_warmstart)
        self._kept = [tuple(np.zeros_like(array) for array in self._live) for _ in range(slots)]
        self._hand_target, self._effort = data.mocap_pos[0], data.ctrl
        self._body_pos, self._site_pos = self.scene.model.body_pos, self.scene.model.site_pos
        self._attributes: list[dict[str, Any]] = [{} for _ in range(slots)]
        self._targets = np.zeros((slots, 3))
        self._observations = np.zeros((slots, 39))  # unclipped, as Meta-World carries them over
        self._clipped = self._sound = np.zeros((slots, 39))
        self._time = 0.0
        self._seated: int | None = None
        self._edited: Start | None = None
        self._law = LAWS.get(scene)
        self._readings: Readings | None = None
        if self._law is not None:
            turned = options.observation == "metaworld-39" or self._law.reads_quaternion
            self._readings = Readings(self.scene.model, self.scene.data, self._law, slots, turned)

    def reset(self, slot: int, seed: int) -> Floats:
        """Start an episode whose placement is drawn from ``seed``; return its observation."""
        start = self.start(seed)
        self._starts[slot] = start
        for kept, value in zip(self._kept[slot], (start.qpos, start.qvel, start.warm_start), strict=True):
            kept[:] = value
        self._targets[slot] = start.hand_target
        self._observations[slot] = start.observation
        self._sound[slot] = start.observation
        if self._readings is not None:
            self._readings.begin(slot, start)
        else:  # Meta-World's code may write to what it is given
            self._attributes[slot] = deepcopy(dict(start.attributes))
        observation: Floats = start.observation[self._columns].copy()
        return observation

    def start(self, seed: int) -> Start:
        """Return the start whose placement is drawn from ``seed``."""
        self._unseat()
        self._edited = None  # computing a start edits the model
        start: Start = self.scene.start(seed)
        self._restore(start)
        return start

    def step(self, actions: Actions, slots: Sequence[int]) -> Outcome:
        """Advance some slots by 12.5 ms; what is said of the others means nothing.

        Args:
            actions: [N, 4] in [-1, 1].
            slots: which ones, all of them reset before; whoever is left out is reset
                before it is stepped again.
        """
        scene = self.scene
        steered = self._targets + actions[:, :3] * scene.action_scale
        targets = np.minimum(np.maximum(steered, scene.target_low), scene.target_high)
        if len(slots) == self._slots:
            self._targets[:] = targets
        else:
            self._targets[slots] = targets[slots]
        self._observations[:, _PREVIOUS] = self._observations[:, _CURRENT]
        play = self._play_and_ask if self._readings is None else self._play_and_judge
        rewards, successes, failures = play(actions, slots)
        if failures.any():
            rewards[failures], successes[failures] = 0.0, False
            self._clipped[failures] = self._sound[failures]
        self._sound = self._clipped
        return Outcome(self._clipped[:, self._columns], rewards, successes, failures)

    def _play_and_judge(self, actions: Actions, slots: Sequence[int]) -> tuple[Floats, Bools, Bools]:
        """Simulate each slot, then judge all of them at once."""
        readings, law = self._readings, self._law
        assert readings is not None
        assert law is not None
        failures = np.zeros(self._slots, np.bool_)
        efforts = (actions[:, 3:] * _FINGERS).astype(np.float64)
        for slot in slots:
            if not self._simulate(slot, efforts[slot]):
                failures[slot] = True
            readings.read(slot)
        current = self._observations[:, _CURRENT]
        readings.current(current)
        if not np.isfinite(current).all():
            failures |= ~np.isfinite(current).all(axis=1)
        self._clipped = np.minimum(np.maximum(self._observations, self.scene.low), self.scene.high)
        with np.errstate(invalid="ignore", over="ignore"):
            frame = readings.frame(self._clipped, actions)
            reward, success = law.v2(frame)
            if self._version == "v1":
                reward = law.v1(frame)
        shape = (self._slots,)  # that of N = 1 too, where both are plain numbers
        rewards = np.array(reward, np.float64).reshape(shape)
        return rewards, np.array(success, np.bool_).reshape(shape), failures

    def _play_and_ask(self, actions: Actions, slots: Sequence[int]) -> tuple[Floats, Bools, Bools]:
        """Simulate each slot, asking Meta-World's own code to judge it right after."""
        scene, observations = self.scene, self._observations
        rewards = np.zeros(self._slots)
        successes, failures = np.zeros(self._slots, np.bool_), np.zeros(self._slots, np.bool_)
        efforts = (actions[:, 3:] * _FINGERS).astype(np.float64)
        self._clipped = self._sound.copy()
        for slot in slots:
            sound = self._simulate(slot, efforts[slot])
            scene.recall(self._attributes[slot])
            observations[slot, _CURRENT] = scene.look()
            if not sound or not np.isfinite(observations[slot]).all():
                failures[slot] = True
                continue
            self._clipped[slot] = np.minimum(np.maximum(observations[slot], scene.low), scene.high)
            rewards[slot], successes[slot] = scene.judge(self._clipped[slot], actions[slot], self._version)
            self._attributes[slot] = scene.remember(self._attributes[slot])
        return rewards, successes, failures

    def _simulate(self, slot: int, efforts: Floats) -> bool:
        """Advance one slot and leave it in the simulation, up to date.

        Returns:
            False if MuJoCo found it unstable, upon which it resets everything it holds.
        """
        if self._seated != slot:
            self._seat(slot)
        model, data = self.scene.model, self.scene.data
        self._hand_target[:] = self._targets[slot]
        self._effort[:] = efforts
        mujoco.mj_step(model, data, _FRAME_SKIP)
        mujoco.mj_forward(model, data)
        time = data.time
        if time > self._time:
            self._time = time
            return True
        start = self._starts[slot]
        assert start is not None
        self._restore(start)
        return False

    def _seat(self, slot: int) -> None:
        """Bring a slot into the simulation, putting away whoever sits there."""
        self._unseat()
        start = self._starts[slot]
        assert start is not None
        (qpos, qvel, warm_start), kept = self._live, self._kept[slot]
        qpos[:], qvel[:], warm_start[:] = kept
        if start is not self._edited:
            self._body_pos[:], self._site_pos[:] = start.body_pos, start.site_pos
            self._edited = start
        self._seated = slot

    def _unseat(self) -> None:
        if self._seated is not None:
            qpos, qvel, warm_start = self._kept[self._seated]
            qpos[:], qvel[:], warm_start[:] = self._live
            self._seated = None

    def _restore(self, start: Start) -> None:
        """Give the simulation what all slots have in common; nobody sits in it then."""
        mujoco.mj_setState(self.scene.model, self.scene.data, start.state, STATE)
        self._seated, self._time = None, self.scene.data.time

    def render(self, slot: int) -> NDArray[Any] | None:
        """Return a frame of one slot; see :meth:`Scene.render`."""
        if self._seated != slot:
            self._seat(slot)
        return self.scene.render()

    def __reduce__(self) -> NoReturn:
        raise LegionBenchError("environments cannot be copied or pickled: make another from env.spec")

    def close(self) -> None:
        """Free the renderer."""
        self.scene.close()
