"""Stable-Baselines3's randomness, kept apart from everybody else's."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.random import mtrand


class GlobalRng:
    """Lends SB3 a random stream of its own.

    SB3 draws from NumPy's and torch's global generators. Inside the block these hold
    this object's state, outside whatever they held before, so that an agent's draws
    depend on nothing but its seed.
    """

    def __init__(self) -> None:
        """Begin with the global torch state and an unseeded NumPy one: seed inside the block."""
        # MT19937, because SB3 seeds through the legacy numpy.random.seed.
        self._numpy: np.random.BitGenerator = np.random.MT19937()
        self._torch = torch.get_rng_state()

    def __enter__(self) -> None:
        self._swap()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._swap()

    def state_dict(self) -> dict[str, Any]:
        """Return both states, taken outside the block."""
        return {"numpy": self._numpy.state, "torch": self._torch.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._numpy.state = state["numpy"]
        self._torch = state["torch"].clone()

    def _swap(self) -> None:
        """Exchange our states with the global ones; exchanging again restores both."""
        numpy_state, torch_state = mtrand.get_bit_generator(), torch.get_rng_state()
        mtrand.set_bit_generator(self._numpy)
        torch.set_rng_state(self._torch)
        self._numpy, self._torch = numpy_state, torch_state
