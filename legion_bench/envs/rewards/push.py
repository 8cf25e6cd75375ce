"""Push a puck over the table to a mark."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, Point, distance, distance_xy, weighted_distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import (
    between_pads,
    caging,
    caging_xz,
    hamacher,
    long_tail,
    move_within_reach,
    placing,
)

_CONSTANTS = ("obj_init_pos", "init_tcp", "maxPushDist")
_ROTATION = Rotation("matrix", "geom", "objGeom")
# Where the way around the wall leads past its end; its height is the puck's.
_BESIDE_WALL = (-0.05, 0.77)
_STRETCH_X = (3.0, 1.0, 1.0)
_PUCK_RADIUS = 0.007


def _push_v2(frame: Frame) -> tuple[Number, Number]:
    m, puck = frame.m, frame.object1
    to_target, in_place = placing(frame)
    held = caging(frame, puck, radius=0.015, pad_threshold=0.05, xz_threshold=0.005, dense=True)
    holding = (distance(m, puck, frame.tcp) < 0.02) & (frame.opening > 0)
    reward = m.where(holding, 4 * held + 1 + 5 * in_place, 2 * held)
    return m.where(to_target < 0.05, 10.0, reward), to_target <= 0.05


def _push_wall_v2(frame: Frame) -> tuple[Number, Number]:
    m, puck = frame.m, frame.object1
    to_target, in_place = placing(frame)
    beside = Point(*_BESIDE_WALL, puck.z)
    start_gap = weighted_distance(m, frame.constants["obj_init_pos"], beside, _STRETCH_X)
    around = long_tail(m, weighted_distance(m, puck, beside, _STRETCH_X), 0.05, start_gap)
    held = caging(frame, puck, radius=0.015, pad_threshold=0.05, xz_threshold=0.005, dense=True)
    holding = (distance(m, puck, frame.tcp) < 0.02) & (frame.opening > 0)
    pushed = m.where(puck.y > 0.75, 5 + 3 * in_place, 1 + 4 * around)
    reward = 2 * held + m.where(holding, pushed, 0.0)
    return m.where(to_target < 0.05, 10.0, reward), to_target <= 0.07


def _push_back_v2(frame: Frame) -> tuple[Number, Number]:
    m, puck = frame.m, frame.object1
    to_target, in_place = placing(frame)
    caged = hamacher(m, between_pads(frame, puck, _PUCK_RADIUS, 0.05), caging_xz(frame, puck, 0.01))
    gripped = between_pads(frame, puck, _PUCK_RADIUS, _PUCK_RADIUS + 0.003)
    held = (caged + m.where(caged > 0.95, gripped, 0.0)) / 2
    moved = distance(m, frame.constants["obj_init_pos"], frame.target) - to_target > 0.01
    holding = (distance(m, puck, frame.tcp) < 0.01) & (frame.opening > 0) & (frame.opening < 0.55)
    reward = hamacher(m, held, in_place) + m.where(holding & moved, 1 + 5 * in_place, 0.0)
    return m.where(to_target < 0.05, 10.0, reward), to_target <= 0.07


def _push_v1(frame: Frame) -> Number:
    m, puck = frame.m, frame.object1
    gap = distance_xy(m, puck, frame.target)
    return move_within_reach(m, distance(m, frame.tcp, puck), gap, frame.constants["maxPushDist"])


PUSH = Law(
    Reading(object1=Probe("body", "obj"), rotation1=_ROTATION, constants=_CONSTANTS),
    _push_v2,
    _push_v1,
)
PUSH_WALL = Law(
    Reading(object1=Probe("geom", "objGeom"), rotation1=_ROTATION, constants=_CONSTANTS),
    _push_wall_v2,
    _push_v1,
)
PUSH_BACK = Law(
    Reading(object1=Probe("geom", "objGeom"), rotation1=_ROTATION, constants=_CONSTANTS),
    _push_back_v2,
    _push_v1,
)
