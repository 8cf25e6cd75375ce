"""Pull a door open by its handle."""

from __future__ import annotations

import math

from legion_bench.envs.rewards.arithmetic import TINY, Arithmetic, Number, Point, distance, distance_xy
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import hamacher, long_tail, long_tail_between, move_within_reach

_FUNNEL_RADIUS = 0.12


def _above_funnel(m: Arithmetic, hand: Point, handle: Point) -> Number:
    """Return 1 unless the hand comes to the handle too low, where it would bump into it."""
    outside = distance_xy(m, hand, handle.plus(-0.05, 0.0, 0.0)) - _FUNNEL_RADIUS
    floor = m.where(outside <= 0, 0.0, 0.04 * m.log(m.maximum(outside, TINY)) + 0.4)
    return long_tail(m, floor - hand.z, 0.01, floor / 2)


def _door_open_v2(frame: Frame) -> tuple[Number, Number]:
    m, handle, angle = frame.m, frame.object1, frame.joints["door"]
    above = _above_funnel(m, frame.hand, handle)
    behind_handle = distance(m, frame.hand, handle.plus(0.0, 0.03, -0.01))
    ready = hamacher(m, above, long_tail(m, behind_handle, _FUNNEL_RADIUS / 2, 0.5))
    opened = long_tail_between(m, 2 / 3 * math.pi + angle, 0.0, 0.5, math.pi / 3)
    effort = (m.minimum(m.maximum(frame.action[3], -1.0), 1.0) + 1) / 2
    started = angle < -math.pi / 90
    reward = 2 * hamacher(m, ready, effort) + 8 * (0.2 * started + 0.8 * opened)
    success = abs(handle.x - frame.target.x) <= 0.08
    return m.where(success, 10.0, reward), success


def _door_open_v1(frame: Frame) -> Number:
    m, handle = frame.m, frame.object1
    gap = distance_xy(m, handle, frame.target)
    return move_within_reach(m, distance(m, handle, frame.tcp), gap, frame.constants["maxPullDist"])


DOOR_OPEN = Law(
    Reading(
        object1=Probe("geom", "handle"),
        rotation1=Rotation("matrix", "geom", "handle"),
        joints={"door": "doorjoint"},
        constants=("maxPullDist",),
    ),
    _door_open_v2,
    _door_open_v1,
)
