"""Our own engine for the mixture, for machines without bnpy and for GPUs.

The same model, bound and moves as bnpy's memoized variational Bayes (Hughes & Sudderth 2013),
but each update sees all latents, and the last ones go on until the bound rests. What is as
long as the latents is torch in float64, on any device; what is as short as the components is
NumPy. The state is one tensor: the responsibilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaln, gammaln
from torch import Tensor

from legion_bench.agents.legion.mixture import (
    KAPPA,
    Components,
    Mixture,
    Prior,
    Settings,
    check_latents,
    check_result,
    later,
    responsibilities,
)
from legion_bench.types import Floats, Ints

# A component is split among the latents that it has this share of at least.
_MEMBER = 0.1
# Updates of the parts alone, before a split is judged.
_REFINEMENTS = 10
# The bound rests when an update raises it by less, relative to it.
_RESTING = 1e-7
_MOST_UPDATES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the components' posterior depends on."""

    counts: Floats
    """[K]"""
    sums: Floats
    """[K, D] of latents, weighed by responsibilities."""
    squares: Floats
    """[K, D] of squared latents, likewise."""


def check() -> None:
    """Do nothing: this engine needs nothing but torch."""


def fit(
    latents: Floats,
    previous: Mixture | None,
    settings: Settings,
    seed: int,
    device: torch.device | str = "cpu",
) -> Mixture:
    """Return the mixture that variational Bayes with births and merges finds.

    Equal arguments give equal mixtures; no global random state is touched.

    Args:
        latents: [M, D]
        previous: where to start; None is one component.
        settings: the model and the moves.
        seed: in [0, 2**31), of the points around which components split.
        device: to compute on.

    Raises:
        MixtureError: the latents are too few or not finite.
    """
    check_latents(latents, previous, settings)
    x = torch.tensor(latents, dtype=torch.float64, device=device)
    rng = np.random.default_rng(seed)
    resp = x.new_ones(len(x), 1) if previous is None else expect(x, previous)
    for lap in range(1, settings.laps + 1):
        failed: dict[int, float] = {}
        for _ in range(settings.batches):
            resp = update(x, resp, settings.prior)
            if settings.birth_start <= lap < settings.birth_stop:
                resp = give_birth(x, resp, settings, rng, failed)
        if lap >= settings.merge_start:
            resp = merge(x, resp, settings.prior)
    resp = settle(x, resp, settings.prior)
    return check_result(posterior(summarise(x, resp), settings.prior), latents)


def expect(x: Tensor, mixture: Mixture) -> Tensor:
    """Return responsibilities [M, K] for latents [M, D], in float64."""
    return responsibilities(x, Components.of(mixture, device=x.device, dtype=x.dtype))


def update(x: Tensor, resp: Tensor, prior: Prior) -> Tensor:
    """Return better responsibilities [M, K] than those given: one M-step and one E-step."""
    return expect(x, posterior(summarise(x, resp), prior))


def settle(x: Tensor, resp: Tensor, prior: Prior) -> Tensor:
    """Return responsibilities [M, K] after updates until the bound rests."""
    bound = elbo(x, resp, prior)
    for _ in range(_MOST_UPDATES):
        resp, before = update(x, resp, prior), bound
        bound = elbo(x, resp, prior)
        if bound - before < _RESTING * abs(bound):
            break
    return resp


def summarise(x: Tensor, resp: Tensor) -> Statistics:
    """Return the statistics of latents [M, D] under responsibilities [M, K]."""
    parts = (resp.sum(0), resp.T @ x, resp.T @ x.square())
    return Statistics(*(part.cpu().numpy() for part in parts))


def posterior(statistics: Statistics, prior: Prior) -> Mixture:
    """Return the posterior under which the bound is highest: the M-step."""
    kappa = (statistics.counts + KAPPA)[:, None]
    means = statistics.sums / kappa
    b = prior.scale * means.shape[1] + statistics.squares - kappa * means**2
    return Mixture(statistics.counts, means, b, prior)


def elbo(x: Tensor, resp: Tensor, prior: Prior) -> float:
    """Return the lower bound of the log-evidence, in nats, with the posterior that suits it best."""
    statistics = summarise(x, resp)
    entropy = float(torch.special.entr(resp).sum())
    marginals = log_marginals(statistics, prior).sum()
    return float(marginals + log_sticks(statistics.counts, prior.gamma0) + entropy)


def log_marginals(statistics: Statistics, prior: Prior) -> Floats:
    """Return the log-evidence [K] of each component's latents, in nats."""
    found = posterior(statistics, prior)
    dimensions = found.means.shape[1]
    nu, b, kappa = dimensions + 2, prior.scale * dimensions, KAPPA
    after = dimensions * (gammaln(found.nu / 2) - 0.5 * np.log(found.kappa))
    after -= 0.5 * found.nu * np.log(found.b / 2).sum(1)
    before = dimensions * (gammaln(nu / 2) - 0.5 * np.log(kappa) - 0.5 * nu * np.log(b / 2))
    return np.asarray(after - before - 0.5 * dimensions * np.log(2 * np.pi) * found.counts)


