"""Do new runs measure what earlier ones did? Bands for means of new seeds, and deviations of equal seeds.

A run on another kind of machine differs in rounding, and learning makes much of little: after some
thousand updates it is as good as another seed. So means of new runs are judged by a prediction interval,
which is wide, while whatever comes before the updates, or few of them, is compared seed by seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from legion_bench.errors import MetricError
from legion_bench.metrics.continual import end_of_interval, forgetting_cw
from legion_bench.metrics.performance import Performance
from legion_bench.types import Bools, Floats

QUANTITIES = ("success_mean", "success_end", "return_scaled", "forgetting_cw")
# Of forgetting_cw, as Continual World has it.
_WINDOW = 5


def quantities(performance: Performance, returns: Floats, limits: tuple[Floats, Floats] | None) -> Floats:
    """Return a run's :data:`QUANTITIES` [4]; nan where the run does not define one.

    ``success_mean`` is the mean over evaluations and tasks, the area under the curve; ``success_end`` the
    last evaluation's mean over tasks; ``return_scaled`` the mean over evaluations and tasks of returns
    scaled to 0 for one agent and 1 for another; ``forgetting_cw`` that of complete runs.

    Args:
        performance: K evaluations of N tasks.
        returns: [K, N] mean returns.
        limits: [N] each, the returns that become 0 and 1; None if there are none.
    """
    success = performance.success
    scaled = forgotten = np.nan
    if limits is not None:
        low, high = limits
        scaled = float(((returns - low) / (high - low)).mean())
    if performance.complete and 1 < len(performance.ends) == len(performance.tasks):
        if min(len(performance.interval(i)) for i in range(len(performance.ends))) >= _WINDOW:
            forgotten = forgetting_cw(end_of_interval(performance, _WINDOW))
    return np.array([success.mean(), success[-1].mean(), scaled, forgotten])


def floors(performance: Performance, means: Floats, least_return: float) -> Floats:
    """Return the least standard deviation between seeds to reckon with, [4] as :data:`QUANTITIES`.

    That of so many independent episodes as there are behind each share (the binomial distribution's), at a
    share drawn towards 1/2 (Agresti & Coull 1998), because five equal seeds do not prove that there is
    no spread. Forgetting is a difference of two shares, each over several evaluations.

    Args:
        performance: of any of the runs.
        means: [4] quantities, averaged over seeds.
        least_return: what it is for ``return_scaled``.
    """
    last = performance.success.shape[1] * performance.episodes
    every = last * len(performance.steps)
    end = float(means[1])
    kept = np.sqrt(2) * _binomial(end, _WINDOW * last)
    return np.array([_binomial(float(means[0]), every), _binomial(end, last), least_return, kept])


def _binomial(share: float, trials: int) -> float:
    share = (share * trials + 2) / (trials + 4)
    return float(np.sqrt(share * (1 - share) / trials))


@dataclass(frozen=True, eq=False)
class Sample:
    """One agent's reference."""

    values: Floats
    """[S, Q] quantities by seed."""
    learns: bool
    """Whether it learns: agents that do differ much more between seeds than those that do not."""
    floor: Floats
    """[Q] least standard deviation."""


def band(samples: Mapping[str, Sample], name: str, runs: int, false_alarms: float) -> tuple[Floats, Floats]:
    r"""Return low and high [Q] between which the means over new runs of an agent lie.

    It is the prediction interval for the mean of m future observations, given n (Hahn & Meeker 1991,
    Statistical Intervals, section 4.8): mean ± t · s · sqrt(1/m + 1/n). The spread s is pooled over
    the agents that learn, or over those that do not, and is no less than the floor; t is Student's
    quantile for its degrees of freedom at false_alarms / (2 · number of quantities): Bonferroni's
    correction holds however the quantities depend on one another. Values that are nan have bands of nan.

    Args:
        samples: by agent; the others add to the spread.
        name: the agent to be judged.
        runs: how many new runs there are of it.
        false_alarms: how likely any of its quantities is outside if nothing changed, in (0, 1).

    Raises:
        MetricError: no agent of the kind has two seeds.
    """
    sample = samples[name]
    spread, freedom = pooled_spread([one.values for one in samples.values() if one.learns == sample.learns])
    mean = sample.values.mean(axis=0)
    quantile = student.ppf(1 - false_alarms / (2 * max(np.isfinite(mean).sum(), 1)), freedom)
    width = quantile * np.maximum(spread, sample.floor) * np.sqrt(1 / runs + 1 / len(sample.values))
    return mean - width, mean + width


def pooled_spread(groups: Sequence[Floats]) -> tuple[Floats, int]:
    """Return the standard deviation [Q] within groups [S, Q], and its degrees of freedom.

    Raises:
        MetricError: no group has two rows.
    """
    freedom = sum(len(group) - 1 for group in groups)
    if freedom == 0:
        raise MetricError("one seed per agent tells nothing of the spread: reference numbers need two")
    squares = sum(((group - group.mean(axis=0)) ** 2).sum(axis=0) for group in groups)
    return np.sqrt(squares / freedom), freedom


def deviation(values: Floats, reference: Floats, scale: Floats) -> Floats:
    """Return how far values are from a reference of the same seed, in units of ``scale``; inf for nan.

    Args:
        values: any shape.
        reference: of the same shape.
        scale: likewise or broadcast; where it is 0, any difference is inf.
    """
    apart = np.abs(values - reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(apart == 0, 0.0, apart / scale)
    return np.nan_to_num(found, nan=np.inf, posinf=np.inf)


def false_alarm_rate(
    samples: Mapping[str, Sample],
    runs: Mapping[str, int],
    false_alarms: float,
    rng: np.random.Generator,
    draws: int,
) -> float:
    """Return how often runs of unchanged code would leave a band, by splitting seeds at random.

    In each draw so many runs of each agent as would be new are taken out of the reference and judged
    against the rest of it. The rest is smaller than the reference is, so its bands are wider but also
    stand on fewer seeds.

    Args:
        samples: see :func:`band`.
        runs: new runs per agent, fewer than its seeds.
        false_alarms: how likely any quantity of any agent is to be outside, as :func:`band` reckons.
        rng: source of the splits.
        draws: how many.
    """
    alarms = 0
    for _ in range(draws):
        rest, new = dict(samples), {}
        for name, count in runs.items():
            one = samples[name]
            order = rng.permutation(len(one.values))
            new[name] = one.values[order[:count]].mean(axis=0)
            rest[name] = Sample(one.values[order[count:]], one.learns, one.floor)
        alarms += any(
            outside(values, band(rest, name, runs[name], false_alarms / len(runs))).any()
            for name, values in new.items()
        )
    return alarms / draws


def outside(values: Floats, limits: tuple[Floats, Floats]) -> Bools:
    """Return which values [Q] are not within low and high [Q] each; nan is where the band is nan, too."""
    low, high = limits
    # Rounding may put a mean of equal values beside them.
    within = (values >= low - 1e-9) & (values <= high + 1e-9)
    return np.asarray(~within & ~(np.isnan(values) & np.isnan(low)))
