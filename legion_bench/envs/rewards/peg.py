"""Pull a peg sideways out of its hole."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance, distance_xy
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import approach_from_above, caging, placing, progress


def _peg_unplug_v2(frame: Frame) -> tuple[Number, Number]:
    m, peg = frame.m, frame.object1
    to_target, in_place = placing(frame)
    held = caging(frame, peg, radius=0.025, pad_threshold=0.05, xz_threshold=0.005, effort=0.8, dense=True)
    pulled = (frame.opening > 0.5) & (peg.x - frame.constants["obj_init_pos"].x > 0.015)
    holding = pulled & (distance(m, peg, frame.tcp) < 0.035)
    reward = 2 * held + m.where(holding, 1 + 5 * in_place, 0.0)
    return m.where(to_target <= 0.05, 10.0, reward), to_target <= 0.07


def _peg_unplug_v1(frame: Frame) -> Number:
    m, peg = frame.m, frame.object1
    reach = distance(m, peg, frame.tcp)
    pulled = progress(m, distance_xy(m, peg, frame.target), frame.constants["maxPlacingDist"])
    approach = approach_from_above(frame, reach, frame.constants["hand_init_pos"].z)
    return approach + m.where(reach < 0.05, m.maximum(pulled, 0.0), 0.0)


PEG_UNPLUG_SIDE = Law(
    Reading(
        object1=Probe("site", "pegEnd"),
        rotation1=Rotation("quaternion", "body", "plug1"),
        constants=("obj_init_pos", "init_tcp", "hand_init_pos", "maxPlacingDist"),
    ),
    _peg_unplug_v2,
    _peg_unplug_v1,
)
