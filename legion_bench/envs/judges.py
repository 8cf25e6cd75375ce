"""Who says what slots observe and earn: laws of ours, or Meta-World's own code."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any, Protocol

import numpy as np

from legion_bench.envs.board import Board
from legion_bench.envs.metaworld import Scene, Start
from legion_bench.envs.readings import Readings
from legion_bench.envs.rewards.frame import Law
from legion_bench.types import Bools, Floats

CURRENT, PREVIOUS = slice(0, 18), slice(18, 36)
"""Where Meta-World's observation has this step, and the one before."""


class Judge(Protocol):
    """Judges N slots of one task."""

    def begin(self, slot: int, start: Start) -> None:
        """An episode begins."""

    def watcher(self, scene: Scene) -> Callable[[int], None]:
        """Return what ``scene``'s simulator is to call, in its thread, with each slot it has played."""

    def look(self) -> None:
        """Bring this step's part of the board's observations up to date, all slots having been played."""

    def judge(self) -> tuple[Floats, Bools]:
        """Return rewards [N] and successes [N], the board's observations having been clipped."""

    def state_dict(self) -> dict[str, Any]:
        """Return what decides later judgements beside starts and board, in plain values and arrays."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned, all slots having begun anew from their starts."""


class ByLaw:
    """Only reads while simulators run, then judges all slots at once."""

    def __init__(self, board: Board, law: Law, readings: Readings, version: str) -> None:
        """Judge by ``law`` what ``readings`` read; the reward's version is ``"v2"`` or ``"v1"``."""
        self._board, self._law, self._readings, self._version = board, law, readings, version

    def begin(self, slot: int, start: Start) -> None:
        """Take over the episode's constants."""
        self._readings.begin(slot, start)

    def watcher(self, scene: Scene) -> Callable[[int], None]:
        """Return what copies a slot's positions out of the simulation."""
        return self._readings.reader(scene.data)

    def look(self) -> None:
        """Turn readings into observations."""
        self._readings.observe(self._board.observations[CURRENT])

    def judge(self) -> tuple[Floats, Bools]:
        """Judge all slots at once."""
        board = self._board
        with np.errstate(invalid="ignore", over="ignore"):
            frame = self._readings.frame()
            reward, success = self._law.v2(frame)
            if self._version == "v1":
                reward = self._law.v1(frame)
        shape = (len(board.actions),)  # that of N = 1 too, where both are plain numbers
        return np.array(reward, np.float64).reshape(shape), np.array(success, np.bool_).reshape(shape)

    def state_dict(self) -> dict[str, Any]:
        """Return what was read last, which slots that sit the next step out show again."""
        return self._readings.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Show it again."""
        self._readings.load_state_dict(state)


class ByMetaWorld:
    """Has Meta-World's own code judge each slot right after it was played."""

    def __init__(self, board: Board, version: str) -> None:
        """Ask for the reward's version ``"v2"`` or ``"v1"``."""
        slots = len(board.actions)
        self._board, self._version = board, version
        self._attributes: list[dict[str, Any]] = [{} for _ in range(slots)]
        self._rewards, self._successes = np.zeros(slots), np.zeros(slots, np.bool_)

    def begin(self, slot: int, start: Start) -> None:
        """Take over what Meta-World's task object remembers of the start."""
        self._attributes[slot] = deepcopy(dict(start.attributes))  # it may write to what it is given

    def watcher(self, scene: Scene) -> Callable[[int], None]:
        """Return what asks the task object of ``scene``."""
        scene.start(0)  # opens the windows that task objects keep into their own simulation
        return partial(self._ask, scene)

    def _ask(self, scene: Scene, slot: int) -> None:
        board, attributes = self._board, self._attributes
        scene.recall(attributes[slot])
        observation = board.observations[:, slot]
        observation[CURRENT] = scene.look()
        if np.isfinite(observation).all():
            clipped = np.minimum(np.maximum(observation, scene.low), scene.high)
            verdict = scene.judge(clipped, board.actions[slot], self._version)
            self._rewards[slot], self._successes[slot] = verdict
            attributes[slot] = scene.remember(attributes[slot])

    def look(self) -> None:
        """All was seen when it was asked about."""

    def judge(self) -> tuple[Floats, Bools]:
        """Return what Meta-World said."""
        return self._rewards.copy(), self._successes.copy()

    def state_dict(self) -> dict[str, Any]:
        """Return what task objects remember; NumPy's scalars become arrays without axes."""
        return {"attributes": [_mapped(_plain, kept) for kept in self._attributes]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let task objects remember it."""
        self._attributes = [_mapped(_held, kept) for kept in state["attributes"]]


def _mapped(function: Callable[[Any], Any], attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: function(value) for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    return np.array(value) if isinstance(value, (np.ndarray, np.generic)) else value


def _held(value: Any) -> Any:
    return value.copy()[()] if isinstance(value, np.ndarray) else value
