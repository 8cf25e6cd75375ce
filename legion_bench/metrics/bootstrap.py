"""Resampling: how far a statistic over seeds is to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

from legion_bench.types import Floats

CONFIDENCE = 0.95
RESAMPLES = 2000
UNLIMITED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Estimate:
    """A statistic over seeds with its 95 % bootstrap interval."""

    value: float
    low: float | None
    """Lower end of the interval; None for one seed, which has no interval."""
    high: float | None
    count: int
    """Seeds behind the value; of two agents, those of the one that has fewer."""


def interval(
    samples: Sequence[Floats],
    statistic: Callable[..., Floats],
    rng: np.random.Generator,
    limits: tuple[float, float],
    batch: int | None = None,
) -> tuple[Floats, Floats]:
    """Return low and high of a statistic's 95 % interval, [...] each.

    The interval is the percentile bootstrap's (Efron 1979), which is defined where
    all seeds agree, unlike the bias-corrected one. It need not hold the statistic
    of the samples themselves.

    Args:
        samples: [..., S] each, with seeds last, at least two of them. Each sample is
            resampled independently of the others; what precedes its last axis stays together.
        statistic: of as many arrays [..., B, S] and an ``axis``, which is -1, to [..., B].
        rng: source of the resamples; the same state gives the same interval.
        limits: the statistic's lowest and highest possible value.
        batch: resamples at once, B, where all of them would not fit in memory.
    """
    found = bootstrap(
        tuple(samples),
        statistic,
        n_resamples=RESAMPLES,
        batch=batch,
        axis=-1,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=rng,
    ).confidence_interval
    return np.asarray(np.clip(found.low, *limits)), np.asarray(np.clip(found.high, *limits))


def stratified_interval(
    groups: Sequence[Floats],
    statistic: Callable[..., Floats],
    rng: np.random.Generator,
    limits: tuple[float, float],
) -> tuple[Floats, Floats]:
    """Return low and high of a statistic's 95 % interval, [K] each, or of no dimension.

    Seeds are drawn anew within each task (and agent), independently of other tasks: the
    stratified bootstrap of Agarwal et al. 2021, section 4.1. What a run's tasks have in
    common is not resampled with it; see :func:`interval` for the rest.

    Args:
        groups: [S, N] each, seeds by tasks. N is the same for all; S, which is 2 or more, need not be.
        statistic: of as many arrays [B, S, N] to [B, K] or [B].
        rng: source of the resamples.
        limits: the statistic's lowest and highest possible value.
    """
    tasks = groups[0].shape[1]

    def of_strata(*strata: Floats, axis: int) -> Floats:
        starts = range(0, len(strata), tasks)
        resampled = [np.stack(strata[start : start + tasks], axis=-1) for start in starts]
        return np.moveaxis(statistic(*resampled), 0, axis)

    return interval([column for group in groups for column in group.T], of_strata, rng, limits)
