"""Building blocks of Meta-World's rewards (Yu et al. 2020, appendix; after dm_control)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from legion_bench.envs.rewards.arithmetic import (
    TINY,
    Arithmetic,
    Number,
    Point,
    distance,
    distance_xy,
    distance_xz,
)
from legion_bench.envs.rewards.frame import Frame

# Both sigmoids are 0.1 one margin away from the bounds.
_LONG_TAIL = math.sqrt(1 / 0.1 - 1)
_GAUSSIAN = math.sqrt(-2 * math.log(0.1))

Tolerance = Callable[[Arithmetic, Number, Number, Number], Number]
"""What :func:`long_tail` and :func:`gaussian` have in common."""


def long_tail(m: Arithmetic, gap: Number, radius: Number, margin: Number) -> Number:
    """Return 1 for gaps up to ``radius``, falling off polynomially to 0.1 a margin beyond.

    A margin of 0 gives 0 beyond the radius.
    """
    return _long_tail(m, m.maximum(gap - radius, 0.0), margin)


def long_tail_between(m: Arithmetic, x: Number, lower: float, upper: float, margin: Number) -> Number:
    """Return 1 inside [lower, upper], falling off as :func:`long_tail` on both sides."""
    return _long_tail(m, m.maximum(m.maximum(lower - x, x - upper), 0.0), margin)


def _long_tail(m: Arithmetic, excess: Number, margin: Number) -> Number:
    scaled = excess / m.maximum(margin, TINY) * _LONG_TAIL
    return 1 / (scaled * scaled + 1)


def gaussian(m: Arithmetic, gap: Number, radius: Number, margin: Number) -> Number:
    """Return 1 for gaps up to ``radius``, falling off as a Gaussian to 0.1 a margin beyond."""
    scaled = m.maximum(gap - radius, 0.0) / m.maximum(margin, TINY) * _GAUSSIAN
    return m.exp(-0.5 * scaled * scaled)


def hamacher(m: Arithmetic, a: Number, b: Number) -> Number:
    """Return the Hamacher product of two numbers in [0, 1]; 0 if both are 0."""
    product = a * b
    return product / m.maximum(a + b - product, TINY)


def nearing(
    m: Arithmetic, gap: Number, start_gap: Number, radius: float, tolerance: Tolerance = long_tail
) -> Number:
    """Return 1 for gaps up to ``radius``, 0.1 for the gap at the start of the episode."""
    return tolerance(m, gap, radius, abs(start_gap - radius))


def reaching(frame: Frame, obj: Point, start: Point, radius: float, tolerance: Tolerance) -> Number:
    """Return how near the fingers are to an object that was at ``start``; needs ``init_tcp``."""
    m = frame.m
    start_gap = distance(m, start, frame.constants["init_tcp"])
    return nearing(m, distance(m, obj, frame.tcp), start_gap, radius, tolerance)


def placing(frame: Frame) -> tuple[Number, Number]:
    """Return the first object's distance from the target, and in [0, 1] how good that is.

    Needs the constant ``obj_init_pos``.
    """
    m = frame.m
    gap = distance(m, frame.object1, frame.target)
    return gap, long_tail(m, gap, 0.05, distance(m, frame.constants["obj_init_pos"], frame.target))


def gripper_effort(frame: Frame, full: float = 1.0) -> Number:
    """Return the commanded closing effort in [0, 1], of which ``full`` is enough."""
    return frame.m.minimum(frame.m.maximum(frame.action[3], 0.0), full) / full


def gripping(m: Arithmetic, caged: Number, effort: Number) -> Number:
    """Return how well an object is held, which begins once it is caged."""
    return hamacher(m, caged, m.where(caged > 0.97, effort, 0.0))


def caging_xz(frame: Frame, obj: Point, threshold: float) -> Number:
    """Return how near the fingers are to an object seen along y; at best within ``threshold``.

    Needs the constants ``obj_init_pos`` and ``init_tcp``.
    """
    m = frame.m
    margin = distance_xz(m, frame.constants["obj_init_pos"], frame.constants["init_tcp"]) - threshold
    return long_tail(m, distance_xz(m, frame.tcp, obj), threshold, margin)


def caging(
    frame: Frame,
    obj: Point,
    *,
    radius: float,
    pad_threshold: float,
    xz_threshold: float,
    effort: float = 1.0,
    dense: bool = False,
) -> Number:
    """Return how well the gripper encloses and holds an object, in [0, 1].

    Needs the constants ``obj_init_pos`` and ``init_tcp``.

    Args:
        frame: the step.
        obj: where the object is.
        radius: of the object, metres.
        pad_threshold: distance of the pads at which the object is between them, metres.
        xz_threshold: distance in x and z at which the hand is at the object, metres.
        effort: closing effort that counts as full.
        dense: Meta-World's high density: caging counts before gripping.
    """
    m = frame.m
    start: Point = frame.constants["obj_init_pos"]

    def side(pad: Point) -> Number:
        margin = abs(abs(pad.y - start.y) - pad_threshold)
        return long_tail_between(m, abs(pad.y - obj.y), radius, pad_threshold, margin)

    caging_y = hamacher(m, side(frame.left_pad), side(frame.right_pad))
    caged = hamacher(m, caging_y, caging_xz(frame, obj, xz_threshold))
    held = gripping(m, caged, gripper_effort(frame, effort))
    return (held + caged) / 2 if dense else held


def between_pads(frame: Frame, obj: Point, radius: float, threshold: float) -> Number:
    """Return how well an object lies between the pads; one beyond a pad is no nearer to it.

    Tolerance shrinks with each pad's distance from 5 cm beside the object: Meta-World
    means the pads' distance at the start, but its record of them moves with the pads.
    """
    m = frame.m

    def side(gap: Number) -> Number:
        return long_tail_between(m, gap, radius, threshold, abs(abs(gap) - 0.05))

    return hamacher(m, side(frame.left_pad.y - obj.y), side(obj.y - frame.right_pad.y))


def closeness(m: Arithmetic, gap: Number) -> Number:
    """Return version 1's bonus for a small gap (metres): 2 at 0, all but gone at 0.3 m."""
    square = gap * gap
    return m.exp(square * -100.0) + m.exp(square * -1000.0)


