"""Lift a puck and hold it at a mark in the air."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import (
    between_pads,
    caging_xz,
    gripper_effort,
    gripping,
    hamacher,
    lift_and_carry,
    placing,
)


def _pick_place_v2(frame: Frame) -> tuple[Number, Number]:
    m, puck = frame.m, frame.object1
    to_target, in_place = placing(frame)
    caged = hamacher(m, between_pads(frame, puck, 0.015, 0.05), caging_xz(frame, puck, 0.005))
    held = (gripping(m, caged, gripper_effort(frame)) + caged) / 2
    lifted = puck.z - 0.01 > frame.constants["obj_init_pos"].z
    holding = (distance(m, puck, frame.tcp) < 0.02) & (frame.opening > 0) & lifted
    reward = hamacher(m, held, in_place) + m.where(holding, 1 + 5 * in_place, 0.0)
    return m.where(to_target < 0.05, 10.0, reward), to_target <= 0.07


PICK_PLACE = Law(
    Reading(
        object1=Probe("body", "obj"),
        rotation1=Rotation("matrix", "geom", "objGeom"),
        constants=("obj_init_pos", "init_tcp", "objHeight", "heightTarget", "maxPlacingDist"),
    ),
    _pick_place_v2,
    lift_and_carry,
)
