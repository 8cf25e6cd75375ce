"""Two agents against one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu

from legion_bench.errors import MetricError
from legion_bench.metrics.bootstrap import Estimate
from legion_bench.metrics.comparison import improvement, paired_difference, probability_of_improvement
from legion_bench.types import Floats

RATES = st.integers(0, 10).map(lambda count: count / 10)


@st.composite
def pairs(draw: st.DrawFn, least: int = 1) -> tuple[Floats, Floats]:
    """Scores of two agents, of as many tasks and any number of seeds."""
    tasks, first, second = draw(st.integers(1, 4)), draw(st.integers(least, 5)), draw(st.integers(least, 5))
    return tuple(draw(arrays(np.float64, (seeds, tasks), elements=RATES)) for seeds in (first, second))


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_improvement_by_hand() -> None:
    """On the first task 2 wins and a draw of 6 pairs, on the second all."""
    scores, others = np.array([[0.1, 0.5], [0.5, 0.6], [0.9, 0.7]]), np.array([[0.5, 0.4], [0.7, 0.0]])
    assert probability_of_improvement(scores, others) == pytest.approx((2.5 / 6 + 1) / 2)


@given(pairs())
def test_improvement_is_the_mean_of_mann_whitney_over_tasks(two: tuple[Floats, Floats]) -> None:
    scores, others = two
    statistic = mannwhitneyu(scores, others, axis=0).statistic
    expected = statistic.mean() / (len(scores) * len(others))
    assert probability_of_improvement(scores, others) == pytest.approx(expected)
    assert probability_of_improvement(others, scores) == pytest.approx(1 - expected)
    assert probability_of_improvement(scores, scores) == 0.5


@settings(deadline=None, max_examples=30)
@given(pairs(least=2))
def test_its_interval_stays_within_its_range(two: tuple[Floats, Floats]) -> None:
    found = improvement(*two, rng())
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.high <= 1
    assert found.count == min(map(len, two))


def test_one_seed_of_either_agent_leaves_no_interval() -> None:
    scores, others = np.array([[0.4]]), np.array([[0.1], [0.6], [0.2]])
    assert improvement(scores, others, rng()) == Estimate(2 / 3, None, None, 1)
    assert improvement(others, scores, rng()) == Estimate(1 / 3, None, None, 1)
    assert paired_difference(scores, others[:1], rng()) == Estimate(pytest.approx(0.3), None, None, 1)


def test_agents_that_never_meet_leave_no_doubt() -> None:
    assert improvement(np.array([[0.8], [0.9]]), np.array([[0.1], [0.2]]), rng()) == Estimate(1, 1, 1, 2)


def test_differences_by_hand() -> None:
    """.1 in one seed and .5 in the other; both or one of them in each resample."""
    scores, others = np.array([[0.2, 0.4], [0.6, 0.8]]), np.array([[0.1, 0.3], [0.3, 0.1]])
    found = paired_difference(scores, others, rng(), limits=(-1.0, 1.0))
    assert (found.value, found.low, found.high) == pytest.approx((0.3, 0.1, 0.5))


def test_what_seeds_have_in_common_is_no_noise() -> None:
    """Seeds differ by .8, agents by .1 in each: the difference is certain, the improvement is not."""
    scores = np.array([[0.1], [0.5], [0.9]])
    found = paired_difference(scores + 0.1, scores, rng())
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    unpaired = improvement(scores + 0.1, scores, rng())
    assert unpaired.low is not None
    assert unpaired.low < 0.5 < unpaired.value


def test_the_order_of_seeds_pairs_them() -> None:
    scores = np.array([[0.1], [0.5], [0.9]])
    found = paired_difference(scores + 0.1, scores[[2, 0, 1]], rng())
    assert found.value == pytest.approx(0.1)
    assert found.low is not None
    assert found.low < -0.2


def test_what_cannot_be_compared_is_an_error() -> None:
    scores = np.full((2, 3), 0.5)
    with pytest.raises(MetricError, match="3 tasks with 2"):
        improvement(scores, scores[:, :2], rng())
    with pytest.raises(MetricError, match="2 seeds with 1"):
        paired_difference(scores, scores[:1], rng())
    with pytest.raises(MetricError, match="finite"):
        paired_difference(scores, scores * np.nan, rng())
