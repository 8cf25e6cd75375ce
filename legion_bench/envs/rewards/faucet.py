"""Turn a faucet's handle to one side or the other."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, Point, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, RewardFunction, Rotation
from legion_bench.envs.rewards.shaping import gaussian, move_within_reach, nearing, reaching

_RADIUS = 0.07


def _turn_v2(frame: Frame, handle: Point) -> tuple[Number, Number]:
    m, start = frame.m, frame.constants["obj_init_pos"]
    gap = distance(m, handle, frame.target)
    in_place = nearing(m, gap, distance(m, start, frame.target), _RADIUS)
    reward = 4 * reaching(frame, handle, start, 0.01, gaussian) + 6 * in_place
    success = gap <= _RADIUS
    return m.where(success, 10.0, reward), success


def _open_v2(frame: Frame) -> tuple[Number, Number]:
    return _turn_v2(frame, frame.object1.plus(-0.04, 0.0, 0.03))


def _close_v2(frame: Frame) -> tuple[Number, Number]:
    return _turn_v2(frame, frame.object1)


def _turn_v1(frame: Frame) -> Number:
    m, handle = frame.m, frame.object1
    gap = distance(m, handle, frame.target)
    return move_within_reach(m, distance(m, handle, frame.tcp), gap, frame.constants["maxPullDist"])


def _law(site: str, v2: RewardFunction) -> Law:
    reading = Reading(
        object1=Probe("site", site, offset=(0.0, 0.0, -0.01)),
        rotation1=Rotation("quaternion", "body", "faucetBase"),
        constants=("obj_init_pos", "init_tcp", "maxPullDist"),
    )
    return Law(reading, v2, _turn_v1)


FAUCET_OPEN = _law("handleStartOpen", _open_v2)
FAUCET_CLOSE = _law("handleStartClose", _close_v2)
