"""The mixture's mathematics, by hand and by properties."""

from __future__ import annotations

import io
import math
from dataclasses import fields

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.special import digamma
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from legion_bench.agents.legion.mixture import (
    Components,
    Mixture,
    MixtureError,
    Prior,
    Settings,
    check_latents,
    check_result,
    expected_log_joint,
    kl_to_mixture,
    kl_to_normal,
    later,
    responsibilities,
)

PRIOR = Prior()


def make_mixture(seed: int = 0, components: int = 3, dimensions: int = 2) -> Mixture:
    rng = np.random.default_rng(seed)
    counts = rng.uniform(0, 100, components)
    means = rng.normal(0, 3, (components, dimensions))
    return Mixture(counts, means, rng.uniform(0.1, 50, (components, dimensions)), PRIOR)


def components_of(mixture: Mixture) -> Components:
    return Components.of(mixture, dtype=torch.float64)


def permuted(components: Components, order: list[int]) -> Components:
    return Components(*(getattr(components, field.name)[order] for field in fields(components)))


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(0, 3, shape))


seeds = some.integers(0, 2**31)
sizes = some.integers(1, 6)


def test_the_posterior_by_hand() -> None:
    mixture = Mixture(np.array([3.0, 1.0]), np.zeros((2, 2)), np.array([[5.0, 10.0], [3.0, 6.0]]), PRIOR)
    np.testing.assert_allclose(mixture.nu, [7, 5])
    np.testing.assert_allclose(mixture.kappa, [3.0001, 1.0001])
    np.testing.assert_allclose(mixture.eta1, [4, 2])
    np.testing.assert_allclose(mixture.eta0, [6, 5])
    np.testing.assert_allclose(mixture.variances, [[1, 2], [1, 2]])
    np.testing.assert_allclose(mixture.weights, [4 / 10, 6 / 10 * 2 / 7])


def test_the_expected_log_joint_by_hand() -> None:
    mixture = Mixture(np.array([2.0]), np.array([[1.0]]), np.array([[8.0]]), PRIOR)  # nu 5, eta 3 and 5
    latent = torch.tensor([[3.0]], dtype=torch.float64)
    log_weight = digamma(3) - digamma(8)
    log_precision = digamma(2.5) + math.log(2 / 8)
    squares = 5 / 8 * (3 - 1) ** 2 + 1 / 2.0001
    expected = log_weight + 0.5 * (log_precision - math.log(2 * math.pi) - squares)
    assert expected_log_joint(latent, components_of(mixture)).item() == pytest.approx(expected, abs=1e-12)


def test_later_counts() -> None:
    np.testing.assert_array_equal(later(np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 1.0]])), [[5, 3, 0], [1, 1, 0]])


@settings(deadline=None)
@given(seeds, sizes, sizes)
def test_expected_shares_leave_some_for_components_unseen(seed: int, count: int, dimensions: int) -> None:
    weights = make_mixture(seed, count, dimensions).weights
    assert (weights > 0).all()
    assert weights.sum() < 1


@settings(deadline=None)
@given(seeds, sizes, sizes)
def test_responsibilities_are_probabilities(seed: int, count: int, dimensions: int) -> None:
    components = components_of(make_mixture(seed, count, dimensions))
    found = responsibilities(drawn(seed, 7, dimensions), components)
    assert found.shape == (7, count)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(7, dtype=torch.float64))


@settings(deadline=None)
@given(seeds, some.permutations(range(4)))
def test_components_have_no_order(seed: int, order: list[int]) -> None:
    components = components_of(make_mixture(seed, 4))
    mean, log_variance, latents = drawn(seed, 3, 7, 2)
    other = permuted(components, order)
    torch.testing.assert_close(
        responsibilities(latents, other), responsibilities(latents, components)[:, order]
    )
    torch.testing.assert_close(
        kl_to_mixture(mean, log_variance, latents, other),
        kl_to_mixture(mean, log_variance, latents, components),
    )


@settings(deadline=None)
@given(seeds, sizes, sizes)
def test_divergences_are_those_of_torch_weighed_and_not_negative(
    seed: int, count: int, dimensions: int
) -> None:
    mixture = make_mixture(seed, count, dimensions)
    mean, log_variance, latents = drawn(seed, 3, 7, dimensions)
    components = components_of(mixture)
    found = kl_to_mixture(mean, log_variance, latents, components)
    ours = Independent(Normal(mean[:, None], (log_variance / 2).exp()[:, None]), 1)
    theirs = Independent(Normal(torch.tensor(mixture.means), torch.tensor(mixture.variances).sqrt()), 1)
    expected = (responsibilities(latents, components) * kl_divergence(ours, theirs)).sum(-1)
    torch.testing.assert_close(found, expected)
    assert (found >= -1e-9).all()


