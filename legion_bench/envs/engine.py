"""N slots of one task, stepped together: physics slot by slot, the rest over all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import mujoco
import numpy as np
from numpy.typing import NDArray

from legion_bench.envs.board import Board
from legion_bench.envs.judges import CURRENT, PREVIOUS, ByLaw, ByMetaWorld, Judge
from legion_bench.envs.metaworld import Scene, Start
from legion_bench.envs.options import Options
from legion_bench.envs.readings import Readings
from legion_bench.envs.rewards import LAWS
from legion_bench.envs.simulator import Simulator
from legion_bench.errors import LegionBenchError
from legion_bench.types import LEGION_12, Actions, Bools, Floats

# The two fingers pull against each other.
_FINGERS = np.array([1.0, -1.0], np.float32)


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
    """N slots of one task on one robot.

    :meth:`step` is :meth:`steer`, simulators that play every slot once, and
    :meth:`judge`. Simulators may do so in threads of their own.
    """

    def __init__(self, scene: str, options: Options, slots: int, simulators: int = 1) -> None:
        """Compile the scene.

        Args:
            scene: Meta-World's task name.
            options: robot, observation, reward and rendering are used.
            slots: N.
            simulators: how many can play at the same time.
        """
        scenes = [
            Scene(scene, options.robot, options.render_mode, options.render_size) for _ in range(simulators)
        ]
        self.scene = scenes[0]
        self._board = board = Board(slots, len(self.scene.carried))
        # Windows on what MuJoCo carries.
        self._hands = board.carried[:, self.scene.hand_target]
        self._efforts = board.carried[:, self.scene.efforts]
        self._low, self._high = self.scene.low[:, None], self.scene.high[:, None]
        self._columns = LEGION_12 if options.observation == "legion-12" else np.arange(39)
        self._shown = board.clipped[self._columns]
        self._judge = _judge(scene, self.scene.model, options, board)
        self.simulators = [Simulator(one, board, self._judge.watcher(one)) for one in scenes]

    def reset(self, slot: int, seed: int) -> Floats:
        """Start an episode whose placement is drawn from ``seed``; return its observation."""
        board, start = self._board, self.start(seed)
        board.starts[slot], board.carried[slot] = start, start.carried
        self._judge.begin(slot, start)
        board.observations[:, slot] = start.observation
        self.simulators[0].place(slot)  # in the scene that others see
        observation = start.observation[self._columns]
        self._shown[:, slot] = observation
        return observation

    def start(self, seed: int) -> Start:
        """Return the start whose placement is drawn from ``seed``."""
        return self.simulators[0].start(seed)

    def step(self, actions: Actions, slots: Sequence[int]) -> Outcome:
        """Advance some slots by 12.5 ms; what is said of the others means nothing.

        Args:
            actions: [N, 4] in [-1, 1].
            slots: which ones, all of them reset before; whoever is left out is reset
                before it is stepped again.
        """
        self.steer(actions)
        self.simulators[0].play(slots)
        return self.judge()

    def steer(self, actions: Actions) -> None:
        """Begin a step: say what each slot [N, 4] does in it."""
        scene, board = self.scene, self._board
        board.actions[:] = actions
        steered = self._hands + actions[:, :3] * scene.action_scale
        self._hands[:] = np.minimum(np.maximum(steered, scene.target_low), scene.target_high)
        self._efforts[:] = actions[:, 3:] * _FINGERS
        board.failures[:] = False
        board.observations[PREVIOUS] = board.observations[CURRENT]

    def judge(self) -> Outcome:
        """Finish a step: say what came of it, for slots that were played."""
        board = self._board
        self._judge.look()
        failures = board.failures.copy()
        sound = np.isfinite(board.observations[CURRENT])
        if not sound.all():
            failures |= ~sound.all(axis=0)
        np.minimum(np.maximum(board.observations, self._low), self._high, out=board.clipped)
        rewards, successes = self._judge.judge()
        shown = board.clipped[self._columns]
        if failures.any():
            rewards[failures], successes[failures] = 0.0, False
            shown[:, failures] = self._shown[:, failures]
        self._shown = shown
        return Outcome(shown.T, rewards, successes, failures)

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides what follows, in plain values and arrays."""
        board = self._board
        return {
            "seeds": [None if start is None else start.seed for start in board.starts],
            "carried": board.carried.copy(),
            "observations": board.observations.copy(),
            "shown": self._shown.copy(),
            "judge": self._judge.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        for slot, seed in enumerate(state["seeds"]):
            if seed is not None:
                self.reset(slot, seed)
        self._board.carried[:] = state["carried"]
        self._board.observations[:] = state["observations"]
        self._shown[:] = state["shown"]
        self._judge.load_state_dict(state["judge"])

    def render(self, slot: int) -> NDArray[Any] | None:
        """Return a frame of one slot; see :meth:`Scene.render`."""
        return self.simulators[0].render(slot)

    def __reduce__(self) -> NoReturn:
        raise LegionBenchError("environments cannot be copied or pickled: make another from env.spec")

    def close(self) -> None:
        """Free the renderer."""
        self.scene.close()


def _judge(scene: str, model: mujoco.MjModel, options: Options, board: Board) -> Judge:
    version = "v2" if options.reward == "v2" else "v1"
    law = LAWS.get(scene)
    if law is None:
        return ByMetaWorld(board, version)
    turned = options.observation == "metaworld-39" or law.reads_quaternion
    return ByLaw(board, law, Readings(model, law, board.actions, board.clipped, turned), version)
