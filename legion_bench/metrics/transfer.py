"""Forward transfer: how fast tasks are learned in a stream, beside how fast alone.

``auc[i]`` is the mean success rate over the evaluations of the visit to stream
position i, the one at its start left out; ``reference[i]`` is the same of agents
that learned that task alone, averaged over their seeds.
"""

from __future__ import annotations

from legion_bench.metrics.performance import Undefined
from legion_bench.types import Bools, Floats

SATURATED = 1 - 1e-9
"""Alone, such a task is solved from the first evaluation on: nothing could make that faster."""


def improvable(reference: Floats) -> Bools:
    """Return which tasks [N] have a :func:`forward_transfer_cw`."""
    return reference < SATURATED


def learnable(reference: Floats) -> Bools:
    """Return which tasks [N] have a :func:`forward_transfer_meal`: those that are learned alone at all."""
    return reference > 0


def forward_transfer_cw(auc: Floats, reference: Floats) -> float:
    """Return the mean over :func:`improvable` tasks of (auc - reference) / (1 - reference), up to 1.

    Args:
        auc: [N] in [0, 1].
        reference: [N] in [0, 1].

    Raises:
        Undefined: no task is improvable.

    Source: Continual World (Wolczyk et al. 2021).
    """
    chosen = improvable(reference)
    if not chosen.any():
        raise Undefined("alone, every task is solved from the first evaluation on")
    return float(((auc - reference)[chosen] / (1 - reference[chosen])).mean())


def forward_transfer_coom(auc: Floats, reference: Floats) -> float:
    """Return (mean auc - mean reference) / (1 - mean reference), up to 1: a ratio of means.

    Args:
        auc: [N] in [0, 1].
        reference: [N] in [0, 1].

    Raises:
        Undefined: alone, all tasks are solved from the first evaluation on.

    Source: COOM (Tomilin et al. 2023).
    """
    if reference.mean() >= SATURATED:
        raise Undefined("alone, every task is solved from the first evaluation on")
    return float((auc.mean() - reference.mean()) / (1 - reference.mean()))


def forward_transfer_meal(auc: Floats, reference: Floats) -> float:
    """Return the mean over :func:`learnable` tasks of (auc - reference) / reference, from -1.

    Args:
        auc: [N] in [0, 1].
        reference: [N] in [0, 1].

    Raises:
        Undefined: no task is learnable.

    Source: MEAL.
    """
    chosen = learnable(reference)
    if not chosen.any():
        raise Undefined("alone, no task is ever solved")
    return float(((auc - reference)[chosen] / reference[chosen]).mean())
