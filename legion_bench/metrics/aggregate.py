"""Many scores in one number: the mean of a metric over seeds, and aggregates over seeds and tasks.

The aggregates are those of Agarwal et al. 2021, “Deep Reinforcement Learning at the Edge
of the Statistical Precipice”, and equal to rliable's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import trim_mean

from legion_bench.errors import MetricError
from legion_bench.metrics.bootstrap import UNLIMITED, Estimate, interval, stratified_interval
from legion_bench.types import Floats

Statistic = Callable[[Floats], Floats]


def mean_interval(
    values: Floats, rng: np.random.Generator, limits: tuple[float, float] = UNLIMITED
) -> Estimate:
    """Return the mean of one metric over seeds, with its interval kept inside ``limits``.

    Args:
        values: [S], one value per seed.
        rng: source of the resamples; the same state gives the same interval.
        limits: the metric's lowest and highest possible value.

    Raises:
        MetricError: there is no value, or one is not finite.
    """
    centre, low, high = mean_band(values[:, None], rng, limits)
    if len(values) == 1:
        return Estimate(float(centre[0]), None, None, 1)
    return Estimate(float(centre[0]), float(low[0]), float(high[0]), len(values))


def mean_band(
    values: Floats, rng: np.random.Generator, limits: tuple[float, float] = UNLIMITED
) -> tuple[Floats, Floats, Floats]:
    """Return mean, low and high, [K] each, of S curves that are resampled as wholes.

    The interval is the percentile bootstrap's. One curve is its own band.

    Args:
        values: [S, K], one row per seed.
        rng: source of the resamples.
        limits: the lowest and highest possible value.

    Raises:
        MetricError: there is no row, or a value is not finite.
    """
    if len(values) == 0 or not np.isfinite(values).all():
        raise MetricError(f"cannot average {values.tolist()} over seeds: every seed needs a finite value")
    centre = values.mean(axis=0)
    if len(values) == 1:
        return centre, centre, centre
    low, high = interval([values.T], np.mean, rng, limits, batch=100)
    # Rounding in the resampled means may put an interval of no width beside its mean.
    return centre, np.minimum(low, centre), np.maximum(high, centre)


def mean(scores: Floats) -> Floats:
    """Return the mean over tasks of the mean over seeds, [..., S, N] → [...]."""
    return np.asarray(scores.mean(axis=-2).mean(axis=-1))


def median(scores: Floats) -> Floats:
    """Return the median over tasks of the mean over seeds, [..., S, N] → [...]."""
    return np.asarray(np.median(scores.mean(axis=-2), axis=-1))


def iqm(scores: Floats) -> Floats:
    """Return the interquartile mean, [..., S, N] → [...].

    All S·N scores are pooled; of the lowest and of the highest, S·N // 4 each are left out
    (Agarwal et al. 2021, section 4.3).
    """
    return np.asarray(trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1))


def optimality_gap(scores: Floats) -> Floats:
    """Return how far scores fall short of 1 on average, [..., S, N] → [...].

    A score above 1 makes up for no other (Agarwal et al. 2021, section 4.3, with γ = 1). Of
    success rates it is 1 minus their mean.
    """
    return np.asarray(1.0 - np.minimum(scores, 1.0).mean(axis=(-2, -1)))


AGGREGATES: Mapping[str, Statistic] = {
    "mean": mean,
    "iqm": iqm,
    "median": median,
    "optimality_gap": optimality_gap,
}


def aggregate(
    statistic: Statistic,
    scores: Floats,
    rng: np.random.Generator,
    limits: tuple[float, float] = UNLIMITED,
) -> Estimate:
    """Return one of :data:`AGGREGATES` with its stratified-bootstrap interval, kept inside ``limits``.

    Args:
        statistic: [..., S, N] → [...].
        scores: [S, N], seeds by tasks.
        rng: source of the resamples, drawn within each task.
        limits: the statistic's lowest and highest possible value.

    Raises:
        MetricError: see :func:`check_scores`.
    """
    check_scores(scores)
    value = float(statistic(scores))
    if len(scores) == 1:
        return Estimate(value, None, None, 1)
    low, high = stratified_interval([scores], statistic, rng, limits)
    return Estimate(value, float(low), float(high), len(scores))


def check_scores(scores: Floats) -> None:
    """Raise MetricError unless scores are [S, N], S and N at least 1, and all are finite."""
    if scores.ndim != 2 or scores.size == 0 or not np.isfinite(scores).all():
        raise MetricError(
            f"needs finite scores of seeds by tasks, [S, N], got {scores.tolist()} of shape {scores.shape}"
        )
