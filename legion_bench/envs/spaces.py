"""The spaces that all tasks share, and checks of what is meant to lie in them."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike

from legion_bench.cards import Observation
from legion_bench.envs.metaworld import HAND_HIGH, HAND_LOW
from legion_bench.types import LEGION_12, Actions


def observation_space(observation: Observation = "legion-12") -> spaces.Box:
    """Return the space of observations [12] or [39]."""
    low, high = np.full(39, -np.inf), np.full(39, np.inf)
    for frame in (0, 18):  # this step's and the one before
        low[frame : frame + 3], high[frame : frame + 3] = HAND_LOW, HAND_HIGH
        low[frame + 3], high[frame + 3] = 0.0, 1.0
    if observation == "legion-12":
        low, high = low[LEGION_12], high[LEGION_12]
    return spaces.Box(low, high, dtype=np.float64)


def action_space() -> spaces.Box:
    """Return the space of actions [4]."""
    return spaces.Box(-1.0, 1.0, (4,), np.float32)


def check_actions(actions: ArrayLike, shape: tuple[int, ...]) -> Actions:
    """Return ``actions`` as float32.

    Args:
        actions: of one environment or of N.
        shape: (4,) or (N, 4).

    Raises:
        ValueError: wrong shape or type, NaN, or out of [-1, 1]; the message says what,
            and in which slot.
    """
    wanted = f"shape {shape} with values in [-1, 1]"
    try:
        given = np.asarray(actions)
        if given.dtype.kind not in "fiu":
            raise TypeError
        checked = given.astype(np.float32)  # a copy: the caller may use the array again
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"actions must be numbers of {wanted}, got {actions!r}") from None
    if checked.shape != shape:
        raise ValueError(f"actions must have {wanted}, got shape {checked.shape}")
    sound = np.abs(checked) <= 1.0  # False for NaN
    if not sound.all():
        if len(shape) == 1:
            raise ValueError(f"actions must have finite values of {wanted}, got {checked.tolist()}")
        slot = int(np.flatnonzero(~sound.all(axis=1))[0])
        raise ValueError(f"slot {slot}: actions must have finite {wanted}, got {checked[slot].tolist()}")
    return checked
