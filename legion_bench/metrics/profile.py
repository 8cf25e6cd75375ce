"""Performance profiles: which share of scores lies above each threshold."""

from __future__ import annotations

import numpy as np

from legion_bench.metrics.aggregate import check_scores
from legion_bench.metrics.bootstrap import stratified_interval
from legion_bench.types import Floats


def performance_profile(scores: Floats, thresholds: Floats) -> Floats:
    """Return the share of seeds and tasks whose score is above each threshold, in [0, 1].

    It is the score distribution of Agarwal et al. 2021, section 4.2, rliable's default.

    Args:
        scores: [..., S, N], seeds by tasks.
        thresholds: [K]

    Returns:
        [..., K], which falls as thresholds rise.
    """
    return np.stack([(scores > threshold).mean(axis=(-2, -1)) for threshold in thresholds], axis=-1)


def profile_band(
    scores: Floats, thresholds: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return a performance profile with its 95 % stratified-bootstrap band: share, low and high, [K] each.

    The band is pointwise. That of one seed is NaN: there is none.

    Args:
        scores: [S, N], seeds by tasks.
        thresholds: [K]
        rng: source of the resamples, drawn within each task.

    Raises:
        MetricError: scores are not [S, N], or not all finite.
    """
    check_scores(scores)
    share = performance_profile(scores, thresholds)
    if len(scores) == 1:
        nothing = np.full_like(share, np.nan)
        return share, nothing, nothing
    low, high = stratified_interval(
        [scores], lambda resampled: performance_profile(resampled, thresholds), rng, (0.0, 1.0)
    )
    return share, low, high
