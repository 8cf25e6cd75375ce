"""One arithmetic for floats and for arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.envs.rewards.arithmetic import (
    TINY,
    Point,
    distance,
    distance_xy,
    distance_xz,
    weighted_distance,
)
from tests.envs.rewards.strategies import REPEATABLE, in_both, metres, points

NUMBERS = st.floats(-100, 100)


@settings(**REPEATABLE)
@given(x=NUMBERS, y=NUMBERS)
def test_functions_of_floats_and_of_arrays_agree(x: float, y: float) -> None:
    assert in_both(lambda m, a, b: m.minimum(a, b), x, y) == min(x, y)
    assert in_both(lambda m, a, b: m.maximum(a, b), x, y) == max(x, y)
    assert in_both(lambda m, a, b: m.where(a > b, a, b), x, y) == max(x, y)
    assert in_both(lambda m, a: m.exp(a), x) == pytest.approx(np.exp(x))
    assert in_both(lambda m, a: m.sqrt(abs(a)), x) == pytest.approx(np.sqrt(abs(x)))
    assert in_both(lambda m, a: m.log(m.maximum(a, TINY)), x) == pytest.approx(np.log(max(x, TINY)))


@settings(**REPEATABLE)
@given(a=points, b=points)
def test_distances_are_norms(a: Point, b: Point) -> None:
    gap = np.subtract(a, b)
    assert in_both(distance, a, b) == pytest.approx(np.linalg.norm(gap))
    assert in_both(distance_xy, a, b) == pytest.approx(np.linalg.norm(gap[[0, 1]]))
    assert in_both(distance_xz, a, b) == pytest.approx(np.linalg.norm(gap[[0, 2]]))
    stretched = in_both(lambda m, a, b: weighted_distance(m, a, b, (3.0, 1.0, 2.0)), a, b)
    assert stretched == pytest.approx(np.linalg.norm(gap * (3.0, 1.0, 2.0)))


@settings(**REPEATABLE)
@given(point=points, x=metres)
def test_a_point_moves_by_constants(point: Point, x: float) -> None:
    assert point.plus(x, 0.0, -1.0) == (point.x + x, point.y, point.z - 1.0)
