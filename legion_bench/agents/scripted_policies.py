"""Scripted policies of our own, where Meta-World's is tuned to how Sawyer's hand lags.

Meta-World's policies command 25 times the error, which makes a hand that trails its
target by some 40 mm swing. Some of them live off the swing, start to lift before the
fingers have closed, or hang on a threshold that one arm meets by 2 mm and another
misses. The policies here wait for what they need, whatever arm carries the hand.

Each is a function of Meta-World's observation [39] (positions in m) that returns an
action [4] in [-1, 1]: the hand's motion, where 1 is 10 mm per step, and the effort of
the fingers, where 1 closes. Nothing is remembered between calls.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from legion_bench.types import Floats

Script = Callable[[Floats], Floats]

_HAND, _OPENING, _OBJECT, _GOAL = slice(0, 3), 3, slice(4, 7), slice(36, 39)
_OPEN, _CLOSE = -1.0, 1.0
# Effort per metre of error: at 10 mm a step a hand that trails by four steps does not swing.
_GAIN = 10.0
_UP = np.array([0.0, 0.0, 1.0])


def peg_unplug_side(observation: Floats) -> Floats:
    """Take the plug with all the force of the fingers, then pull it out of the wall.

    Meta-World's closes with a tenth of the force and slips off the plug again and
    again; how far each slip pulls it depends on the arm.
    """
    plug = observation[_OBJECT] + np.array([-0.02, 0.0, 0.01])
    grasp = _grasp(observation, plug, held=0.93)
    return _action([0.05, 0.0, 0.0], _CLOSE) if grasp is None else grasp


def peg_insert_side(observation: Floats) -> Floats:
    """Lift the peg, bring it in line with the hole, then push it in.

    Meta-World's lifts before the fingers have closed and puts the peg back when it
    hangs more than 25 mm below the hand: Sawyer ends up with 23 mm, the KUKA with 25.
    """
    peg, goal = observation[_OBJECT], observation[_GOAL]
    grasp = _grasp(observation, peg + 0.015 * _UP, held=0.6)
    if grasp is not None:
        return grasp
    # Held here, the peg's head, 0.13 m ahead, is still outside of the hole.
    before = goal + np.array([0.23, 0.0, 0.01])
    off = before - peg
    if np.linalg.norm(off[1:]) > 0.01 and peg[0] > before[0] - 0.03:
        return _action(off, _CLOSE)
    return _action([-0.05, off[1], off[2]], _CLOSE)


def soccer(observation: Floats) -> Floats:
    """Take the ball and carry it between the posts.

    Meta-World's pushes it along with closed fingers; whether it rolls in depends on
    how the hand swings.
    """
    ball, goal = observation[_OBJECT], observation[_GOAL]
    grasp = _grasp(observation, ball + 0.02 * _UP, held=0.7)
    if grasp is not None:
        return grasp
    off = goal + 0.04 * _UP - ball
    if abs(off[0]) > 0.03:
        # Not in line yet: stay before the goal, whose posts stop the hand.
        off[1] -= 0.14
    return _action(off, _CLOSE)


def handle_pull_side(observation: Floats) -> Floats:
    """Take the lever and lift it for as long as it is held.

    Meta-World's turns back whenever the hand is 30 mm above the lever; what each swing
    wins depends on the arm's lag, and may be nothing.
    """
    grasp = _grasp(observation, observation[_OBJECT], held=0.75)
    return _action([0.0, 0.0, 0.05], _CLOSE) if grasp is None else grasp


SCRIPTS: dict[str, Script] = {
    "handle-pull-side": handle_pull_side,
    "peg-insert-side": peg_insert_side,
    "peg-unplug-side": peg_unplug_side,
    "soccer": soccer,
}


def _grasp(observation: Floats, point: Floats, held: float) -> Floats | None:
    """Return the action that leads to a grasp at ``point``, or None once it is held.

    Args:
        observation: Meta-World's observation [39].
        point: where the hand should be when the fingers close [3], m.
        held: opening of the fingers, as a fraction, below which they have closed.
    """
    off = point - observation[_HAND]
    closed = observation[_OPENING] < held
    if closed and np.linalg.norm(off) < 0.05:
        return None
    if np.linalg.norm(off[:2]) > 0.02:
        return _action(off + 0.1 * _UP, _OPEN)
    if abs(off[2]) > 0.015:
        return _action(off, _OPEN)
    return _action(off, _CLOSE)


def _action(off: Floats | list[float], effort: float) -> Floats:
    return np.append(np.clip(_GAIN * np.asarray(off, dtype=np.float64), -1.0, 1.0), effort)
