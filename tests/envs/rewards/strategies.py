"""Random lengths and steps, and both arithmetics at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from legion_bench.envs.rewards.arithmetic import Arrays, Floats, Point
from legion_bench.envs.rewards.frame import Frame

REPEATABLE: dict[str, Any] = {"derandomize": True, "deadline": None}

# To the micrometre: what is less is no distance in a simulation of centimetres.
metres = st.integers(-2_000_000, 2_000_000).map(lambda micrometres: micrometres / 1e6)
lengths = metres.map(abs)
shares = st.floats(0.0, 1.0)
points = st.builds(Point, metres, metres, metres)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Draw a step with the constants that caging needs."""
    start, init_tcp = draw(points), draw(points)
    return Frame(
        m=Floats(),
        action=(0.0, 0.0, 0.0, draw(st.floats(-2.0, 2.0))),
        hand=draw(points),
        opening=draw(shares),
        object1=draw(points),
        object2=None,
        target=draw(points),
        tcp=draw(points),
        left_pad=draw(points),
        right_pad=draw(points),
        points={},
        # Far apart: Meta-World knows no caging that starts with the object in reach.
        constants={"obj_init_pos": start, "init_tcp": init_tcp.plus(5.0, 0.0, 0.0)},
    )


def in_both(function: Callable[..., Any], *values: Any) -> float:
    """Return ``function(m, *values)`` after checking that both arithmetics agree on it."""
    single = function(Floats(), *values)
    assert type(single) is float
    twice = function(Arrays(), *(_repeated(value) for value in values))
    np.testing.assert_allclose(twice, [single, single], rtol=1e-12, atol=1e-300)
    return single


def in_both_frames(function: Callable[[Frame], Any], frame: Frame) -> float:
    """Return ``function(frame)`` after checking that both arithmetics agree on it."""
    single = function(frame)
    assert type(single) is float
    repeated = {f.name: _repeated(getattr(frame, f.name)) for f in fields(frame) if f.name != "m"}
    twice = function(replace(frame, m=Arrays(), **repeated))
    np.testing.assert_allclose(twice, [single, single], rtol=1e-12, atol=1e-300)
    return single


def _repeated(value: Any) -> Any:
    if isinstance(value, Point):
        return Point(*(_repeated(part) for part in value))
    if isinstance(value, tuple):
        return tuple(_repeated(part) for part in value)
    if isinstance(value, dict):
        return {name: _repeated(part) for name, part in value.items()}
    return value if value is None else np.array([value, value])
