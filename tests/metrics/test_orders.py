"""Order robustness on small numbers, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from legion_bench.errors import MetricError
from legion_bench.metrics import Undefined
from legion_bench.metrics.orders import mean_over_orders, order_robustness


def test_orders_weigh_the_same_whatever_their_seeds() -> None:
    found = order_robustness([np.array([0.2, 0.4]), np.array([0.9, 0.9, 0.9]), np.array([0.5, 0.7])])
    assert found.mean == pytest.approx(0.6)
    assert found.worst == pytest.approx(0.3)
    assert found.deviation == pytest.approx(0.3)  # of .3, .9 and .6
    # s² is .02, 0 and .02, divided by 2, 3 and 2 seeds: .01, 0 and .01.
    assert found.seed_deviation == pytest.approx(np.sqrt(0.02 / 3))


def test_one_seed_says_nothing_of_what_seeds_do() -> None:
    orders = [np.array([0.2]), np.array([0.4, 0.8])]
    found, mean = order_robustness(orders), mean_over_orders(orders, np.random.default_rng(0))
    assert (found.mean, found.worst, found.seed_deviation) == (pytest.approx(0.4), 0.2, None)
    assert (mean.value, mean.low, mean.high, mean.count) == (pytest.approx(0.4), None, None, 3)


def test_seeds_that_agree_leave_the_orders_alone() -> None:
    orders = [np.array([0.2, 0.2]), np.array([0.6, 0.6])]
    assert order_robustness(orders).seed_deviation == 0
    assert order_robustness(orders).deviation == pytest.approx(np.sqrt(0.08))
    mean = mean_over_orders(orders, np.random.default_rng(0))
    assert mean.low == pytest.approx(0.4) == mean.high, "orders are not resampled"


def test_seeds_are_resampled_within_their_order() -> None:
    """Of two seeds, 0 and 1, a resample has the mean 0, 1/2 or 1 with chances 1, 2 and 1 of 4."""
    orders = [np.array([0.0, 1.0]), np.array([0.5, 0.5])]
    mean = mean_over_orders(orders, np.random.default_rng(0))
    assert (mean.value, mean.low, mean.high) == (0.5, 0.25, 0.75)
    assert mean == mean_over_orders(orders, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("orders", "error"),
    [
        ([], Undefined),
        ([np.array([0.5, 0.6])], Undefined),
        ([np.array([0.5]), np.array([])], MetricError),
        ([np.array([0.5]), np.array([np.nan])], MetricError),
    ],
)
@pytest.mark.parametrize(
    "function", [order_robustness, lambda orders: mean_over_orders(orders, np.random.default_rng(0))]
)
def test_too_little_is_an_error(orders, error, function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error):
        function(orders)
