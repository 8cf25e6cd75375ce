"""What the slots of a task are between steps."""

from __future__ import annotations

import numpy as np

from legion_bench.envs.metaworld import Start
from legion_bench.types import Actions, Bools, Floats


class Board:
    """N slots of one task: what engine, simulators and judge write to and read."""

    def __init__(self, slots: int, carried: int) -> None:
        """Make room for N slots.

        Args:
            slots: N.
            carried: how many numbers MuJoCo carries from one step to the next.
        """
        self.starts: list[Start | None] = [None] * slots
        """Of the episodes that slots are in; None before the first."""
        self.carried: Floats = np.zeros((slots, carried))
        self.actions: Actions = np.zeros((slots, 4), np.float32)
        self.failures: Bools = np.zeros(slots, np.bool_)
        """Whether MuJoCo gave up in this step."""
        # A column per slot, since rewards are computed along rows.
        self.observations: Floats = np.zeros((39, slots))
        """Unclipped, as Meta-World carries them over."""
        self.clipped: Floats = np.zeros((39, slots))
        """As rewards see them."""
