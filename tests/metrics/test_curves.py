"""Metrics of curves against hand-computed values and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from legion_bench.metrics import Performance, Undefined, success_rates
from legion_bench.metrics.curves import (
    fwt_libero,
    learning_auc,
    min_accuracy,
    own_curve,
    recall_improvement_legion,
    steps_to_threshold,
    worst_case_accuracy,
)
from legion_bench.types import Floats

from .logs import ends, log

TASKS = ("a", "b")
VISITS = [np.array([[0.2, 0.0], [1.0, 0.1]]), np.array([[0.6, 0.4], [0.3, 0.9]])]


def run() -> Performance:
    return success_rates(log(VISITS, TASKS, before=np.array([0.1, 0.2])), TASKS, ends(TASKS))


def test_a_tasks_own_curve_is_that_of_its_visit() -> None:
    for position, start, steps, success in (
        (0, False, [50, 100], [0.2, 1.0]),
        (0, True, [0, 50, 100], [0.1, 0.2, 1.0]),
        (1, False, [50, 100], [0.4, 0.9]),
        (1, True, [0, 50, 100], [0.1, 0.4, 0.9]),
    ):
        found = own_curve(run(), position, start=start)
        assert found[0].tolist() == steps
        np.testing.assert_allclose(found[1], success)


def test_learning_is_the_mean_inside_a_visit_without_its_start() -> None:
    np.testing.assert_allclose(learning_auc(run()), [0.6, 0.65])


def test_tasks_trained_at_once_or_not_to_the_end_have_no_curve_of_their_own() -> None:
    together = success_rates(log(VISITS[:1], TASKS), TASKS, [100])
    with pytest.raises(Undefined, match="trained at once"):
        learning_auc(together)
    with pytest.raises(Undefined, match="ended at step 100, before the end of 'b'"):
        learning_auc(success_rates(log(VISITS[:1], TASKS), TASKS, ends(TASKS)))


def test_what_follows_the_best_is_held_at_it() -> None:
    curves = [np.array([0.0, 0.5, 1.0, 0.2]), np.array([0.4, 0.4]), np.array([0.6, 0.2, 0.8])]
    assert fwt_libero(curves) == pytest.approx((2.5 / 4 + 0.4 + 1.6 / 3) / 3)


SUCCESS = np.array([[0.0, 0.0, 0.0], [0.9, 0.1, 0.0], [0.5, 0.8, 0.1], [0.7, 0.9, 0.2], [0.6, 0.3, 0.4]])
POSITIONS = np.array([-1, 0, 1, 1, 2])


def test_the_worst_is_sought_after_a_tasks_own_visit() -> None:
    assert min_accuracy(SUCCESS, POSITIONS) == pytest.approx((0.5 + 0.3) / 2)
    assert worst_case_accuracy(SUCCESS, POSITIONS) == pytest.approx(0.4 / 3 + 2 / 3 * 0.4)


@pytest.mark.parametrize("metric", [min_accuracy, worst_case_accuracy])
def test_one_task_or_all_at_once_have_no_worst_case(metric: object) -> None:
    for success, positions in ((np.ones((3, 1)), [-1, 0, 0]), (np.ones((3, 2)), [-1, 0, 0])):
        with pytest.raises(Undefined, match="at least two tasks, one trained after another"):
            metric(success, np.array(positions))  # type: ignore[operator]


def test_recall_is_the_area_gained() -> None:
    earlier = np.array([0, 50, 100]), np.array([0.0, 0.5, 1.0])
    later = np.array([0, 50, 100]), np.array([1.0, 0.5, 1.0])
    assert recall_improvement_legion(earlier, later) == pytest.approx(0.25)
    assert recall_improvement_legion(later, earlier) == pytest.approx(-0.25)
    uneven = np.array([0, 80, 100]), np.array([0.0, 1.0, 1.0])
    assert recall_improvement_legion(earlier, uneven) == pytest.approx(0.6 - 0.5)


def test_the_threshold_is_reached_first_or_never() -> None:
    curve = np.array([50, 100, 150]), np.array([0.5, 0.8, 0.6])
    assert steps_to_threshold(curve) == 100
    assert steps_to_threshold(curve, 0.5) == 50
    assert steps_to_threshold(curve, 0.81) is None


curves = st.integers(1, 6).flatmap(
    lambda k: arrays(np.float64, k, elements=st.integers(0, 10).map(lambda x: x / 10))
)


@settings(max_examples=100, deadline=None)
@given(st.lists(curves, min_size=1, max_size=4), st.integers(0, 10))
def test_brute_force_of_single_visits(given_curves: list[Floats], tenths: int) -> None:
    means = []
    for curve in given_curves:
        best = max(curve)
        first = list(curve).index(best)
        means.append((sum(curve[:first]) + best * (len(curve) - first)) / len(curve))
        steps = 10 * np.arange(1, len(curve) + 1)
        reached = [int(step) for step, value in zip(steps, curve, strict=True) if value >= tenths / 10]
        assert steps_to_threshold((steps, curve), tenths / 10) == (reached[0] if reached else None)
        assert (
            -1 <= recall_improvement_legion((np.arange(2), np.ones(2)), (np.arange(2), curve[[0, -1]])) <= 0
        )
    assert fwt_libero(given_curves) == pytest.approx(sum(means) / len(means))
    assert 0 <= fwt_libero(given_curves) <= 1


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_brute_force_of_the_worst_case(data: st.DataObject) -> None:
    n, each = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 3))
    positions = np.array([-1, *np.repeat(np.arange(n), each)])
    success = data.draw(
        arrays(np.float64, (len(positions), n), elements=st.integers(0, 10).map(lambda x: x / 10))
    )
    lowest = [min(row[i] for row, at in zip(success, positions, strict=True) if at > i) for i in range(n - 1)]
    expected = sum(lowest) / (n - 1)
    assert min_accuracy(success, positions) == pytest.approx(expected)
    assert worst_case_accuracy(success, positions) == pytest.approx(
        success[-1, n - 1] / n + (1 - 1 / n) * expected
    )
    assert 0 <= worst_case_accuracy(success, positions) <= 1
