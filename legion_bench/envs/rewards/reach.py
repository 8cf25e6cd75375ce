"""Move the fingers to a mark in the air."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import long_tail, progress


def _reach_v2(frame: Frame) -> tuple[Number, Number]:
    m = frame.m
    gap = distance(m, frame.tcp, frame.target)
    start_gap = distance(m, frame.constants["hand_init_pos"], frame.target)
    return 10 * long_tail(m, gap, 0.05, start_gap), gap <= 0.05


def _reach_v1(frame: Frame) -> Number:
    m = frame.m
    gap = distance(m, frame.tcp, frame.target)
    return m.maximum(progress(m, gap, frame.constants["maxReachDist"]), 0.0)


REACH = Law(
    Reading(
        object1=Probe("body", "obj"),
        rotation1=Rotation("matrix", "geom", "objGeom"),
        constants=("hand_init_pos", "maxReachDist"),
    ),
    _reach_v2,
    _reach_v1,
)
