"""LEGION's reward scaling against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench.scaling import RunningScale

rewards = st.lists(st.floats(-1e3, 3e3), min_size=1, max_size=60)


@given(rewards)
def test_it_is_the_exponential_mean_and_variance(values: list[float]) -> None:
    scale = RunningScale(1)
    mean, variance = 0.0, 1.0
    for value in values:
        mean = 0.999 * mean + 0.001 * value
        variance = 0.999 * variance + 0.001 * (value - mean) ** 2
        (scaled,) = scale.scale(np.array([value]), np.array([True]))
        np.testing.assert_allclose(scaled, value / np.sqrt(variance), rtol=1e-9)


@pytest.mark.parametrize("rate", [0, -1, 2])
def test_a_rate_is_a_weight(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate must be in \(0, 1\]"):
        RunningScale(1, rate)


def test_a_reward_that_never_changes_stays_finite() -> None:
    scale = RunningScale(1, rate=0.5)
    scaled = [scale.scale(np.array([-3.3]), np.array([True]))[0] for _ in range(5000)]
    assert np.isfinite(scaled).all()


def test_slots_keep_to_themselves() -> None:
    scale, alone = RunningScale(3), RunningScale(1)
    for value in (1.0, 50.0, -7.0):
        mixed = scale.scale(np.array([1000.0, value]), np.array([True, False, True]))
        (expected,) = alone.scale(np.array([value]), np.array([True]))
        assert mixed[1] == expected
    scale.restart(2)
    alone.restart(0)
    mask = np.array([False, False, True])
    assert scale.scale(np.array([3.0]), mask)[0] == alone.scale(np.array([3.0]), np.array([True]))[0]
    assert (
        RunningScale(1).scale(np.array([3.0]), np.array([True]))[0] != scale.scale(np.array([3.0]), mask)[0]
    )
