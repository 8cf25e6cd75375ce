"""What a reward is computed from: one step of one slot, or of many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from legion_bench.envs.rewards.arithmetic import Arithmetic, Number, Point


@dataclass(frozen=True, slots=True)
class Probe:
    """A place in the simulation whose position is read after every step."""

    kind: Literal["body", "geom", "site"]
    name: str
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Added to the position, metres, world frame."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where an object's quaternion comes from.

    A ``"quaternion"`` is MuJoCo's own of a body (w, x, y, z); a ``"matrix"`` is turned
    into one as Meta-World does it (x, y, z, w). Meta-World mixes the two.
    """

    source: Literal["quaternion", "matrix"]
    kind: Literal["body", "geom"]
    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What one task reads from the simulation, beside the hand and its fingers."""

    object1: Probe
    object2: Probe | None = None
    rotation1: Rotation | None = None
    """None where Meta-World reports zeros."""
    rotation2: Rotation | None = None
    points: Mapping[str, Probe] = field(default_factory=dict)
    """Further places that the reward asks for, by a name of our own."""
    joints: Mapping[str, str] = field(default_factory=dict)
    """Hinges and slides whose position the reward asks for: our name → MuJoCo's."""
    constants: tuple[str, ...] = ()
    """Attributes of Meta-World's task (numbers or points) that are set at reset."""


@dataclass(slots=True)
class Frame:
    """One step, as rewards see it; a number stands for one slot or for all of them."""

    m: Arithmetic
    action: tuple[Number, Number, Number, Number]
    """As given to ``step``."""
    hand: Point
    """Clipped to the observation space."""
    opening: Number
    """Gripper opening, 0 closed to 1 open."""
    object1: Point
    object2: Point | None
    target: Point
    """Meta-World's ``_target_pos``, which no observation bound clips."""
    tcp: Point
    """Mid-point of the two finger tips."""
    left_pad: Point
    right_pad: Point
    points: dict[str, Point]
    """The reading's further places."""
    constants: dict[str, Any]
    """The reading's constants: a number or a :class:`Point` each."""
    joints: dict[str, Number] = field(default_factory=dict)
    """The reading's joints: radians (hinges) or metres (slides)."""
    quaternion1: tuple[Number, Number, Number, Number] = (0.0, 0.0, 0.0, 0.0)
    """Of the first object; zeros for laws that do not ask for it."""


RewardFunction: TypeAlias = Callable[[Frame], tuple[Number, Any]]
"""Frame → (reward, success)."""


@dataclass(frozen=True, slots=True)
class Law:
    """A task's reward and success test in both of Meta-World's versions."""

    reading: Reading
    v2: RewardFunction
    """Reward in [0, 10] and success."""
    v1: Callable[[Frame], Number]
    """The older, unbounded reward; success is v2's."""
    reads_quaternion: bool = False
    """Whether either asks for the first object's quaternion, which takes time to read."""
