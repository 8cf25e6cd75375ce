"""Press a button from above."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import hamacher, long_tail, move_within_reach


def _button_press_v2(frame: Frame) -> tuple[Number, Number]:
    m, button, constants = frame.m, frame.object1, frame.constants
    reach, gap = distance(m, button, frame.tcp), abs(frame.target.z - button.z)
    near = long_tail(m, reach, 0.01, distance(m, button, constants["init_tcp"]))
    pressed = long_tail(m, gap, 0.005, constants["_obj_to_target_init"])
    reward = 5 * (hamacher(m, 1 - frame.opening, near) + m.where(reach <= 0.03, pressed, 0.0))
    return reward, gap <= 0.024


def _button_press_v1(frame: Frame) -> Number:
    m, button = frame.m, frame.object1
    gap = abs(button.z - frame.target.z)
    return move_within_reach(m, distance(m, button, frame.tcp), gap, frame.constants["maxDist"])


BUTTON_PRESS_TOPDOWN = Law(
    Reading(
        object1=Probe("body", "button", offset=(0.0, 0.0, 0.193)),
        rotation1=Rotation("quaternion", "body", "button"),
        constants=("init_tcp", "_obj_to_target_init", "maxDist"),
    ),
    _button_press_v2,
    _button_press_v1,
)
