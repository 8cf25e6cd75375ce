"""Our engine, held to bnpy's and to itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from legion_bench.agents.legion import bnpy_engine, torch_engine
from legion_bench.agents.legion.bnpy_engine import _bnpy
from legion_bench.agents.legion.mixture import Mixture, MixtureError, Prior, Settings
from legion_bench.agents.legion.torch_engine import (
    elbo,
    expect,
    merge_gains,
    posterior,
    spread_out,
    summarise,
    update,
)
from legion_bench.types import Floats
from tests.agents.legion.clouds import beside, clouds

PRIOR, SETTINGS = Prior(), Settings()
seeds = some.integers(0, 2**31)


def guesses(seed: int, size: int, count: int) -> Tensor:
    """Return made-up responsibilities [size, count]."""
    return torch.tensor(np.random.default_rng(seed).dirichlet(np.full(count, 0.3), size))


def bound(latents: Floats, mixture: Mixture) -> float:
    x = torch.tensor(latents)
    return elbo(x, expect(x, mixture), mixture.prior)


def bnpy_model(latents: Floats, resp: Tensor) -> tuple[Any, Any, Any]:
    """Return bnpy's data, model and statistics after an M-step with these responsibilities."""
    bnpy = _bnpy()
    data = bnpy.data.XData(latents)
    options = bnpy_engine._options(bnpy, SETTINGS)
    model = bnpy.HModel.CreateEntireModel(
        "memoVB", "DPMixtureModel", "DiagGauss", options["DPMixtureModel"], options["DiagGauss"], data
    )
    statistics = model.get_global_suff_stats(data, {"resp": resp.numpy().copy()}, doPrecompEntropy=1)
    model.update_global_params(statistics)
    return data, model, statistics


@pytest.mark.parametrize(("apart", "count"), [(4.0, 5), (0.5, 3), (0.0, 1), (30.0, 8)])
def test_posterior_bound_and_responsibilities_are_those_of_bnpy(apart: float, count: int) -> None:
    latents = clouds(0, count, apart)
    x, resp = torch.tensor(latents), guesses(0, len(latents), count)
    data, model, statistics = bnpy_model(latents, resp)
    mixture = posterior(summarise(x, resp), PRIOR)
    theirs = model.obsModel.Post
    for ours, other in ((mixture.nu, theirs.nu), (mixture.kappa, theirs.kappa), (mixture.means, theirs.m)):
        np.testing.assert_allclose(ours, other, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mixture.b, theirs.beta, rtol=1e-10)
    np.testing.assert_allclose(mixture.eta1, model.allocModel.eta1, rtol=1e-12)
    np.testing.assert_allclose(mixture.eta0, model.allocModel.eta0, rtol=1e-12)
    np.testing.assert_allclose(mixture.weights, model.allocModel.get_active_comp_probs(), rtol=1e-12)
    np.testing.assert_allclose(mixture.variances[0], np.diag(model.obsModel.get_covar_mat_for_comp(0)))
    # bnpy divides by the number of observed values.
    assert elbo(x, resp, PRIOR) == pytest.approx(model.calc_evidence(SS=statistics) * latents.size, rel=1e-10)
    np.testing.assert_allclose(expect(x, mixture), model.calc_local_params(data)["resp"], atol=1e-10)


@settings(deadline=None)
@given(seeds, some.integers(2, 6))
def test_what_merging_promises_is_what_it_brings(seed: int, count: int) -> None:
    x, resp = torch.tensor(clouds(seed, 2, 1.0, size=60, dimensions=3)), guesses(seed, 60, count)
    first, second = np.triu_indices(count, 1)
    gains = merge_gains(x, resp, PRIOR, first, second)
    for gain, one, other in zip(gains, first, second, strict=True):
        merged = resp[:, [k for k in range(count) if k != other]].clone()
        merged[:, one] += resp[:, other]
        brought = elbo(x, merged, PRIOR) - elbo(x, resp, PRIOR)
        # Entropy only falls, so what does not look promising is worse still.
        assert brought == pytest.approx(gain, abs=1e-6) or brought < gain < 0


@settings(deadline=None)
@given(seeds, some.integers(1, 6))
def test_every_update_raises_the_bound(seed: int, count: int) -> None:
    x, resp = torch.tensor(clouds(seed, 3, 2.0, size=80, dimensions=3)), guesses(seed, 80, count)
    bounds = []
    for _ in range(5):
        bounds.append(elbo(x, resp, PRIOR))
        resp = update(x, resp, PRIOR)
    assert np.diff(bounds).min() > -1e-6


