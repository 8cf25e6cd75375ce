"""Take up a hammer and drive a nail in."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, Point, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import caging, close_at_object, lifting, long_tail, progress

_HANDLE_LENGTH = 0.14


def _upright(frame: Frame) -> Number:
    """Return 1 for a hammer as it lay at first, 0 for one turned well away."""
    w, x, y, z = frame.quaternion1
    error = frame.m.sqrt((w - 1) * (w - 1) + x * x + y * y + z * z)
    return frame.m.maximum(1 - error / 0.4, 0.0)


def _hammer_v2(frame: Frame) -> tuple[Number, Number]:
    m, hammer, hand = frame.m, frame.object1, frame.hand
    # Anywhere along the handle is as good a place to take it.
    grasp_x = m.where(abs(hammer.x - hand.x) < _HANDLE_LENGTH / 2, hand.x, hammer.x)
    held = caging(
        frame,
        Point(grasp_x, hammer.y, hammer.z),
        radius=0.015,
        pad_threshold=0.02,
        xz_threshold=0.01,
        dense=True,
    )
    head = hammer.plus(0.16, 0.06, 0.0)
    in_place = 0.1 * (head.z > 0.02) + 0.9 * long_tail(m, distance(m, frame.target, head), 0.02, 0.2)
    reward = (2 * held + 6 * in_place) * _upright(frame)
    success = frame.joints["nail"] > 0.09
    return m.where(success & (reward > 5), 10.0, reward), success


def _hammer_v1(frame: Frame) -> Number:
    m, hammer, constants = frame.m, frame.object1, frame.constants
    nail, head = frame.points["nail_head"], frame.points["hammer_head"]
    reach = distance(m, hammer, frame.tcp)
    gap = distance(m, nail, head) + abs(nail.y - frame.target.y)
    lifted, held_up = lifting(m, hammer.z, reach, constants["hammerHeight"], constants["heightTarget"])
    hammered = m.maximum(progress(m, gap, constants["maxHammerDist"]), 0.0)
    return close_at_object(frame, reach) + lifted + m.where(held_up, hammered, 0.0)


HAMMER = Law(
    Reading(
        object1=Probe("body", "hammer"),
        object2=Probe("body", "nail_link"),
        rotation1=Rotation("quaternion", "body", "hammer"),
        rotation2=Rotation("quaternion", "body", "nail_link"),
        points={"nail_head": Probe("site", "nailHead"), "hammer_head": Probe("geom", "HammerHead")},
        joints={"nail": "NailSlideJoint"},
        constants=("obj_init_pos", "init_tcp", "hammerHeight", "heightTarget", "maxHammerDist"),
    ),
    _hammer_v2,
    _hammer_v1,
    reads_quaternion=True,
)
