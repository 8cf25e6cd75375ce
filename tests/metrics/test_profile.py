"""Performance profiles and their bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from legion_bench.errors import MetricError
from legion_bench.metrics.profile import performance_profile, profile_band
from legion_bench.types import Floats

THRESHOLDS = np.arange(11) / 10
RATES = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=5),
    elements=st.integers(0, 10).map(lambda count: count / 10),
)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_by_hand() -> None:
    """“Above” leaves out what equals the threshold."""
    scores = np.array([[0.0, 0.5], [0.5, 1.0]])
    assert performance_profile(scores, np.array([-0.1, 0.0, 0.5, 0.9, 1.0])).tolist() == [
        1,
        0.75,
        0.25,
        0.25,
        0,
    ]


def test_one_run_has_no_band() -> None:
    share, low, high = profile_band(np.array([[0.0, 0.6]]), np.array([0.0, 0.6]), rng())
    assert share.tolist() == [0.5, 0]
    assert np.isnan([low, high]).all()


def test_the_band_is_that_of_a_share() -> None:
    """Of 200 scores a task, the share above a threshold has the deviation of a binomial."""
    scores = np.random.default_rng(1).random((200, 2))
    share, low, high = profile_band(scores, np.array([0.3]), rng())
    margin = 1.96 * np.sqrt(share * (1 - share) / scores.size)
    np.testing.assert_allclose([low, high], [share - margin, share + margin], atol=0.007)


@settings(deadline=None, max_examples=30)
@given(RATES)
def test_profiles_fall_within_their_range_and_the_area_below_is_the_mean(scores: Floats) -> None:
    share, low, high = profile_band(scores, THRESHOLDS, rng())
    for curve in (share, low, high):
        assert (np.diff(curve) <= 0).all()
        assert curve.min() >= 0
        assert curve.max() <= 1
        assert curve[-1] == 0
    assert (low <= high).all()
    assert share[:-1].mean() == pytest.approx(scores.mean())


@given(RATES)
def test_profiles_of_many_resamples_are_those_of_each(scores: Floats) -> None:
    stack = np.stack([scores, scores[::-1] / 2])
    each = [performance_profile(one, THRESHOLDS) for one in stack]
    np.testing.assert_array_equal(performance_profile(stack, THRESHOLDS), each)


def test_nan_has_no_profile() -> None:
    with pytest.raises(MetricError, match="finite"):
        profile_band(np.array([[np.nan]]), THRESHOLDS, rng())
