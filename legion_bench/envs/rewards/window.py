"""Slide a window open or shut."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading
from legion_bench.envs.rewards.shaping import (
    Tolerance,
    gaussian,
    hamacher,
    long_tail,
    nearing,
    progress,
    reaching,
)

_RADIUS = 0.05
_CONSTANTS = ("window_handle_pos_init", "init_tcp", "maxPullDist")


def _slide_v2(frame: Frame, start_x: Number, reach_tolerance: Tolerance) -> tuple[Number, Number]:
    m, handle = frame.m, frame.object1
    gap = abs(handle.x - frame.target.x)
    in_place = nearing(m, gap, abs(start_x - frame.target.x), _RADIUS)
    reach = reaching(frame, handle, frame.constants["window_handle_pos_init"], 0.02, reach_tolerance)
    return 10 * hamacher(m, reach, in_place), gap <= _RADIUS


def _open_v2(frame: Frame) -> tuple[Number, Number]:
    return _slide_v2(frame, frame.constants["obj_init_pos"].x, long_tail)


def _close_v2(frame: Frame) -> tuple[Number, Number]:
    return _slide_v2(frame, frame.constants["window_handle_pos_init"].x, gaussian)


def _slide_v1(frame: Frame) -> Number:
    m, handle = frame.m, frame.object1
    reach, gap = distance(m, handle, frame.tcp), abs(handle.x - frame.target.x)
    # Unlike in other tasks, sliding the wrong way costs.
    return m.where(reach < 0.05, progress(m, gap, frame.constants["maxPullDist"]), 0.0) - reach


WINDOW_OPEN = Law(
    Reading(object1=Probe("site", "handleOpenStart"), constants=(*_CONSTANTS, "obj_init_pos")),
    _open_v2,
    _slide_v1,
)
WINDOW_CLOSE = Law(
    Reading(object1=Probe("site", "handleCloseStart"), constants=_CONSTANTS),
    _close_v2,
    _slide_v1,
)
