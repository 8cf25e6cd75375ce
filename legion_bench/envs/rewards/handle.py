"""Press a handle down from the side."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading
from legion_bench.envs.rewards.shaping import hamacher, long_tail, move_within_reach, nearing, reaching

_RADIUS = 0.02


def _handle_press_v2(frame: Frame) -> tuple[Number, Number]:
    m, handle, start = frame.m, frame.object1, frame.constants["_handle_init_pos"]
    gap = abs(handle.z - frame.target.z)
    in_place = nearing(m, gap, abs(start.z - frame.target.z), _RADIUS)
    reward = 10 * hamacher(m, reaching(frame, handle, start, 0.02, long_tail), in_place)
    success = gap <= _RADIUS
    return m.where(success, 10.0, reward), success


def _handle_press_v1(frame: Frame) -> Number:
    m, handle = frame.m, frame.object1
    reach = distance(m, handle, frame.points["left_finger"])
    return move_within_reach(m, reach, abs(handle.z - frame.target.z), frame.constants["maxDist"])


HANDLE_PRESS_SIDE = Law(
    Reading(
        object1=Probe("site", "handleStart"),
        points={"left_finger": Probe("site", "leftEndEffector")},
        constants=("_handle_init_pos", "init_tcp", "maxDist"),
    ),
    _handle_press_v2,
    _handle_press_v1,
)
