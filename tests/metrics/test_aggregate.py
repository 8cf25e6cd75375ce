"""Means over seeds, aggregates over seeds and tasks, and their intervals."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from legion_bench.errors import MetricError
from legion_bench.metrics.aggregate import (
    AGGREGATES,
    aggregate,
    iqm,
    mean,
    mean_band,
    mean_interval,
    median,
    optimality_gap,
)
from legion_bench.metrics.bootstrap import Estimate
from legion_bench.types import Floats

RATES = st.integers(0, 10).map(lambda count: count / 10)
SCORES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=RATES)
"""[S, N], seeds by tasks."""


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_one_seed_has_no_interval() -> None:
    assert mean_interval(np.array([0.4]), rng()) == Estimate(0.4, None, None, 1)


def test_seeds_that_agree_have_an_interval_without_width() -> None:
    estimate = mean_interval(np.array([0.1, 0.1, 0.1]), rng())
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.1, 0.1, 0.1))


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
        assert (mean[column], low[column], high[column]) == (single.value, single.low, single.high)


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
    assert min(values) - 1e-12 <= estimate.low <= estimate.value <= estimate.high <= max(values) + 1e-12


def test_aggregates_by_hand() -> None:
    """Means per task are .3, .4 and .9; of nine scores the middle five are .3, .4, .5, .6 and .7."""
    scores = np.array([[0.0, 0.4, 1.0], [0.3, 0.5, 0.7], [0.6, 0.3, 1.0]])
    found = {name: float(statistic(scores)) for name, statistic in AGGREGATES.items()}
    assert found == pytest.approx({"mean": 1.6 / 3, "iqm": 0.5, "median": 0.4, "optimality_gap": 1.4 / 3})


def test_aggregates_as_documented() -> None:
    scores = np.array([[0.0, 0.2], [0.4, 0.6], [1.0, 0.8], [0.6, 1.0]])
    found = [float(statistic(scores)) for statistic in AGGREGATES.values()]
    assert found == pytest.approx([0.575, 0.6, 0.575, 0.425])


def test_scores_above_one_close_no_gap() -> None:
    scores = np.array([[0.5, 3.0]])
    assert optimality_gap(scores) == 0.25
    assert mean(scores) == 1.75


def test_iqm_of_fewer_than_four_scores_is_their_mean() -> None:
    assert iqm(np.array([[0.0, 0.2, 1.0]])) == pytest.approx(0.4)


def test_one_run_has_aggregates_without_interval() -> None:
    assert aggregate(median, np.array([[0.1, 0.2, 0.9]]), rng()) == Estimate(0.2, None, None, 1)


def test_aggregates_need_finite_scores_of_seeds_by_tasks() -> None:
    for scores in (np.empty((0, 3)), np.empty((3, 0)), np.array([0.5]), np.array([[0.5, np.nan]])):
        with pytest.raises(MetricError, match="seeds by tasks"):
            aggregate(mean, scores, rng())


@given(SCORES)
def test_iqm_is_the_mean_of_the_middle_half(scores: Floats) -> None:
    ordered = sorted(scores.ravel().tolist())
    cut = len(ordered) // 4
    middle = ordered[cut : len(ordered) - cut]
    assert iqm(scores) == pytest.approx(sum(middle) / len(middle))


@given(SCORES, st.randoms(use_true_random=False))
def test_neither_seeds_nor_tasks_have_an_order(scores: Floats, random: Random) -> None:
    rows, columns = list(range(scores.shape[0])), list(range(scores.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    for statistic in AGGREGATES.values():
        assert statistic(scores[rows][:, columns]) == pytest.approx(float(statistic(scores)))


@given(arrays(np.float64, array_shapes(min_dims=3, max_dims=4, max_side=4), elements=RATES))
def test_aggregates_of_many_resamples_are_those_of_each(stack: Floats) -> None:
    for statistic in AGGREGATES.values():
        each = [statistic(stack[index]) for index in np.ndindex(stack.shape[:-2])]
        np.testing.assert_allclose(statistic(stack).ravel(), each)


@settings(max_examples=30, deadline=None)
@given(SCORES.filter(lambda scores: len(scores) > 1), st.sampled_from(sorted(AGGREGATES)))
def test_intervals_stay_within_the_scores_and_have_no_width_where_seeds_agree(
    scores: Floats, name: str
) -> None:
    found = aggregate(AGGREGATES[name], scores, rng(), limits=(0.0, 1.0))
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.high <= 1
    lowest, highest = scores.min(), scores.max()
    if name == "optimality_gap":
        lowest, highest = 1 - highest, 1 - lowest
    assert lowest - 1e-12 <= min(found.low, found.value)
    assert max(found.high, found.value) <= highest + 1e-12
    same = np.repeat(scores[:1], 3, axis=0)
    agreed = aggregate(AGGREGATES[name], same, rng())
    assert (agreed.low, agreed.high) == pytest.approx((agreed.value, agreed.value))
