"""Means over seeds and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.errors import MetricError
from legion_bench.metrics.aggregate import Estimate, mean_band, mean_interval


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_one_seed_has_no_interval() -> None:
    assert mean_interval(np.array([0.4]), rng()) == Estimate(0.4, None, None, 1)


def test_seeds_that_agree_have_an_interval_without_width() -> None:
    estimate = mean_interval(np.array([0.1, 0.1, 0.1]), rng())
    assert (estimate.mean, estimate.low, estimate.high) == pytest.approx((0.1, 0.1, 0.1))


def test_two_seeds_span_their_interval() -> None:
    """Of the resampled means of (0, 1), a quarter each is 0 and 1: both tails hold over 2.5 %."""
    assert mean_interval(np.array([0.0, 1.0]), rng()) == Estimate(0.5, 0.0, 1.0, 2)


def test_interval_of_many_seeds_is_near_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, size=200)
    estimate = mean_interval(values, rng())
    margin = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate.low == pytest.approx(values.mean() - margin, abs=0.003)
    assert estimate.high == pytest.approx(values.mean() + margin, abs=0.003)


def test_limits_bind() -> None:
    estimate = mean_interval(np.array([0.0, 0.5, 1.0]), rng(), limits=(0.4, 0.6))
    assert (estimate.low, estimate.high) == (0.4, 0.6)


def test_the_generator_decides() -> None:
    values = np.random.default_rng(2).random(6)
    assert mean_interval(values, rng()) == mean_interval(values, rng())
    assert mean_interval(values, rng()) != mean_interval(values, np.random.default_rng(8))


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    mean_interval(np.array([0.1, 0.3]), rng())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002


def test_a_band_is_the_interval_of_each_column() -> None:
    curves = np.random.default_rng(3).random((5, 4))
    mean, low, high = mean_band(curves, rng())
    for column in range(4):
        single = mean_interval(curves[:, column], rng())
        assert (mean[column], low[column], high[column]) == (single.mean, single.low, single.high)


@pytest.mark.parametrize("values", [[], [0.5, np.nan]])
def test_nothing_and_nan_cannot_be_averaged(values: list[float]) -> None:
    with pytest.raises(MetricError, match="finite value"):
        mean_interval(np.array(values), rng())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10).map(lambda x: x / 10), min_size=2, max_size=8))
def test_the_interval_holds_the_mean_and_stays_within_the_seeds(values: list[float]) -> None:
    estimate = mean_interval(np.array(values), rng(), limits=(0.0, 1.0))
    assert estimate.low is not None
    assert estimate.high is not None
    assert min(values) - 1e-12 <= estimate.low <= estimate.mean <= estimate.high <= max(values) + 1e-12
