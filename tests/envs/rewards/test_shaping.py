"""The building blocks against Meta-World's, and the ranges they promise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from metaworld.utils import reward_utils

from legion_bench.envs.rewards.frame import Frame
from legion_bench.envs.rewards.shaping import (
    between_pads,
    caging,
    caging_xz,
    closeness,
    gaussian,
    gripper_effort,
    gripping,
    hamacher,
    lifting,
    long_tail,
    long_tail_between,
    move_within_reach,
    nearing,
    placing,
)
from tests.envs.rewards.strategies import REPEATABLE, frames, in_both, in_both_frames, lengths, metres, shares


def _tolerance(x: float, lower: float, upper: float, margin: float, sigmoid: Any) -> float:
    return float(reward_utils.tolerance(x, (lower, upper), margin, sigmoid))


@settings(**REPEATABLE)
@given(gap=lengths, radius=lengths, margin=lengths)
@example(gap=0.0, radius=0.0, margin=0.0)
@example(gap=0.1, radius=0.0, margin=0.0)
@example(gap=0.3, radius=0.1, margin=0.2)
def test_falling_off_is_meta_worlds(gap: float, radius: float, margin: float) -> None:
    for ours, theirs in ((long_tail, "long_tail"), (gaussian, "gaussian")):
        value = in_both(ours, gap, radius, margin)
        assert value == pytest.approx(_tolerance(gap, 0.0, radius, margin, theirs), abs=1e-12)
        assert 0.0 <= value <= 1.0


@settings(**REPEATABLE)
@given(x=metres, lower=metres, width=lengths, margin=lengths)
@example(x=0.0, lower=0.0, width=0.0, margin=0.0)
@example(x=-0.1, lower=0.0, width=0.1, margin=0.0)
def test_falling_off_on_both_sides_is_meta_worlds(
    x: float, lower: float, width: float, margin: float
) -> None:
    value = in_both(long_tail_between, x, lower, lower + width, margin)
    assert value == pytest.approx(_tolerance(x, lower, lower + width, margin, "long_tail"), abs=1e-12)
    assert 0.0 <= value <= 1.0


@settings(**REPEATABLE)
@given(a=shares, b=shares)
@example(a=0.0, b=0.0)
@example(a=0.0, b=1.0)
@example(a=1.0, b=1.0)
def test_hamacher_product_is_meta_worlds(a: float, b: float) -> None:
    product = in_both(hamacher, a, b)
    assert product == pytest.approx(float(reward_utils.hamacher_product(a, b)), abs=1e-12)
    assert 0.0 <= product <= 1.0


@settings(**REPEATABLE)
@given(start_gap=lengths)
def test_nearing_is_a_tenth_at_the_start_and_one_at_the_goal(start_gap: float) -> None:
    radius = 0.05
    assert in_both(lambda m, gap: nearing(m, gap, start_gap, radius), radius) == 1.0
    if start_gap > radius:
        assert in_both(lambda m, gap: nearing(m, gap, start_gap, radius), start_gap) == pytest.approx(0.1)


@settings(**REPEATABLE)
@given(frame=frames())
def test_what_a_step_is_worth_lies_between_0_and_1(frame: Frame) -> None:
    sizes: dict[str, Any] = {"radius": 0.015, "pad_threshold": 0.05, "xz_threshold": 0.005}
    for part in (
        gripper_effort,
        lambda frame: gripper_effort(frame, 0.8),
        lambda frame: caging_xz(frame, frame.object1, 0.01),
        lambda frame: between_pads(frame, frame.object1, 0.015, 0.05),
        lambda frame: caging(frame, frame.object1, **sizes),
        lambda frame: caging(frame, frame.object1, **sizes, effort=0.8, dense=True),
        lambda frame: placing(frame)[1],
    ):
        assert 0.0 <= in_both_frames(part, frame) <= 1.0


@settings(**REPEATABLE)
@given(caged=shares, effort=shares)
def test_nothing_is_gripped_before_it_is_caged(caged: float, effort: float) -> None:
    held = in_both(gripping, caged, effort)
    assert 0.0 <= held <= caged
    assert held == 0.0 or caged > 0.97


@settings(**REPEATABLE)
@given(gap=lengths)
def test_closeness_falls_from_two(gap: float) -> None:
    assert in_both(closeness, 0.0) == 2.0
    assert in_both(closeness, gap + 0.001) < 2.0
    assert in_both(closeness, 0.3) < 0.001


@settings(**REPEATABLE)
@given(reach=lengths, gap=lengths, start_gap=lengths)
def test_moving_is_paid_only_within_reach_and_never_fined(reach: float, gap: float, start_gap: float) -> None:
    reward = in_both(move_within_reach, reach, gap, start_gap)
    assert reward >= -reach
    assert reward == -reach or reach < 0.05


@settings(**REPEATABLE)
@given(height=lengths, reach=lengths)
def test_lifting_is_paid_from_the_table_to_the_height_asked_for(height: float, reach: float) -> None:
    low, high = 0.02, 0.06
    paid = in_both(lambda m, z, away: lifting(m, z, away, low, high)[0] * 1.0, height, reach)
    if height >= high - 0.01:
        assert paid == pytest.approx(100 * high)
    elif reach < 0.1 and height > low + 0.005:
        assert paid == pytest.approx(100 * height)
    else:
        assert paid == 0.0
