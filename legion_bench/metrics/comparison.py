"""Two agents on the same tasks: which one is better, and by how much."""

from __future__ import annotations

import numpy as np

from legion_bench.errors import MetricError
from legion_bench.metrics.aggregate import check_scores, mean_interval
from legion_bench.metrics.bootstrap import UNLIMITED, Estimate, stratified_interval
from legion_bench.types import Floats


def probability_of_improvement(scores: Floats, others: Floats) -> Floats:
    """Return how likely a run of one agent scores higher than one of another, in [0, 1].

    Per task it is the share of all pairs of runs, one of each agent, that the first one
    wins; a draw is half a win (the Mann–Whitney statistic over S·Z). Of that the mean over
    tasks (Agarwal et al. 2021, section 4.3).

    Args:
        scores: [..., S, N], seeds by tasks.
        others: [..., Z, N], of the agent to compare with on the same tasks.

    Returns:
        [...]; that of ``others`` over ``scores`` is 1 minus this.
    """
    tasks = range(scores.shape[-1])
    wins = np.stack([_wins(scores[..., task], others[..., task]) for task in tasks], axis=-1)
    return np.asarray(wins.mean(axis=-1))


def _wins(scores: Floats, others: Floats) -> Floats:
    """Return the share of pairs that the first wins, [..., S] and [..., Z] → [...]."""
    scores, others = scores[..., :, None], others[..., None, :]
    wins = np.count_nonzero(scores > others, axis=(-2, -1))
    draws = np.count_nonzero(scores == others, axis=(-2, -1))
    return np.asarray((wins + draws / 2) / (scores.shape[-2] * others.shape[-1]))


def improvement(scores: Floats, others: Floats, rng: np.random.Generator) -> Estimate:
    """Return the probability of improvement with its 95 % stratified-bootstrap interval.

    Runs of both agents are resampled, independently of one another. Where either agent
    has one seed only there is no interval.

    Args:
        scores: [S, N], seeds by tasks.
        others: [Z, N], of the agent to compare with on the same tasks.
        rng: source of the resamples, drawn within each agent and task.

    Raises:
        MetricError: scores are not [S, N] and [Z, N], or not all finite.
    """
    _check_tasks(scores, others)
    value, fewest = float(probability_of_improvement(scores, others)), min(len(scores), len(others))
    if fewest == 1:
        return Estimate(value, None, None, 1)
    low, high = stratified_interval([scores, others], probability_of_improvement, rng, (0.0, 1.0))
    return Estimate(value, float(low), float(high), fewest)


def paired_difference(
    scores: Floats,
    others: Floats,
    rng: np.random.Generator,
    limits: tuple[float, float] = UNLIMITED,
) -> Estimate:
    """Return the mean difference between two agents' runs of the same seeds, with its 95 % interval.

    Each seed counts with one difference, of means over tasks. Seeds are resampled as wholes,
    so that what a seed's two runs, and a run's tasks, have in common stays together.

    Args:
        scores: [S, N], seeds by tasks.
        others: [S, N], of the agent to compare with, of the same seeds in the same order.
        rng: source of the resamples.
        limits: lowest and highest possible difference.

    Raises:
        MetricError: scores are not both [S, N], or not all finite.
    """
    _check_tasks(scores, others)
    if len(scores) != len(others):
        raise MetricError(f"cannot pair {len(scores)} seeds with {len(others)}: give those both agents have")
    return mean_interval((scores - others).mean(axis=1), rng, limits)


def _check_tasks(scores: Floats, others: Floats) -> None:
    check_scores(scores)
    check_scores(others)
    if scores.shape[1] != others.shape[1]:
        raise MetricError(f"cannot compare scores on {scores.shape[1]} tasks with {others.shape[1]}")
