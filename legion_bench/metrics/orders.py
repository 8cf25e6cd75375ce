"""How much the order of the tasks matters to an agent, seeds nested inside orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from legion_bench.errors import MetricError
from legion_bench.metrics.bootstrap import Estimate, interval
from legion_bench.metrics.performance import Undefined
from legion_bench.types import Floats


@dataclass(frozen=True)
class OrderRobustness:
    """Of one agent; everything is of the orders' means over seeds, so that orders weigh the same."""

    mean: float
    worst: float
    deviation: float
    """Standard deviation between orders (n - 1), which differing seeds widen too."""
    seed_deviation: float | None
    """What that deviation would be if only seeds differed, the root of the mean over orders of s²/n; None
    if an order has one seed."""


def order_robustness(orders: Sequence[Floats]) -> OrderRobustness:
    """Return mean, worst and standard deviation of average performance between orders.

    Args:
        orders: per order of the same tasks, P(T) [S] of its seeds; S may differ.

    Raises:
        Undefined: there is one order only.
        MetricError: an order has no seed, or a value is not finite.
    """
    _check(orders)
    means = np.array([values.mean() for values in orders])
    alone = any(len(values) == 1 for values in orders)
    noise = None if alone else float(np.sqrt(np.mean([v.var(ddof=1) / len(v) for v in orders])))
    return OrderRobustness(float(means.mean()), float(means.min()), float(means.std(ddof=1)), noise)


def mean_over_orders(
    orders: Sequence[Floats], rng: np.random.Generator, limits: tuple[float, float] = (0.0, 1.0)
) -> Estimate:
    """Return the mean over orders of their means, with a percentile-bootstrap interval.

    Seeds are resampled within each order; the orders stand, for few would be a poor sample
    of all there are. No interval if an order has one seed.

    Args:
        orders: as for :func:`order_robustness`.
        rng: source of the resamples.
        limits: the lowest and highest possible value.

    Raises:
        Undefined, MetricError: as :func:`order_robustness`.
    """
    _check(orders)
    mean = float(np.mean([values.mean() for values in orders]))
    count = sum(map(len, orders))
    if any(len(values) == 1 for values in orders):
        return Estimate(mean, None, None, count)
    low, high = interval(orders, _mean_of_means, rng, limits)
    # Rounding in the resampled means may put an interval of no width beside its mean.
    return Estimate(mean, min(float(low), mean), max(float(high), mean), count)


def _mean_of_means(*orders: Floats, axis: int) -> Floats:
    return np.asarray(np.mean([values.mean(axis=axis) for values in orders], axis=0))


def _check(orders: Sequence[Floats]) -> None:
    if len(orders) < 2:
        raise Undefined("needs runs on at least two orders of the same tasks")
    for values in orders:
        if len(values) == 0 or not np.isfinite(values).all():
            raise MetricError(f"cannot average {values.tolist()} over the seeds of an order")
