"""A card's parameters as a record, checked."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import numpy as np

from legion_bench.cards import convert
from legion_bench.errors import CardError
from legion_bench.types import AgentSetup, Floats

_Config = TypeVar("_Config", bound=msgspec.Struct)


def parse(parameters: dict[str, Any], config: type[_Config]) -> _Config:
    """Return parameters as a record of type ``config``.

    Raises:
        CardError: an unknown key (with its nearest match), or a value of the wrong type or range.
    """
    return convert(config, parameters, "parameters")


def offset(values: tuple[float, ...], setup: AgentSetup) -> Floats:
    """Return what is subtracted from observations [obs], all zeros if a card says nothing of it.

    Raises:
        CardError: another length.
    """
    (size,) = setup.observation_space.shape
    if values and len(values) != size:
        raise CardError(f"parameters: observation_offset must hold {size} numbers, got {len(values)}")
    return np.array(values or [0.0] * size)
