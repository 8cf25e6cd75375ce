"""Push a drawer shut."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading
from legion_bench.envs.rewards.shaping import (
    gaussian,
    gripper_effort,
    hamacher,
    move_within_reach,
    nearing,
    reaching,
)


def _drawer_close_v2(frame: Frame) -> tuple[Number, Number]:
    m, handle, start = frame.m, frame.object1, frame.constants["obj_init_pos"]
    gap = distance(m, handle, frame.target)
    in_place = nearing(m, gap, distance(m, start, frame.target), 0.05)
    reach = hamacher(m, reaching(frame, handle, start, 0.005, gaussian), gripper_effort(frame))
    success = gap <= 0.065
    return m.where(success, 10.0, 10 * hamacher(m, reach, in_place)), success


def _drawer_close_v1(frame: Frame) -> Number:
    m, handle = frame.m, frame.object1
    gap = abs(handle.y - frame.target.y)
    return move_within_reach(m, distance(m, handle, frame.tcp), gap, frame.constants["maxDist"])


DRAWER_CLOSE = Law(
    Reading(
        object1=Probe("body", "drawer_link", offset=(0.0, -0.16, 0.05)),
        constants=("obj_init_pos", "init_tcp", "maxDist"),
    ),
    _drawer_close_v2,
    _drawer_close_v1,
)
