"""Statistics over seeds: a mean, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from legion_bench.errors import MetricError
from legion_bench.types import Floats

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % bootstrap interval."""

    mean: float
    low: float | None
    """Lower end of the interval; None for one seed, which has no interval."""
    high: float | None
    count: int
    """Seeds behind the mean."""


def mean_interval(
    values: Floats, rng: np.random.Generator, limits: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate:
    """Return the mean of one metric over seeds, with its interval kept inside ``limits``.

    Args:
        values: [S], one value per seed.
        rng: source of the resamples; the same state gives the same interval.
        limits: the metric's lowest and highest possible value.

    Raises:
        MetricError: there is no value, or one is not finite.
    """
    mean, low, high = mean_band(values[:, None], rng, limits)
    if len(values) == 1:
        return Estimate(float(mean[0]), None, None, 1)
    return Estimate(float(mean[0]), float(low[0]), float(high[0]), len(values))


def mean_band(
    values: Floats, rng: np.random.Generator, limits: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[Floats, Floats, Floats]:
    """Return mean, low and high, [K] each, of S curves that are resampled as wholes.

    The interval is the percentile bootstrap's (Efron 1979), which is defined where
    all seeds agree, unlike the bias-corrected one. One curve is its own band.

    Args:
        values: [S, K], one row per seed.
        rng: source of the resamples.
        limits: the lowest and highest possible value.

    Raises:
        MetricError: there is no row, or a value is not finite.
    """
    if len(values) == 0 or not np.isfinite(values).all():
        raise MetricError(f"cannot average {values.tolist()} over seeds: every seed needs a finite value")
    mean = values.mean(axis=0)
    if len(values) == 1:
        return mean, mean, mean
    interval = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=100,
        axis=0,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=rng,
    ).confidence_interval
    low, high = np.clip(interval.low, *limits), np.clip(interval.high, *limits)
    # Rounding in the resampled means may put an interval of no width beside its mean.
    return mean, np.minimum(low, mean), np.maximum(high, mean)