def log_sticks(counts: Floats, gamma0: float) -> Floats:
    """Return the log-evidence [...] of how latents are shared out by counts [..., K], in nats."""
    return np.asarray((betaln(1 + counts, gamma0 + later(counts)) - betaln(1, gamma0)).sum(-1))


def give_birth(
    x: Tensor, resp: Tensor, settings: Settings, rng: np.random.Generator, failed: dict[int, float]
) -> Tensor:
    """Split components where that raises the bound.

    A component's largest part takes its place, the others come last.

    Args:
        x: latents [M, D].
        resp: responsibilities [M, K].
        settings: the model and the moves.
        rng: draws the points to split around.
        failed: component → its size when it last failed to split; kept up to date.
    """
    bound = elbo(x, resp, settings.prior)
    for target, size in enumerate(resp.sum(0).tolist()):
        before = failed.get(target, np.inf)
        if size < settings.least_target or abs(size - before) <= settings.reactivation * size:
            continue
        parts = split(x, resp[:, target], settings, rng)
        proposed = torch.cat([resp, parts[:, 1:]], 1)
        proposed[:, target] = parts[:, 0]
        bound_proposed = elbo(x, proposed, settings.prior)
        if parts.shape[1] > 1 and bound_proposed > bound:
            resp, bound = proposed, bound_proposed
            failed.pop(target, None)
        else:
            failed[target] = size
    return resp


def split(x: Tensor, share: Tensor, settings: Settings, rng: np.random.Generator) -> Tensor:
    """Return the parts [M, J] of one component, the largest first; they sum to its share [M]."""
    whole = share.unsqueeze(1)
    members = x[share > _MEMBER]
    if len(members) < 2:
        return whole
    scale = members.std(0).clamp_min(1e-12)
    centres = spread_out(members / scale, settings.fresh, rng)
    nearest = torch.cdist(x / scale, centres).argmin(1)
    parts = torch.nn.functional.one_hot(nearest, len(centres)) * whole
    for least in [1.0] * _REFINEMENTS + [settings.least_new]:
        large = parts.sum(0) >= least
        if large.sum() < 2:
            return whole
        parts = update(x, parts[:, large], settings.prior) * whole
    parts = merge(x, parts, settings.prior)
    return parts[:, parts.sum(0).argsort(descending=True, stable=True)]


def spread_out(points: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Return up to ``most`` of some points [n, D], drawn far from one another (k-means++)."""
    chosen = [int(rng.integers(len(points)))]
    distances = torch.full_like(points[:, 0], torch.inf)
    for _ in range(most - 1):
        distances = distances.minimum((points - points[chosen[-1]]).square().sum(1))
        total = float(distances.sum())
        if total == 0:
            break
        chosen.append(int(rng.choice(len(points), p=(distances / total).cpu().numpy())))
    return points[chosen]


def merge(x: Tensor, resp: Tensor, prior: Prior) -> Tensor:
    """Merge the pair that raises the bound most, again and again; the earlier component stays."""
    while resp.shape[1] > 1:
        first, second = np.triu_indices(resp.shape[1], 1)
        gains = merge_gains(x, resp, prior, first, second)
        best = int(gains.argmax())
        if gains[best] < 0:
            break
        kept = [column for column in range(resp.shape[1]) if column != second[best]]
        merged = resp[:, second[best]]
        resp = resp[:, kept].clone()
        resp[:, first[best]] += merged
    return resp


def merge_gains(x: Tensor, resp: Tensor, prior: Prior, first: Ints, second: Ints) -> Floats:
    """Return what merging each pair of components would add to the bound [P], in nats.

    Where that is less than 0, it may be less still: entropy, which only falls, is counted
    for promising pairs alone.

    Args:
        x: latents [M, D].
        resp: responsibilities [M, K].
        prior: of the mixture.
        first: [P] the component that stays.
        second: [P] a later one, which goes.
    """
    own = summarise(x, resp)
    counts, sums, squares = (part[first] + part[second] for part in (own.counts, own.sums, own.squares))
    marginals = log_marginals(own, prior)
    gains = log_marginals(Statistics(counts, sums, squares), prior) - marginals[first] - marginals[second]
    kept = np.arange(len(own.counts) - 1) + (np.arange(len(own.counts) - 1) >= second[:, None])
    left = own.counts[kept]
    left[np.arange(len(first)), first] = counts
    gains += log_sticks(left, prior.gamma0) - log_sticks(own.counts, prior.gamma0)
    promising = np.flatnonzero(gains >= 0)
    one, other = resp[:, first[promising]], resp[:, second[promising]]
    entropies = (torch.special.entr(part).sum(0) for part in (one + other, one, other))
    together, alone, apart = (entropy.cpu().numpy() for entropy in entropies)
    gains[promising] += together - alone - apart
    return gains
