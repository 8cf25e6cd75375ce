"""Our statistics against rliable's, on the same scores: `tox run -e rliable`.

Values must be equal, intervals equal within the error of two bootstraps: rliable draws
from NumPy's global generator, whatever it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from legion_bench.metrics import bootstrap
from legion_bench.metrics.aggregate import AGGREGATES, aggregate, mean_interval
from legion_bench.metrics.comparison import improvement, probability_of_improvement
from legion_bench.metrics.profile import performance_profile, profile_band
from legion_bench.types import Floats

library = pytest.importorskip("rliable.library", exc_type=ImportError)
metrics = pytest.importorskip("rliable.metrics", exc_type=ImportError)

THEIRS = {
    "mean": metrics.aggregate_mean,
    "iqm": metrics.aggregate_iqm,
    "median": metrics.aggregate_median,
    "optimality_gap": metrics.aggregate_optimality_gap,
}
OURS, REPEATS = 20_000, 5000
"""Resamples; theirs are drawn one by one, in Python."""
THRESHOLDS = np.linspace(0, 1, 11)
SHAPES = [(1, 1), (1, 5), (2, 3), (3, 3), (5, 10), (10, 3), (20, 10)]


@pytest.fixture(autouse=True)
def resampling(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let us draw many resamples, and them the same in each run of a test."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", OURS)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


def rates(runs: int, tasks: int, seed: int = 0) -> Floats:
    """Return success rates of ten episodes, many of them equal."""
    return np.random.default_rng(seed).integers(0, 11, (runs, tasks)) / 10


def scores(runs: int, tasks: int, seed: int = 0) -> Floats:
    """Return scores, some above 1; those of one run are alike, so it matters what is drawn with what."""
    rng = np.random.default_rng(seed)
    return rng.random((1, tasks)) + rng.normal(0, 0.3, (runs, 1)) + rng.normal(0, 0.1, (runs, tasks))


def theirs(statistic: Callable[..., object], *given: Floats, repeats: int = REPEATS) -> Floats:
    """Return rliable's interval, [low, high], of one statistic."""
    sample = given[0] if len(given) == 1 else list(given)
    _, found = library.get_interval_estimates(
        {"agent": sample}, lambda *x: np.array([statistic(*x)]), reps=repeats
    )
    return np.ravel(found["agent"])


def bootstrap_error(low: float, high: float, repeats: int = REPEATS) -> float:
    """Return four standard errors of the difference between two ends of such an interval.

    A quantile of B resamples is off by sqrt(p (1 - p) / B) / f, where f, the normal density
    at p = 2.5 %, is .0584 over the resamples' deviation, a 3.92th of the interval.
    """
    share = np.sqrt(0.025 * 0.975 * (1 / OURS + 1 / repeats))
    return float(4 * share / 0.0584 * (high - low) / 3.92)


@pytest.mark.parametrize("made", [rates, scores])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_equal(shape: tuple[int, int], made: Callable[..., Floats]) -> None:
    given, others = made(*shape), made(shape[0] + 1, shape[1], seed=1)
    for name, statistic in AGGREGATES.items():
        assert statistic(given) == THEIRS[name](given), name
    np.testing.assert_array_equal(
        performance_profile(given, THRESHOLDS), library.score_distributions(given, THRESHOLDS)
    )
    for x, y in ((given, others), (others, given), (given, given)):
        assert probability_of_improvement(x, y) == metrics.probability_of_improvement(x, y)


@pytest.mark.parametrize("shape", [(5, 10), (20, 4)])
@pytest.mark.parametrize("name", AGGREGATES)
def test_intervals_of_aggregates_are_equal(name: str, shape: tuple[int, int]) -> None:
    given = scores(*shape)
    low, high = theirs(THEIRS[name], given)
    ours = aggregate(AGGREGATES[name], given, np.random.default_rng(0))
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=bootstrap_error(low, high))


def test_that_comparison_would_tell_whole_runs_from_strata() -> None:
    given = scores(5, 10)
    low, high = theirs(THEIRS["mean"], given)
    whole = mean_interval(given.mean(axis=1), np.random.default_rng(0))
    assert whole.low is not None
    assert low - whole.low > 3 * bootstrap_error(low, high)


def test_bands_of_profiles_are_equal() -> None:
    given = scores(20, 10)
    found, bands = library.create_performance_profile({"agent": given}, THRESHOLDS)
    share, low, high = profile_band(given, THRESHOLDS, np.random.default_rng(0))
    np.testing.assert_array_equal(share, found["agent"])
    step = 1 / given.size  # A share is a multiple of it.
    for ours, ends in ((low, bands["agent"][0]), (high, bands["agent"][1])):
        np.testing.assert_allclose(ours, ends, atol=2 * step)


def test_intervals_of_improvement_are_equal() -> None:
    x, y = scores(6, 5), scores(8, 5, seed=1)
    low, high = theirs(metrics.probability_of_improvement, x, y, repeats=2000)
    ours = improvement(x, y, np.random.default_rng(0))
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=bootstrap_error(low, high, 2000))