def test_a_divergence_is_what_samples_say() -> None:
    mixture = make_mixture(1, 1)
    mean, log_variance = torch.tensor([[0.5, -1.0]]).double(), torch.tensor([[0.3, -0.7]]).double()
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    samples = mean + (log_variance / 2).exp() * noise
    ours = Normal(mean, (log_variance / 2).exp()).log_prob(samples)
    theirs = Normal(torch.tensor(mixture.means), torch.tensor(mixture.variances).sqrt()).log_prob(samples)
    ratios = (ours - theirs).sum(-1)
    error = (ratios.std() / math.sqrt(len(ratios))).item()
    found = kl_to_mixture(mean, log_variance, mean, components_of(mixture)).item()
    assert found == pytest.approx(ratios.mean().item(), abs=5 * error)


@pytest.mark.parametrize(
    ("mean", "variance", "expected"),
    [(0.0, 1.0, 0.0), (3.0, 1.0, 4.5), (0.0, 4.0, 1.5 - math.log(2)), (1.0, math.e, math.e / 2 - 0.5)],
)
def test_the_divergence_from_a_standard_normal_by_hand(mean: float, variance: float, expected: float) -> None:
    found = kl_to_normal(torch.tensor([[mean, 0.0]]), torch.tensor([[math.log(variance), 0.0]]))
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_responsibilities_are_constants_to_the_gradient() -> None:
    mixture = make_mixture(2, 3)
    mean, log_variance, latents = (part.requires_grad_() for part in drawn(2, 3, 4, 2))
    components = components_of(mixture)
    kl_to_mixture(mean, log_variance, latents, components).sum().backward()
    weights = responsibilities(latents, components).detach()
    pull = (mean.detach()[:, None] - components.means) / components.variances
    torch.testing.assert_close(mean.grad, (weights[:, :, None] * pull).sum(1))
    assert latents.grad is None


def test_stacked_seeds_are_as_each_alone() -> None:
    components = components_of(make_mixture(3, 5, 4))
    mean, log_variance, latents = drawn(3, 3, 2, 7, 4)
    together = kl_to_mixture(mean, log_variance, latents, components)
    alone = [kl_to_mixture(mean[s], log_variance[s], latents[s], components) for s in range(2)]
    assert responsibilities(latents, components).shape == (2, 7, 5)
    torch.testing.assert_close(together, torch.stack(alone))


@settings(deadline=None)
@given(seeds)
def test_single_precision_is_enough(seed: int) -> None:
    mixture = make_mixture(seed, 5, 10)
    latents = drawn(seed, 9, 10)
    single = responsibilities(latents.float(), Components.of(mixture))
    assert single.dtype == torch.float32
    exact = components_of(mixture)
    off = (single.double() - responsibilities(latents, exact)).abs().amax(-1)
    # A probability is as far off as the logarithms are, which are rounded in proportion to their
    # size; where they are larger than the likeliest component's there is no probability to speak of.
    size = 1 + expected_log_joint(latents, exact).amax(-1).abs()
    assert (off <= 2 * torch.finfo(torch.float32).eps * size).all()


@settings(deadline=None)
@given(arrays.arrays(np.float64, (3, 2), elements=some.floats(-1e6, 1e6)), seeds)
def test_a_checkpoint_holds_all_of_it(means: np.ndarray, seed: int) -> None:
    mixture = Mixture(make_mixture(seed).counts, means, make_mixture(seed).b, Prior(gamma0=2.0, scale=0.1))
    file = io.BytesIO()
    np.savez(file, **mixture.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as data:
        back = Mixture.from_arrays(data)
    assert back.prior == mixture.prior
    for name in ("counts", "means", "b", "nu", "kappa", "eta1", "eta0"):
        np.testing.assert_array_equal(getattr(back, name), getattr(mixture, name))


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        (np.zeros(100), r"must be \[M, D\], got \[100\]"),
        (np.full((100, 2), np.nan), "encoder has diverged"),
        (np.zeros((49, 2)), "needs 50 latents or more, 10 in each of 5 batches, got 49"),
        (np.zeros((100, 3)), "latents have 3 dimensions, the previous mixture 2"),
    ],
)
def test_latents_that_cannot_be_fitted(latents: np.ndarray, said: str) -> None:
    with pytest.raises(MixtureError, match=said):
        check_latents(latents, make_mixture(dimensions=2), Settings())


def test_a_result_has_to_hold_all_latents() -> None:
    mixture = make_mixture()
    latents = np.zeros((round(mixture.counts.sum()) + 5, 2))
    with pytest.raises(MixtureError, match=r"of \d+ latents"):
        check_result(mixture, latents)
    with pytest.raises(MixtureError, match="not finite"):
        check_result(Mixture(mixture.counts, mixture.means * np.nan, mixture.b, PRIOR), latents)
