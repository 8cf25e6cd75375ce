"""Random generators' states, in what files can hold: their integers have 128 bits."""

from __future__ import annotations

from typing import Any

import numpy as np


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Return the state of a PCG64 generator."""
    state = generator.bit_generator.state
    return {
        "state": str(state["state"]["state"]),
        "inc": str(state["state"]["inc"]),
        "has_uint32": state["has_uint32"],
        "uinteger": state["uinteger"],
    }


def load_generator(generator: np.random.Generator, state: dict[str, Any]) -> None:
    """Let a PCG64 generator go on from what :func:`generator_state` returned."""
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(state["state"]), "inc": int(state["inc"])},
        "has_uint32": state["has_uint32"],
        "uinteger": state["uinteger"],
    }
