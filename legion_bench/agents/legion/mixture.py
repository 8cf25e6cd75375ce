"""LEGION's knowledge space: a Dirichlet-process mixture of diagonal Gaussians over latents.

Each component has a Normal-gamma prior in each of its D dimensions, and sticks broken by
Beta(1, gamma0) give the components' shares (Meng et al. 2025; Hughes & Sudderth 2013, the
model ``DPMixtureModel`` with ``DiagGauss`` of bnpy). A :class:`Mixture` is a variational
posterior, fitted by one of two engines; :class:`Components` is what training asks of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from msgspec import Meta
from scipy.special import digamma
from torch import Tensor

from legion_bench.errors import LegionBenchError
from legion_bench.types import Floats

KAPPA = 1e-4
"""Latents that the prior's mean of zero counts for."""

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class MixtureError(LegionBenchError):
    """A mixture cannot be fitted."""


class Prior(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is believed of a mixture before any latent; the defaults are the paper's."""

    gamma0: Positive = 5.0
    """Concentration: how readily new components are believed in."""
    scale: Positive = 1e-5
    """Expected variance of a component in each dimension."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a mixture is fitted; the defaults are the paper's."""

    prior: Prior = Prior()
    laps: Count = 2
    """Passes over the latents."""
    batches: Count = 5
    """Updates of the components in each pass."""
    birth_start: Count = 1
    """First lap in which components may split."""
    birth_stop: Count = 2
    """First lap in which they may not any more."""
    fresh: Annotated[int, Meta(ge=2)] = 10
    """Most components that one can split into."""
    least_target: Positive = 10.0
    """Latents that a component needs in order to split."""
    least_new: Positive = 10.0
    """Latents that each of its parts needs."""
    reactivation: Annotated[float, Meta(ge=0)] = 0.03
    """Relative change of its size after which a component that failed to split tries again."""
    merge_start: Count = 2
    """First lap in which pairs may merge."""
    merge_pairs: Count = 50
    """Most pairs that one component is tried in, those that suit the latents best first; bnpy alone
    is held to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """The posterior of a mixture of K components over latents of D dimensions.

    In bnpy's names, nu = D + 2 + counts, kappa = 1e-4 + counts, m = means, beta = b.
    """

    counts: Floats
    """[K] latents of the fit that belong to each component, in parts."""
    means: Floats
    """[K, D]"""
    b: Floats
    """[K, D] rates of the gamma distributions of precisions, times two."""
    prior: Prior

    @property
    def nu(self) -> Floats:
        """[K] degrees of freedom: the gamma distributions' shapes, times two."""
        return np.asarray(self.counts + (self.means.shape[1] + 2))

    @property
    def kappa(self) -> Floats:
        """[K] latents that each mean counts for."""
        return self.counts + KAPPA

    @property
    def eta1(self) -> Floats:
        """[K] the Beta distribution of each share of what earlier components left: first parameter."""
        return self.counts + 1.0

    @property
    def eta0(self) -> Floats:
        """[K] second parameter."""
        return later(self.counts) + self.prior.gamma0

    @property
    def variances(self) -> Floats:
        """[K, D] expected."""
        return np.asarray(self.b / (self.nu - 2)[:, None])

    @property
    def weights(self) -> Floats:
        """[K] expected shares; what is missing to 1 is for components unseen."""
        taken = self.eta1 / (self.eta1 + self.eta0)
        return np.asarray(taken * np.append(1.0, np.cumprod(1 - taken[:-1])))

    def to_arrays(self) -> dict[str, Floats]:
        """Return all there is to it, for a checkpoint."""
        prior = np.array([self.prior.gamma0, self.prior.scale])
        return {"counts": self.counts, "means": self.means, "b": self.b, "prior": prior}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Mixture:
        """Return the mixture that :meth:`to_arrays` described."""
        gamma0, scale = map(float, arrays["prior"])
        counts, means, b = (np.array(arrays[name], np.float64) for name in ("counts", "means", "b"))
        return cls(counts, means, b, Prior(gamma0=gamma0, scale=scale))


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """A mixture as tensors, prepared once per fit for the functions below."""

    offsets: Tensor
    """[K] what no latent changes of the expected log-joint."""
    means: Tensor
    """[K, D]"""
    precisions: Tensor
    """[K, D] expected."""
    variances: Tensor
    """[K, D] expected; not quite 1 / precisions."""

    @classmethod
    def of(
        cls,
        mixture: Mixture,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> Components:
        """Return a mixture's components; everything is computed in float64 and then rounded."""
        nu, total = mixture.nu[:, None], digamma(mixture.eta1 + mixture.eta0)
        log_left = np.append(0.0, np.cumsum(digamma(mixture.eta0) - total)[:-1])
        log_weights = digamma(mixture.eta1) - total + log_left
        log_precisions = digamma(nu / 2) - np.log(mixture.b / 2)
        per_dimension = log_precisions - 1 / mixture.kappa[:, None] - np.log(2 * np.pi)
        arrays = (
            log_weights + 0.5 * per_dimension.sum(1),
            mixture.means,
            nu / mixture.b,
            mixture.variances,
        )
        return cls(*(torch.tensor(array, device=device, dtype=dtype) for array in arrays))


def later(counts: Floats) -> Floats:
    """Return the sums [..., K] of the counts [..., K] after each."""
    sums = counts[..., ::-1].cumsum(-1)[..., ::-1]
    return np.concatenate([sums[..., 1:], np.zeros_like(sums[..., :1])], -1)


def expected_log_joint(latents: Tensor, components: Components) -> Tensor:
    """Return E[log p(latent, component)] [..., B, K] under the posterior, for latents [..., B, D]."""
    distances = (latents.unsqueeze(-2) - components.means).square() * components.precisions
    return components.offsets - 0.5 * distances.sum(-1)


def responsibilities(latents: Tensor, components: Components) -> Tensor:
    """Return the probability [..., B, K] that each component made each latent [..., B, D]."""
    return expected_log_joint(latents, components).softmax(-1)


def kl_to_mixture(mean: Tensor, log_variance: Tensor, latents: Tensor, components: Components) -> Tensor:
    """Return the KL divergence [..., B] of Gaussians from the components, weighed by responsibilities.

    These are constants to the gradient, as in the original, where bnpy computes them.

    Args:
        mean: [..., B, D]
        log_variance: [..., B, D]
        latents: [..., B, D] drawn from the Gaussians; the components are responsible for them.
        components: of the mixture.
    """
    weights = responsibilities(latents.detach(), components)
    variances, mean, log_variance = components.variances, mean.unsqueeze(-2), log_variance.unsqueeze(-2)
    spread = (log_variance.exp() + (mean - components.means).square()) / variances
    divergences = 0.5 * (spread - 1 + variances.log() - log_variance).sum(-1)
    return (weights * divergences).sum(-1)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the KL divergence [..., B] of Gaussians [..., B, D] from the standard normal distribution."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(-1)


def least_latents(settings: Settings) -> int:
    """Return how many latents a fit needs."""
    return int(np.ceil(settings.batches * settings.least_target))


def check_latents(latents: Floats, previous: Mixture | None, settings: Settings) -> None:
    """Raise MixtureError unless an engine can fit latents [M, D], starting from a mixture or from none."""
    if latents.ndim != 2:
        raise MixtureError(f"latents must be [M, D], got {list(latents.shape)}")
    if not np.isfinite(latents).all():
        raise MixtureError("latents must be finite: the encoder has diverged")
    least = least_latents(settings)
    if len(latents) < least:
        raise MixtureError(
            f"a mixture needs {least} latents or more, {settings.least_target:g} in each of"
            f" {settings.batches} batches, got {len(latents)}"
        )
    if previous is not None and previous.means.shape[1] != latents.shape[1]:
        raise MixtureError(
            f"latents have {latents.shape[1]} dimensions, the previous mixture {previous.means.shape[1]}"
        )


def check_result(mixture: Mixture, latents: Floats) -> Mixture:
    """Return a fitted mixture, or raise MixtureError if it does not account for its latents [M, D]."""
    arrays = (mixture.counts, mixture.means, mixture.variances)
    if not all(np.isfinite(array).all() for array in arrays) or not (mixture.variances > 0).all():
        raise MixtureError("the fitted mixture is not finite")
    if not np.isclose(mixture.counts.sum(), len(latents)):
        raise MixtureError(f"the fitted mixture holds {mixture.counts.sum():g} of {len(latents)} latents")
    return mixture
