"""Bands and deviations: hand-computed, properties, and how often unchanged code fails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from legion_bench.errors import MetricError
from legion_bench.metrics import Performance
from legion_bench.metrics.equivalence import (
    QUANTITIES,
    Sample,
    band,
    deviation,
    false_alarm_rate,
    floors,
    outside,
    pooled_spread,
    quantities,
)
from legion_bench.types import Floats

NO_FLOOR = np.zeros(1)


def sample(*values: float, learns: bool = True, floor: float = 0.0) -> Sample:
    return Sample(np.array(values)[:, None], learns, np.array([floor]))


def performance(success: Floats, ends: tuple[int, ...]) -> Performance:
    steps = np.arange(len(success)) * 10
    positions = np.where(steps == 0, -1, np.searchsorted(ends, steps))
    tasks = tuple("abc"[: success.shape[1]])
    return Performance(steps, positions, success, tasks, ends, episodes=2)


def test_quantities_by_hand() -> None:
    success = np.zeros((11, 2))
    success[3:6, 0] = 1.0  # learned, then forgotten
    success[10, 1] = 1.0
    returns = np.tile([2.0, 5.0], (11, 1))
    found = quantities(performance(success, (50, 100)), returns, (np.array([1.0, 5.0]), np.array([3.0, 9.0])))
    # The end of the first visit is the mean of its last five evaluations, 0.6; half of that is forgotten.
    np.testing.assert_allclose(found, [4 / 22, 0.5, 0.25, 0.3])


def test_what_a_run_does_not_define_is_nan() -> None:
    unfinished = performance(np.zeros((4, 2)), (50, 100))
    assert np.isnan(quantities(unfinished, np.zeros((4, 2)), None)).tolist() == [False, False, True, True]


def test_a_visit_with_few_evaluations_has_no_forgetting() -> None:
    short = performance(np.ones((5, 2)), (20, 40))
    assert np.isnan(quantities(short, np.ones((5, 2)), None)[QUANTITIES.index("forgetting_cw")])


def test_floors_are_those_of_independent_episodes() -> None:
    made = performance(np.ones((4, 2)), (50, 100))
    found = floors(made, np.array([1.0, 1.0, 1.0, np.nan]), 0.01)
    every, last = (16 + 2) / (16 + 4), (4 + 2) / (4 + 4)
    kept = (20 + 2) / (20 + 4)
    expected = [np.sqrt(every * (1 - every) / 16), np.sqrt(last * (1 - last) / 4), 0.01]
    np.testing.assert_allclose(found, [*expected, np.sqrt(2 * kept * (1 - kept) / 20)])


def test_a_band_by_hand() -> None:
    # Squares within: 2 and 8, three degrees of freedom; two new seeds against three.
    samples = {"a": sample(1.0, 2.0, 3.0), "b": sample(0.0, 4.0), "idle": sample(9.0, 99.0, learns=False)}
    low, high = band(samples, "a", 2, 0.05)
    width = student.ppf(0.975, 3) * np.sqrt(10 / 3) * np.sqrt(1 / 2 + 1 / 3)
    np.testing.assert_allclose([low[0], high[0]], [2 - width, 2 + width])


def test_equal_seeds_are_no_proof_that_there_is_no_spread() -> None:
    low, high = band({"a": sample(1.0, 1.0, 1.0, floor=0.1)}, "a", 1, 0.05)
    width = student.ppf(0.975, 2) * 0.1 * np.sqrt(1 + 1 / 3)
    np.testing.assert_allclose([low[0], high[0]], [1 - width, 1 + width])


def test_one_seed_tells_nothing_of_the_spread() -> None:
    with pytest.raises(MetricError, match="need two"):
        band({"a": sample(1.0)}, "a", 1, 0.05)
    spread, freedom = pooled_spread([np.array([[1.0], [3.0]]), np.array([[7.0]])])
    assert (spread.tolist(), freedom) == ([np.sqrt(2)], 1)


values = st.lists(st.floats(-1, 1), min_size=2, max_size=6)


@given(values, st.integers(1, 9), st.floats(0.001, 0.2))
def test_a_band_holds_its_mean_and_widens_with_certainty(seeds: list[float], runs: int, rate: float) -> None:
    samples = {"a": sample(*seeds, floor=0.01)}
    low, high = band(samples, "a", runs, rate)
    assert low[0] < np.mean(seeds) < high[0]
    wider, narrower = band(samples, "a", runs, rate / 2), band(samples, "a", runs + 1, rate)
    assert wider[0][0] < low[0] < narrower[0][0]
    assert wider[1][0] > high[0] > narrower[1][0]


def test_false_alarms_are_as_rare_as_asked() -> None:
    """Four dependent quantities of three agents, drawn anew each time; 5 % so that few draws tell."""
    rng, alarms, draws = np.random.default_rng(0), 0, 2_000
    mixing = np.array(
        [[1.0, 0.5, 0.2, 0.0], [0.0, 1.0, 0.9, 0.0], [0.0, 0.0, 1.0, 0.3], [0.0, 0.0, 0.0, 1.0]]
    )
    for _ in range(draws):
        drawn = {name: rng.normal(size=(7, 4)) @ mixing for name in "abc"}
        samples = {name: Sample(found[:5], True, np.zeros(4)) for name, found in drawn.items()}
        alarms += any(
            outside(drawn[name][5:].mean(axis=0), band(samples, name, 2, 0.05 / 3)).any() for name in drawn
        )
    assert 0.01 < alarms / draws < 0.05


def test_splitting_seeds_tells_the_same() -> None:
    rng = np.random.default_rng(1)
    samples = {name: Sample(rng.normal(size=(40, 1)), True, NO_FLOOR) for name in "ab"}
    rate = false_alarm_rate(samples, {"a": 10, "b": 10}, 0.1, rng, 1_000)
    assert 0.02 < rate < 0.16


def test_a_band_is_left_by_what_is_far_from_it() -> None:
    samples = {"a": sample(0.5, 0.6, 0.7, 0.6, 0.5)}
    limits = band(samples, "a", 2, 0.01)
    assert not outside(np.array([0.58]), limits).any()
    assert outside(np.array([0.0]), limits).all()
    assert outside(np.array([np.nan]), limits).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.floats(1e-3, 1e3))
def test_a_deviation_is_relative_and_symmetric(seen: list[float], scale: float) -> None:
    one, other = np.array(seen), np.zeros(len(seen))
    np.testing.assert_allclose(deviation(one, other, np.array(scale)), np.abs(one) / scale)
    np.testing.assert_array_equal(
        deviation(one, other, np.array(scale)), deviation(other, one, np.array(scale))
    )
    assert not deviation(one, one, np.array(0.0)).any()


@pytest.mark.parametrize(("value", "reference"), [(np.nan, 1.0), (1.0, np.nan), (1.0, 0.0), (np.inf, 1.0)])
def test_what_cannot_be_compared_is_infinitely_far(value: float, reference: float) -> None:
    assert deviation(np.array([value]), np.array([reference]), np.array([0.0])) == [np.inf]