def progress(m: Arithmetic, gap: Number, start_gap: Number) -> Number:
    """Return version 1's reward for shrinking a gap (metres) from that at the start."""
    return 1000 * (start_gap - gap + closeness(m, gap))


def move_within_reach(m: Arithmetic, reach: Number, gap: Number, start_gap: Number) -> Number:
    """Return version 1's reward of most tasks: go to an object, then shrink its gap.

    Args:
        m: the arithmetic.
        reach: distance of the fingers from the object, metres.
        gap: what remains to be done, metres.
        start_gap: what there was to be done, metres.
    """
    return m.where(reach < 0.05, m.maximum(progress(m, gap, start_gap), 0.0), 0.0) - reach


def close_at_object(frame: Frame, reach: Number) -> Number:
    """Return version 1's reward for going to an object (metres away) and closing the gripper."""
    m = frame.m
    return m.where(reach < 0.05, m.maximum(frame.action[3], 0.0) * 0.02, 0.0) - reach


def approach_from_above(frame: Frame, reach: Number, start_height: Number) -> Number:
    """Return :func:`close_at_object`, but stay as high as at the start until above the object."""
    m = frame.m
    aside = distance_xy(m, frame.object1, frame.tcp)
    high = aside + 2 * abs(frame.tcp.z - start_height)
    return m.where(aside < 0.05, close_at_object(frame, reach), -high)


def lifting(m: Arithmetic, height: Number, reach: Number, low: Number, high: Number) -> tuple[Number, Any]:
    """Return version 1's reward for lifting an object, and whether it is held up.

    Meta-World also asks whether the object was dropped; one that is up never was.

    Args:
        m: the arithmetic.
        height: of the object, metres.
        reach: distance of the fingers from the object, metres.
        low: height at rest, metres.
        high: height to lift to, metres.
    """
    up, in_reach = height >= high - 0.01, reach < 0.1
    off_table = m.where(in_reach & (height > low + 0.005), m.minimum(high, height), 0.0)
    return 100 * m.where(up, high, off_table), up & in_reach


def lift_and_carry(frame: Frame) -> Number:
    """Return version 1's reward for carrying an object through the air to the target.

    Needs the constants ``init_tcp``, ``objHeight``, ``heightTarget`` and ``maxPlacingDist``.
    """
    m, constants = frame.m, frame.constants
    reach = distance(m, frame.object1, frame.tcp)
    lifted, held_up = lifting(m, frame.object1.z, reach, constants["objHeight"], constants["heightTarget"])
    carried = progress(m, distance(m, frame.object1, frame.target), constants["maxPlacingDist"])
    approach = approach_from_above(frame, reach, constants["init_tcp"].z)
    return approach + lifted + m.where(held_up, m.maximum(carried, 0.0), 0.0)
