"""What our vector environments share: spaces, life cycle, and what ``reset`` is given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from gymnasium.error import AlreadyPendingCallError, ClosedEnvironmentError
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.options import Options
from legion_bench.envs.spaces import action_space, observation_space
from legion_bench.types import Actions, Bools, Floats

Step = tuple[Floats, Floats, Bools, Bools, dict[str, Any]]


class SlotsEnv(VectorEnv[Floats, Actions, NDArray[Any]]):
    """N slots of manipulation; subclasses say what they play."""

    def __init__(self, num_envs: int, options: Options, autoreset_mode: AutoresetMode | str) -> None:
        """Set spaces and modes.

        Raises:
            ValueError: an unknown autoreset mode.
        """
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**ManipulationEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = options.render_mode
        self.single_observation_space = observation_space(options.observation)
        self.single_action_space = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    @abstractmethod
    def _under_way(self) -> bool:
        """Whether a step has begun that nobody has waited for."""

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedEnvironmentError("the environment is closed: make another")

    def _check_idle(self) -> None:
        self._check_open()
        if self._under_way:
            raise AlreadyPendingCallError("a step is under way: call step_wait() first", "step")


def slot_seeds(seed: int | Sequence[int | None] | None, slots: int) -> list[int | None]:
    """Return a seed per slot, None where it goes on.

    Args:
        seed: None; an integer, for ``seed + i``; or one per slot.
        slots: N.

    Raises:
        ValueError: another number of seeds, or one that is no whole number from 0; names the slot.
    """
    if seed is None:
        return [None] * slots
    if isinstance(seed, Integral) and not isinstance(seed, bool):
        seed = [int(seed) + slot for slot in range(slots)]
    if not isinstance(seed, Sequence) or len(seed) != slots:
        raise ValueError(f"seed must be one integer or {slots} of them, got {seed!r}")
    for slot, one in enumerate(seed):
        if one is not None and (not isinstance(one, Integral) or one < 0):
            raise ValueError(f"slot {slot}: seed must be a whole number from 0, got {one!r}")
    return [None if one is None else int(one) for one in seed]


def reset_mask(options: dict[str, Any] | None, slots: int) -> Bools:
    """Return which slots [N] the options of a ``reset`` are for.

    Raises:
        ValueError: an option that does not exist, or a mask that is no array [N] of bool.
    """
    options = {} if options is None else options
    if not isinstance(options, dict) or set(options) - {"reset_mask"}:
        raise ValueError(f"the one option of reset() is 'reset_mask', got {options!r}")
    mask = options.get("reset_mask", np.ones(slots, np.bool_))
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (slots,):
        raise ValueError(f"reset_mask must be an array of bool, shape ({slots},), got {mask!r}")
    return mask
