"""Put a block on a shelf."""

from __future__ import annotations

from legion_bench.envs.rewards.arithmetic import Number, distance
from legion_bench.envs.rewards.frame import Frame, Law, Probe, Reading, Rotation
from legion_bench.envs.rewards.shaping import caging, hamacher, lift_and_carry, placing

_SHELF_HEIGHT = 0.24
# From the front of the space below the shelf to its back, in y.
_DEPTH = 0.15


def _clear_of_shelf(frame: Frame, in_place: Number) -> Number:
    """Return ``in_place``, less for a block below the shelf the deeper and lower it is there."""
    m, block, target = frame.m, frame.object1, frame.target
    aside, depth = block.x - target.x, block.y - (target.y - _DEPTH)
    below = (block.z > 0) & (block.z < _SHELF_HEIGHT) & (abs(aside) < 0.15)
    penalty = hamacher(m, depth / _DEPTH, (_SHELF_HEIGHT - block.z) / _SHELF_HEIGHT)
    lessened = m.where(depth < _DEPTH, m.maximum(in_place - penalty, 0.0), 0.0)
    return m.where(below & (depth > 0), lessened, in_place)


def _shelf_place_v2(frame: Frame) -> tuple[Number, Number]:
    m, block = frame.m, frame.object1
    to_target, in_place = placing(frame)
    held = caging(frame, block, radius=0.02, pad_threshold=0.05, xz_threshold=0.01)
    lifted = block.z - 0.01 > frame.constants["obj_init_pos"].z
    holding = (distance(m, block, frame.tcp) < 0.025) & (frame.opening > 0) & lifted
    carried = 1 + 5 * _clear_of_shelf(frame, in_place)
    reward = hamacher(m, held, in_place) + m.where(holding, carried, 0.0)
    return m.where(to_target < 0.05, 10.0, reward), to_target <= 0.07


SHELF_PLACE = Law(
    Reading(
        object1=Probe("body", "obj"),
        rotation1=Rotation("matrix", "geom", "objGeom"),
        constants=("obj_init_pos", "init_tcp", "objHeight", "heightTarget", "maxPlacingDist"),
    ),
    _shelf_place_v2,
    lift_and_carry,
)
