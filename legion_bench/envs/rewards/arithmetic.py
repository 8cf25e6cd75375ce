"""Arithmetic that reads the same for one environment (floats) and for many (arrays).

A reward is written once, over :data:`Number`: with :class:`Floats` it costs
microseconds in one environment, with :class:`Arrays` it costs little more for a
hundred. Conditions are combined with ``&`` and ``|`` and never negated with ``~``,
which means something else for Python's own bools.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

Number: TypeAlias = Any
"""A float, or an array [N] with one entry per slot."""

TINY = 1e-100
"""Put in place of 0 where it keeps finite what nobody looks at."""


class Point(NamedTuple):
    """A position or a displacement in metres, world frame."""

    x: Number
    y: Number
    z: Number

    def plus(self, x: float, y: float, z: float) -> Point:
        """Return the point moved by constants."""
        return Point(self.x + x, self.y + y, self.z + z)


class Arithmetic(Protocol):
    """The functions that floats and arrays do not share by themselves."""

    # Properties, for only so do type checkers accept other people's functions unwrapped.

    @property
    def sqrt(self) -> Callable[[Number], Number]:
        """The square root."""

    @property
    def exp(self) -> Callable[[Number], Number]:
        """The exponential function."""

    @property
    def log(self) -> Callable[[Number], Number]:
        """The natural logarithm."""

    @property
    def minimum(self) -> Callable[[Number, Number], Number]:
        """The smaller of two, slot by slot."""

    @property
    def maximum(self) -> Callable[[Number, Number], Number]:
        """The larger of two, slot by slot."""

    @property
    def where(self) -> Callable[[Any, Number, Number], Number]:
        """(condition, yes, no) → ``yes`` where the condition holds, else ``no``.

        Both are computed.
        """


class Floats:
    """:class:`Arithmetic` for one environment."""

    sqrt = staticmethod(math.sqrt)

    # NumPy's, not the standard library's: their last digits differ on some machines,
    # and one environment is to equal one of many.
    @staticmethod
    def exp(x: float) -> float:
        """Return e to the ``x``."""
        return float(np.exp(x))

    @staticmethod
    def log(x: float) -> float:
        """Return the natural logarithm."""
        return float(np.log(x))

    @staticmethod
    def minimum(a: float, b: float) -> float:
        """Return the smaller of two."""
        return a if a < b else b

    @staticmethod
    def maximum(a: float, b: float) -> float:
        """Return the larger of two."""
        return a if a > b else b

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        """Return one of two."""
        return yes if condition else no


class Arrays:
    """:class:`Arithmetic` for many slots at once."""

    sqrt = staticmethod(np.sqrt)
    exp = staticmethod(np.exp)
    log = staticmethod(np.log)
    minimum = staticmethod(np.minimum)
    maximum = staticmethod(np.maximum)
    where = staticmethod(np.where)


def distance(m: Arithmetic, a: Point, b: Point) -> Number:
    """Return the Euclidean distance."""
    x, y, z = a.x - b.x, a.y - b.y, a.z - b.z
    return m.sqrt(x * x + y * y + z * z)


def distance_xy(m: Arithmetic, a: Point, b: Point) -> Number:
    """Return the distance seen from above."""
    x, y = a.x - b.x, a.y - b.y
    return m.sqrt(x * x + y * y)


def distance_xz(m: Arithmetic, a: Point, b: Point) -> Number:
    """Return the distance seen along y."""
    x, z = a.x - b.x, a.z - b.z
    return m.sqrt(x * x + z * z)


def weighted_distance(m: Arithmetic, a: Point, b: Point, weights: tuple[float, float, float]) -> Number:
    """Return the distance in a space stretched along its axes."""
    x, y, z = (a.x - b.x) * weights[0], (a.y - b.y) * weights[1], (a.z - b.z) * weights[2]
    return m.sqrt(x * x + y * y + z * z)
