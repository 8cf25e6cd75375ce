"""Forward transfer against hand-computed values and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.metrics import Undefined
from legion_bench.metrics.transfer import (
    forward_transfer_coom,
    forward_transfer_cw,
    forward_transfer_meal,
    improvable,
    learnable,
)

AUC, REFERENCE = np.array([0.9, 0.5]), np.array([0.8, 0.1])


def test_golden_values() -> None:
    assert forward_transfer_cw(AUC, REFERENCE) == pytest.approx(0.4722, abs=5e-5)
    assert forward_transfer_coom(AUC, REFERENCE) == pytest.approx(0.4545, abs=5e-5)
    assert forward_transfer_meal(AUC, REFERENCE) == pytest.approx(2.0625)


def test_a_task_solved_at_once_alone_is_left_out() -> None:
    reference = np.array([1 - 1e-10, 0.1])
    assert improvable(reference).tolist() == [False, True]
    assert forward_transfer_cw(np.array([0.2, 0.55]), reference) == pytest.approx(0.5)
    with pytest.raises(Undefined, match="every task is solved from the first evaluation on"):
        forward_transfer_cw(AUC, np.ones(2))
    with pytest.raises(Undefined, match="every task is solved from the first evaluation on"):
        forward_transfer_coom(AUC, np.ones(2))


def test_a_task_never_solved_alone_is_left_out_of_meals() -> None:
    reference = np.array([0.0, 0.1])
    assert learnable(reference).tolist() == [False, True]
    assert forward_transfer_meal(AUC, reference) == pytest.approx(4.0)
    with pytest.raises(Undefined, match="no task is ever solved"):
        forward_transfer_meal(AUC, np.zeros(2))


rates = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(rates)
def test_brute_force_and_ranges(twentieths: list[tuple[int, int]]) -> None:
    pairs = [(a / 20, b / 20) for a, b in twentieths]
    auc, reference = np.array(pairs).T
    gains = [(a - b) / (1 - b) for a, b in pairs if b < 1]
    if gains:
        assert forward_transfer_cw(auc, reference) == pytest.approx(sum(gains) / len(gains))
        assert forward_transfer_cw(auc, reference) <= 1 + 1e-12
    shares = [(a - b) / b for a, b in pairs if b > 0]
    if shares:
        assert forward_transfer_meal(auc, reference) == pytest.approx(sum(shares) / len(shares))
        assert forward_transfer_meal(auc, reference) >= -1 - 1e-12
    mine, theirs = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    if theirs < 1 - 1e-9:
        assert forward_transfer_coom(auc, reference) == pytest.approx((mine - theirs) / (1 - theirs))


@settings(max_examples=50, deadline=None)
@given(rates)
def test_who_learns_as_fast_as_alone_transfers_nothing(twentieths: list[tuple[int, int]]) -> None:
    reference = np.array([b / 21 + 0.01 for _, b in twentieths])
    for metric in (forward_transfer_cw, forward_transfer_coom, forward_transfer_meal):
        assert metric(reference, reference) == pytest.approx(0)


def test_seed_means_first_is_the_mean_of_the_seeds() -> None:
    """For one reference the ratio is linear, so tables may average the runs' values."""
    seeds = np.random.default_rng(0).random((5, 2))
    of_means = forward_transfer_cw(seeds.mean(axis=0), REFERENCE)
    assert of_means == pytest.approx(np.mean([forward_transfer_cw(auc, REFERENCE) for auc in seeds]))
