"""One simulation that the slots of a task take turns in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import mujoco
from numpy.typing import NDArray

from legion_bench.envs.board import Board
from legion_bench.envs.metaworld import Scene, Start

_FRAME_SKIP = 5


class Simulator:
    """Plays slots one at a time, by itself in its thread.

    Between turns a slot is a row of numbers, which are all that MuJoCo carries from one
    step to the next. So it makes no difference which simulator plays a slot, nor whose
    turn it was before. Taking turns keeps the working set in the processor's caches, and
    spares the memory of a model per slot.
    """

    def __init__(self, scene: Scene, board: Board, watch: Callable[[int], None]) -> None:
        """Play in ``scene``, which is this simulator's own.

        Args:
            scene: the task's.
            board: shared with other simulators.
            watch: called with a slot while the scene shows what its turn led to.
        """
        self._scene, self._board, self._watch = scene, board, watch
        # Bound once, since looking an array up costs more than copying it.
        self._rows, self._carried = list(board.carried), scene.carried
        self._body_pos, self._site_pos = scene.model.body_pos, scene.model.site_pos
        self._edited: Start | None = None
        self._clock = scene.data.time = 1.0  # later than a step that starts anew can end

    def play(self, slots: Iterable[int]) -> None:
        """Advance slots by 12.5 ms each.

        After its physics steps a slot is brought up to date with ``mj_forward``, as
        Meta-World does: anything cheaper changes what the solver starts from, and
        trajectories drift apart in contact.
        """
        model, data, carried = self._scene.model, self._scene.data, self._carried
        for slot in slots:
            self.place(slot)
            mujoco.mj_step(model, data, _FRAME_SKIP)
            mujoco.mj_forward(model, data)
            self._rows[slot][:] = carried
            time = data.time
            if time > self._clock:
                self._clock = time
            else:  # MuJoCo starts anew when it gives up
                self._board.failures[slot], data.time = True, self._clock
            self._watch(slot)

    def place(self, slot: int) -> None:
        """Bring a slot into the scene."""
        start = self._board.starts[slot]
        assert start is not None
        if start is not self._edited:
            self._body_pos[:], self._site_pos[:] = start.body_pos, start.site_pos
            self._edited = start
        self._carried[:] = self._rows[slot]

    def start(self, seed: int) -> Start:
        """Return the start whose placement is drawn from ``seed``."""
        start: Start = self._scene.start(seed)
        # Computing a start edits the model and sets the clock.
        self._edited, self._scene.data.time = None, self._clock
        return start

    def render(self, slot: int) -> NDArray[Any] | None:
        """Return a frame of one slot; see :meth:`Scene.render`."""
        self.place(slot)
        return self._scene.render()