CASES = {
    "well apart": clouds(1, 5, 4.0),
    "many": clouds(2, 10, 4.0, size=2_000),
    "overlapping": clouds(3, 5, 0.8),
    "one": clouds(4, 1, 0.0),
    "heavy tails": np.random.default_rng(5).standard_t(3, (1_000, 10)),
    "flat": clouds(6, 6, 1.0) * np.array([1.0] + [0.01] * 9),
    "few dimensions": clouds(7, 3, 5.0, dimensions=2),
}


@pytest.mark.parametrize("latents", CASES.values(), ids=CASES)
def test_the_bound_is_never_far_below_that_of_bnpy(latents: Floats) -> None:
    for seed in range(2):
        theirs = bnpy_engine.fit(latents, None, SETTINGS, seed)
        ours = torch_engine.fit(latents, None, SETTINGS, seed)
        least = bound(latents, theirs)
        assert bound(latents, ours) > least - 1e-3 * abs(least)
        more = beside(latents, seed)
        least = bound(more, bnpy_engine.fit(more, theirs, SETTINGS, seed))
        assert bound(more, torch_engine.fit(more, theirs, SETTINGS, seed)) > least - 1e-3 * abs(least)


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_clouds_well_apart_are_all_found(count: int) -> None:
    for seed in range(3):
        found = torch_engine.fit(clouds(seed, count, 5.0, size=2_000), None, SETTINGS, seed)
        assert len(found.counts) == count


def test_components_keep_their_places_and_new_ones_come_last() -> None:
    latents = clouds(0, 4, 5.0)
    first = torch_engine.fit(latents, None, SETTINGS, 0)
    second = torch_engine.fit(beside(latents, 0), first, SETTINGS, 1)
    assert second.means.shape == (5, 10)
    np.testing.assert_allclose(second.means[:4], first.means, atol=1e-3)
    assert second.counts[4] == pytest.approx(125, abs=1)


def test_a_component_without_latents_goes() -> None:
    latents = clouds(0, 2, 5.0)
    first = torch_engine.fit(beside(latents, 0), None, SETTINGS, 0)
    assert len(torch_engine.fit(latents, first, SETTINGS, 0).counts) == len(first.counts) - 1


def test_equal_arguments_give_equal_mixtures_and_no_global_state_is_touched() -> None:
    latents = CASES["overlapping"]
    before = torch.get_rng_state().tolist(), str(np.random.get_bit_generator().state)
    one, other = (torch_engine.fit(latents, None, SETTINGS, 3) for _ in range(2))
    np.testing.assert_array_equal(one.means, other.means)
    assert (torch.get_rng_state().tolist(), str(np.random.get_bit_generator().state)) == before


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_latents_that_are_all_the_same_are_one_component(value: float) -> None:
    found = torch_engine.fit(np.full((100, 3), value), None, SETTINGS, 0)
    np.testing.assert_allclose(found.means, np.full((1, 3), value), atol=1e-4)


def test_moves_happen_when_the_settings_say() -> None:
    latents = clouds(0, 5, 5.0)
    later_births = Settings(birth_start=3, birth_stop=4)
    assert len(torch_engine.fit(latents, None, later_births, 0).counts) == 1
    fewer = torch_engine.fit(latents, None, Settings(fresh=2, batches=1), 0)
    assert len(fewer.counts) == 2
    assert len(torch_engine.fit(latents, None, Settings(least_new=400), 0).counts) < 3


def test_points_to_split_around_are_far_from_one_another() -> None:
    points = torch.tensor([[0.0], [0.0], [0.0], [9.0], [-9.0]])
    found = spread_out(points, 10, np.random.default_rng(0))
    assert sorted(found[:, 0].tolist()) == [-9, 0, 9]


def test_latents_that_no_engine_can_fit() -> None:
    with pytest.raises(MixtureError, match="needs 50 latents or more"):
        torch_engine.fit(np.zeros((3, 2)), None, SETTINGS, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_finds_the_same() -> None:
    latents = CASES["well apart"]
    here = torch_engine.fit(latents, None, SETTINGS, 0)
    there = torch_engine.fit(latents, None, SETTINGS, 0, device="cuda")
    np.testing.assert_allclose(there.means, here.means, atol=1e-8)


def test_it_needs_nothing() -> None:
    torch_engine.check()
