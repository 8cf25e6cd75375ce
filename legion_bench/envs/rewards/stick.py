"""Put a stick through a container's handle and pull the container with it."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, Point, distance, distance_xy, weighted_distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import (
    caging,
    close_at_object,
    closeness,
    hamacher,
    lifting,
    long_tail,
    progress,
)

_STRETCH_Z = (1.0, 1.0, 2.0)


def _handle(frame: Frame) -> Point:
    assert frame.object2 is not None
    return frame.object2


def _inserted(end: Point, handle: Point) -> Number:
    return (end.x >= handle.x) & (abs(end.y - handle.y) <= 0.04) & (abs(end.z - handle.z) <= 0.06)


def _stick_pull_v2(frame: Frame) -> tuple[Number, Number]:
    m, stick, handle, target = frame.m, frame.object1, _handle(frame), frame.target
    stick_start, start = frame.constants["stick_init_pos"], frame.constants["obj_init_pos"]
    container = handle.plus(0.05, 0.0, 0.0)

    start_gap = weighted_distance(m, stick_start, start.plus(0.05, 0.0, 0.0), _STRETCH_Z)
    at_container = long_tail(m, weighted_distance(m, stick, container, _STRETCH_Z), 0.05, start_gap)
    stick_pulled = long_tail(m, distance(m, stick, target), 0.05, distance(m, stick_start, target))
    pulled = long_tail(m, distance(m, container, target), 0.05, distance(m, start, target))

    lifted = stick.z - 0.01 > stick_start.z
    grasped = (distance(m, stick, frame.tcp) < 0.02) & (frame.opening > 0) & lifted
    caged = caging(frame, stick, radius=0.014, pad_threshold=0.05, xz_threshold=0.01, dense=True)
    base = hamacher(m, m.where(grasped, 1.0, caged), at_container)

    inserted = _inserted(frame.points["stick_end"], handle)
    success = inserted & (distance(m, handle, target) <= 0.12)
    further = m.where(inserted, 6 + 2 * stick_pulled + pulled, 1 + 5 * at_container)
    reward = base + m.where(grasped, further, 0.0)
    return m.where(grasped & success, 10.0, reward), success


def _stick_pull_v1(frame: Frame) -> Number:
    m, stick, constants = frame.m, frame.object1, frame.constants
    # Meta-World means the container, but looks it up two entries early in the observation.
    container = Point(stick.z, frame.quaternion1[0], frame.quaternion1[1])
    pull_gap, gap = distance_xy(m, container, frame.target), distance(m, stick, container)
    reach = distance(m, stick, frame.tcp)
    lifted, held_up = lifting(m, stick.z, reach, constants["stickHeight"], constants["heightTarget"])
    pulled = progress(m, pull_gap, constants["maxPullDist"]) + 1000 * closeness(m, pull_gap)
    placed = progress(m, gap, constants["maxPlaceDist"]) + m.where(gap < 0.05, pulled, 0.0)
    return close_at_object(frame, reach) + lifted + m.where(held_up, m.maximum(placed, 0.0), 0.0)


STICK_PULL = Law(
    Reading(
        object1=Probe("body", "stick"),
        object2=Probe("site", "insertion"),
        rotation1=Rotation("matrix", "body", "stick"),
        points={"stick_end": Probe("site", "stick_end")},
        constants=(
            "obj_init_pos",
            "stick_init_pos",
            "init_tcp",
            "stickHeight",
            "heightTarget",
            "maxPullDist",
            "maxPlaceDist",
        ),
    ),
    _stick_pull_v2,
    _stick_pull_v1,
    reads_quaternion=True,
)
