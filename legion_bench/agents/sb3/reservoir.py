"""A replay buffer that forgets evenly: a uniform sample of everything that it was ever given."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer


class ReservoirBuffer(ReplayBuffer):
    """Vitter's algorithm R (1985): transition number t is kept with probability size / t, over a random one.

    Draws come from NumPy's global generator, as all of SB3's do.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what SB3's takes."""
        self.seen = 0
        """Transitions given so far."""
        super().__init__(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Take the transition in, or not."""
        self.seen += 1
        if self.full:
            place = np.random.randint(self.seen)  # noqa: NPY002
            if place >= self.buffer_size:
                return
            self.pos = place
        super().add(*args, **kwargs)

    def reset(self) -> None:
        """Start over, with nothing seen."""
        self.seen = 0
        super().reset()
