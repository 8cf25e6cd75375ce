"""Resampling against what it must give if every resample is counted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from legion_bench.metrics import bootstrap
from legion_bench.metrics.aggregate import AGGREGATES, aggregate, mean, mean_interval
from legion_bench.metrics.bootstrap import Estimate, stratified_interval
from legion_bench.metrics.comparison import probability_of_improvement
from legion_bench.types import Floats


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def resamples(scores: Floats) -> list[Floats]:
    """Return all S**(S·N) ways to draw seeds within each task."""
    seeds, tasks = scores.shape
    draws = product(range(seeds), repeat=seeds * tasks)
    return [np.take_along_axis(scores, np.reshape(draw, scores.shape), axis=0) for draw in draws]


def test_tasks_are_resampled_apart() -> None:
    """Two runs, three tasks: all six draws are 0 in one of 64 resamples, under 2.5 %; five of six in 6 more.

    Of whole runs a quarter of the resamples would be all 0.
    """
    scores = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert aggregate(mean, scores, rng()) == Estimate(0.5, pytest.approx(1 / 6), pytest.approx(5 / 6), 2)
    whole = mean_interval(scores.mean(axis=1), rng())
    assert (whole.low, whole.high) == (0.0, 1.0)


@pytest.mark.parametrize("name", AGGREGATES)
def test_intervals_are_those_of_all_resamples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 50_000)
    scores = np.array([[0.1, 0.45], [0.7, 0.5], [0.35, 0.95]])
    every = [float(AGGREGATES[name](resample)) for resample in resamples(scores)]
    found = aggregate(AGGREGATES[name], scores, rng())
    expected = np.quantile(every, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.06 * np.ptp(expected))


def test_two_agents_are_resampled_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 50_000)
    scores, others = np.array([[0.1, 0.5], [0.4, 0.9]]), np.array([[0.2, 0.3], [0.3, 0.9], [0.0, 0.6]])
    every = [
        float(probability_of_improvement(x, y)) for x, y in product(resamples(scores), resamples(others))
    ]
    low, high = stratified_interval([scores, others], probability_of_improvement, rng(), (0.0, 1.0))
    expected = np.quantile(every, [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(expected), abs=0.06 * np.ptp(expected))


def test_the_generator_decides_and_the_global_one_is_left_alone() -> None:
    scores = np.random.default_rng(2).random((6, 3))
    before = np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    assert aggregate(mean, scores, rng()) == aggregate(mean, scores, rng())
    assert aggregate(mean, scores, rng()) != aggregate(mean, scores, np.random.default_rng(8))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]  # noqa: NPY002


def test_limits_bind() -> None:
    found = aggregate(mean, np.array([[0.0], [0.5], [1.0]]), rng(), limits=(0.4, 0.6))
    assert (found.low, found.high) == (0.4, 0.6)


def test_means_of_many_seeds_have_the_normal_interval_of_their_strata() -> None:
    """The variance of the mean is that within tasks alone: differences between tasks are no noise."""
    scores = np.random.default_rng(1).normal([0.2, 0.5, 0.9], 0.1, size=(200, 3))
    found = aggregate(mean, scores, rng())
    margin = 1.96 * np.sqrt(scores.var(axis=0).sum() / 200) / 3
    assert found.low == pytest.approx(scores.mean() - margin, abs=0.002)
    assert found.high == pytest.approx(scores.mean() + margin, abs=0.002)
