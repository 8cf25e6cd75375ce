"""Rewards divided by their running standard deviation, as LEGION's are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from legion_bench.types import Floats

RATE = 0.001
# Rewards that never change have no deviation to be divided by.
_LEAST = 1e-8


class RunningScale:
    """Exponential mean and variance of N rewards, slot by slot (Meng et al. 2025).

    Variance starts at 1, mean at 0. It lasts across episodes.
    """

    def __init__(self, slots: int, rate: float = RATE) -> None:
        """Start all slots.

        Args:
            slots: N.
            rate: weight of the newest reward, in (0, 1].

        Raises:
            ValueError: another rate.
        """
        if not 0 < rate <= 1:
            raise ValueError(f"rate must be in (0, 1], got {rate!r}")
        self._rate = rate
        self._mean, self._variance = np.zeros(slots), np.ones(slots)

    def restart(self, slot: int) -> None:
        """Forget what a slot has seen."""
        self._mean[slot], self._variance[slot] = 0.0, 1.0

    def scale(self, rewards: Floats, slots: NDArray[np.bool_]) -> Floats:
        """Take in rewards [M] and return them divided.

        Args:
            rewards: of the slots that the mask names.
            slots: mask [N] with M true.
        """
        mean = self._mean[slots] = (1 - self._rate) * self._mean[slots] + self._rate * rewards
        variance = (1 - self._rate) * self._variance[slots] + self._rate * (rewards - mean) ** 2
        self._variance[slots] = variance
        scaled: Floats = rewards / np.maximum(np.sqrt(variance), _LEAST)
        return scaled

    def state_dict(self) -> dict[str, Floats]:
        """Return what it has seen, [N] each."""
        return {"mean": self._mean.copy(), "variance": self._variance.copy()}

    def load_state_dict(self, state: Mapping[str, Floats]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._mean[:], self._variance[:] = state["mean"], state["variance"]
