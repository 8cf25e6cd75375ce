"""Metrics of the performance matrix against hand-computed values and brute force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from legion_bench.metrics import Undefined, success_rates
from legion_bench.metrics.continual import (
    average_performance,
    backward_transfer_gem,
    end_of_interval,
    forgetting_chaudhry,
    forgetting_coom,
    forgetting_cora,
    forgetting_cw,
    forgetting_legion,
    forward_transfer_gem,
    nbt_libero,
    retention,
    zero_shot_transfer_cora,
)
from legion_bench.types import Floats

from .logs import ends, log

# Diagonal (.9, .8, .7), final row (.1, .5, .7), then the row before training.
GOLDEN = np.array([[0.9, 0.0, 0.1], [0.4, 0.8, 0.2], [0.1, 0.5, 0.7], [0.0, 0.3, 0.0]])
BEST = np.array([0.9, 0.8, 0.7])
TASKS = ("a", "b", "c")
OF_TWO_TASKS = (
    forgetting_cw,
    forgetting_legion,
    forgetting_coom,
    forgetting_chaudhry,
    nbt_libero,
    backward_transfer_gem,
    forward_transfer_gem,
    retention,
)
OF_BEST = (forgetting_cora, zero_shot_transfer_cora)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (average_performance, 1.3 / 3),
        (forgetting_cw, 0.36666666666666664),
        (forgetting_legion, 0.55),
        (backward_transfer_gem, -0.55),
        (forgetting_coom, 0.55),
        (forgetting_chaudhry, 0.55),
        (nbt_libero, (0.65 + 0.3) / 3),
        (forward_transfer_gem, -0.05),
        (retention, (1 / 9 + 5 / 8 + 1) / 3),
    ],
)
def test_golden_values(metric: Callable[[Floats], float], expected: float) -> None:
    assert metric(GOLDEN) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (forgetting_cora, (5 / 9 + 3 / 9 + 3 / 8) / 3),
        (zero_shot_transfer_cora, (-3 / 8 + 1 / 7 + 1 / 7) / 3),
    ],
)
def test_golden_values_of_coras(metric: Callable[[Floats, Floats], float], expected: float) -> None:
    assert metric(GOLDEN, BEST) == pytest.approx(expected, abs=1e-12)


def test_chaudhry_forgets_from_the_best_and_coom_from_the_own_end() -> None:
    later = np.array([[0.5, 0.0, 0.0], [0.9, 0.8, 0.0], [0.1, 0.5, 0.7], [0.0, 0.0, 0.0]])
    assert forgetting_chaudhry(later) == pytest.approx(0.55)
    assert forgetting_coom(later) == pytest.approx(0.35)


def test_retention_leaves_out_what_was_not_learned() -> None:
    assert retention(np.array([[0.0, 0.0], [0.5, 0.8], [0.0, 0.0]])) == 1.0
    assert retention(np.array([[0.4, 0.0], [0.8, 0.0], [0.0, 0.0]])) == pytest.approx(2.0)
    with pytest.raises(Undefined, match="no task was solved at its own end"):
        retention(np.array([[0.0, 0.9], [0.5, 0.0], [0.0, 0.0]]))


@pytest.mark.parametrize("metric", OF_BEST)
def test_coras_leave_out_what_was_never_solved(metric: Callable[[Floats, Floats], float]) -> None:
    never = GOLDEN.copy()
    never[:, 1] = 0
    best = never.max(axis=0)
    two = metric(never[np.ix_([0, 1, 2, 3], [0, 1, 2])], best)
    pairs = {
        forgetting_cora: (5 / 9 + 3 / 9) / 2,
        zero_shot_transfer_cora: (1 / 7 + 1 / 7) / 2,
    }
    assert two == pytest.approx(pairs[metric])
    with pytest.raises(Undefined, match=r"no task but the \w+ was ever solved"):
        metric(np.zeros((4, 3)), np.zeros(3))


def test_forgetting_is_not_clipped() -> None:
    gained = np.array([[0.2, 0.0], [0.6, 1.0], [0.0, 0.0]])
    assert forgetting_cw(gained) == pytest.approx(-0.2)
    assert backward_transfer_gem(gained) == pytest.approx(0.4)


@pytest.mark.parametrize("metric", OF_TWO_TASKS)
def test_a_single_task_has_nothing_to_forget(metric: Callable[[Floats], float]) -> None:
    with pytest.raises(Undefined, match="at least two tasks"):
        metric(np.array([[0.7], [0.0]]))
    with pytest.raises(Undefined, match="all tasks are trained at once"):
        metric(np.array([[0.7, 0.7], [0.0, 0.0]]))


@pytest.mark.parametrize("metric", OF_BEST)
def test_a_single_task_has_no_pair(metric: Callable[[Floats, Floats], float]) -> None:
    with pytest.raises(Undefined, match="at least two tasks"):
        metric(np.array([[0.7], [0.0]]), np.array([0.7]))


def test_a_single_task_has_an_average() -> None:
    assert average_performance(np.array([[0.7], [0.1]])) == 0.7


def test_end_of_interval_averages_the_last_evaluations_of_each_visit() -> None:
    visits = [
        np.array([[0.1, 0.0, 0.0], [0.5, 0.1, 0.0], [0.9, 0.3, 0.0]]),
        np.array([[0.8, 0.2, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0]]),
        np.array([[0.1, 0.6, 0.1], [0.0, 0.6, 0.5], [0.2, 0.4, 0.9]]),
    ]
    run = success_rates(log(visits, TASKS, before=np.array([0.0, 0.2, 0.4])), TASKS, ends(TASKS))
    one, two = end_of_interval(run, window=1), end_of_interval(run, window=2)
    np.testing.assert_allclose(one[:3], [[0.9, 0.3, 0], [0.2, 0.8, 0], [0.2, 0.4, 0.9]])
    np.testing.assert_allclose(two[:3], [[0.7, 0.2, 0], [0.4, 0.6, 0], [0.1, 0.5, 0.7]])
    for matrix in (one, two):
        np.testing.assert_allclose(matrix[-1], [0.0, 0.2, 0.4])
    with pytest.raises(Undefined, match=r"needs 5 evaluations within each task; 'a' \(task 1 of 3\) has 3"):
        end_of_interval(run, window=5)


@pytest.mark.parametrize(
    ("last_step", "where"), [(0, "'a' .task 1 of 3"), (200, "'c' .task 3"), (250, "'c' .task 3")]
)
def test_an_unfinished_run_has_no_matrix(last_step: int, where: str) -> None:
    records = [r for r in log([np.zeros((2, 3))] * 3, TASKS) if r.step <= last_step]
    with pytest.raises(Undefined, match=f"ended at step {last_step}, before the end of {where}"):
        end_of_interval(success_rates(records, TASKS, ends(TASKS)), window=1)


def matrices(least_tasks: int = 2) -> st.SearchStrategy[Floats]:
    return st.integers(least_tasks, 6).flatmap(
        lambda n: arrays(np.float64, (n + 1, n), elements=st.integers(0, 10).map(lambda x: x / 10))
    )


@settings(max_examples=100, deadline=None)
@given(matrices())
def test_brute_force_and_ranges(matrix: Floats) -> None:
    n = matrix.shape[1]
    lost = sum(matrix[i, i] - matrix[n - 1, i] for i in range(n))
    assert average_performance(matrix) == pytest.approx(sum(matrix[n - 1]) / n)
    assert forgetting_cw(matrix) == pytest.approx(lost / n)
    assert forgetting_legion(matrix) == pytest.approx(lost / (n - 1))
    assert backward_transfer_gem(matrix) == pytest.approx(-forgetting_legion(matrix))
    assert forgetting_coom(matrix) == pytest.approx(forgetting_legion(matrix))
    peaks = [max(matrix[k, i] for k in range(i, n - 1)) for i in range(n - 1)]
    assert forgetting_chaudhry(matrix) == pytest.approx(
        sum(peak - matrix[n - 1, i] for i, peak in enumerate(peaks)) / (n - 1)
    )
    assert nbt_libero(matrix) == pytest.approx(
        sum(sum(matrix[k, k] - matrix[j, k] for j in range(k + 1, n)) / (n - 1 - k) for k in range(n - 1)) / n
    )
    assert forward_transfer_gem(matrix) == pytest.approx(
        sum(matrix[i - 1, i] - matrix[n, i] for i in range(1, n)) / (n - 1)
    )
    shares = [matrix[n - 1, i] / matrix[i, i] for i in range(n) if matrix[i, i] > 0]
    if shares:
        assert retention(matrix) == pytest.approx(sum(shares) / len(shares))
        assert retention(matrix) >= 0
    assert 0 <= average_performance(matrix) <= 1
    for metric in OF_TWO_TASKS:
        if metric is not retention:
            assert -1 - 1e-12 <= metric(matrix) <= 1 + 1e-12


@settings(max_examples=100, deadline=None)
@given(matrices())
def test_brute_force_of_coras(matrix: Floats) -> None:
    n, best = matrix.shape[1], matrix.max(axis=0)
    row = {k: matrix[k] for k in range(n)} | {-1: matrix[n]}
    pairs = [(i, j) for i in range(n) for j in range(n) if best[i] > 0]
    lost = [(row[j - 1][i] - row[j][i]) / best[i] for i, j in pairs if j > i]
    gained = [(row[j][i] - row[j - 1][i]) / best[i] for i, j in pairs if j < i]
    for metric, values in ((forgetting_cora, lost), (zero_shot_transfer_cora, gained)):
        if values:
            assert metric(matrix, best) == pytest.approx(sum(values) / len(values))
            assert -1 - 1e-12 <= metric(matrix, best) <= 1 + 1e-12


@settings(max_examples=50, deadline=None)
@given(matrices(3), st.integers(0, 99))
def test_renaming_earlier_tasks_changes_nothing(matrix: Floats, seed: int) -> None:
    n = matrix.shape[1]
    order = [*np.random.default_rng(seed).permutation(n - 1), n - 1]
    renamed = matrix[np.ix_([*order, n], order)]
    for metric in (average_performance, forgetting_cw, forgetting_legion, backward_transfer_gem):
        assert metric(renamed) == pytest.approx(metric(matrix))


@settings(max_examples=50, deadline=None)
@given(matrices())
def test_what_is_kept_is_not_forgotten(matrix: Floats) -> None:
    n = matrix.shape[1]
    matrix[n - 1] = np.diagonal(matrix)
    assert forgetting_cw(matrix) == forgetting_legion(matrix) == backward_transfer_gem(matrix) == 0
    if matrix[n - 1].any():
        assert retention(matrix) == pytest.approx(1)
