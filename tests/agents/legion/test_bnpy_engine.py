"""bnpy behind our door: the same numbers as through its own, and nothing else changed."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch

from legion_bench.agents.legion import bnpy_engine
from legion_bench.agents.legion.bnpy_engine import fit
from legion_bench.agents.legion.mixture import Components, Mixture, MixtureError, Settings, responsibilities
from legion_bench.seeding import derive
from tests.agents.legion.clouds import beside, clouds
from tests.helpers import python

SETTINGS = Settings()
LATENTS = clouds(0)
FRONT_DOOR = Path(__file__).with_name("bnpy_front_door.py")

_FIT_ELSEWHERE = """
import json
from legion_bench.agents.legion import bnpy_engine
from legion_bench.agents.legion.mixture import Settings
from tests.agents.legion.clouds import clouds
mixture = bnpy_engine.fit(clouds(0), None, Settings(), 3)
print(json.dumps({name: array.tolist() for name, array in mixture.to_arrays().items()}))
"""
_WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from legion_bench.agents.legion import bnpy_engine
bnpy_engine.check()
"""
_IN_A_NEWER_PYTHON = """
import configparser, sys
del configparser.SafeConfigParser
for gone in ("imp", "distutils", "distutils.dir_util"):
    sys.modules[gone] = None
from legion_bench.agents.legion import bnpy_engine
from legion_bench.agents.legion.mixture import Settings
from tests.agents.legion.clouds import clouds
bnpy_engine.fit(clouds(0), None, Settings(), 3)
assert not hasattr(configparser, "SafeConfigParser")
assert sys.modules["imp"] is sys.modules["distutils"] is None
"""


def same(one: Mixture, other: Mixture) -> bool:
    ours, theirs = one.to_arrays(), other.to_arrays()
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def first() -> Mixture:
    return fit(LATENTS, None, SETTINGS, 3)


def test_it_finds_exactly_what_bnpy_finds_through_its_own_door(tmp_path: Path) -> None:
    cold = clouds(0, size=2_000)
    warm = beside(cold, 0)
    seed = 5
    np.savez(tmp_path / "latents.npz", cold=cold, warm=warm)
    done = python(
        FRONT_DOOR,
        tmp_path / "latents.npz",
        tmp_path / "fits.npz",
        tmp_path,
        str(seed),
        str(derive(seed, "batches")),
    )
    assert done.returncode == 0, done.stderr
    first = fit(cold, None, SETTINGS, seed)
    second = fit(warm, first, SETTINGS, seed)
    assert len(second.counts) > len(first.counts) > 1
    with np.load(tmp_path / "fits.npz") as theirs:
        for name, latents, ours in (("cold", cold, first), ("warm", warm, second)):
            posterior = {
                "nu": ours.nu,
                "kappa": ours.kappa,
                "m": ours.means,
                "beta": ours.b,
                "eta1": ours.eta1,
                "eta0": ours.eta0,
            }
            for key, array in posterior.items():
                np.testing.assert_array_equal(array, theirs[f"{name}_{key}"], err_msg=key)
            for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-6)):
                resp = responsibilities(torch.tensor(latents, dtype=dtype), Components.of(ours, dtype=dtype))
                np.testing.assert_allclose(resp.numpy(), theirs[f"{name}_resp"], atol=tolerance)


def test_equal_arguments_give_equal_mixtures_whatever_was_fitted_between(first: Mixture) -> None:
    fit(beside(LATENTS, 1), first, SETTINGS, 9)
    assert same(fit(LATENTS, None, SETTINGS, 3), first)


def test_another_process_finds_the_same(first: Mixture) -> None:
    done = python("-c", _FIT_ELSEWHERE, PYTHONHASHSEED="1")
    assert done.returncode == 0, done.stderr
    assert same(Mixture.from_arrays(json.loads(done.stdout)), first)


def test_a_restored_mixture_is_as_good_a_start(first: Mixture) -> None:
    file = io.BytesIO()
    np.savez(file, **first.to_arrays())
    file.seek(0)
    with np.load(file) as data:
        restored = Mixture.from_arrays(data)
    more = beside(LATENTS, 0)
    assert same(fit(more, restored, SETTINGS, 4), fit(more, first, SETTINGS, 4))


def test_the_previous_mixture_and_the_latents_stay_as_they_were(first: Mixture) -> None:
    latents, before = LATENTS.copy(), {name: array.copy() for name, array in first.to_arrays().items()}
    fit(latents, first, SETTINGS, 4)
    np.testing.assert_array_equal(latents, LATENTS)
    assert same(first, Mixture.from_arrays(before))


def test_threads_may_fit_at_once(first: Mixture) -> None:
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda seed: fit(LATENTS, None, SETTINGS, seed), [3, 4, 3, 4])
        mixtures = list(found)
    assert same(mixtures[0], first)
    assert same(mixtures[2], first)
    assert same(mixtures[1], mixtures[3])


def surroundings() -> dict[str, Any]:
    """Return what a library could change behind our back."""
    return {
        "random": random.getstate(),
        "numpy.random": str(np.random.get_bit_generator().state),
        "torch": torch.get_rng_state().tolist(),
        "handlers": list(logging.getLogger().handlers),
        "level": logging.getLogger().level,
        "warnings": list(warnings.filters),
        "rcParams": dict(matplotlib.rcParams),
        "errors": np.geterr(),
        "numpy": sorted(vars(np)),
        "modules": {name: sys.modules.get(name) for name in ("imp", "distutils", "distutils.dir_util")},
        "threads": threading.active_count(),
        "environment": dict(os.environ),
    }


def test_nothing_around_it_changes(
    first: Mixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bnpy_engine._bnpy.cache_clear()
    before = surroundings()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(LATENTS, first, SETTINGS, 1)
    assert surroundings() == before
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_it_runs_where_python_dropped_what_bnpy_imports() -> None:
    done = python("-W", "error", "-W", "ignore::DeprecationWarning", "-c", _IN_A_NEWER_PYTHON)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["bnpy", "psutil"])
def test_what_is_missing_is_said_with_its_cure(missing: str) -> None:
    done = python("-c", _WITHOUT.format(missing=missing))
    assert "MixtureError" in done.stderr
    assert missing in done.stderr
    assert f"{bnpy_engine.INSTALL}; or set engine" in done.stderr


def test_whatever_goes_wrong_inside_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("Ltotal")

    monkeypatch.setattr(bnpy_engine, "_fit", broken)
    with pytest.raises(MixtureError, match="bnpy failed: AssertionError: Ltotal"):
        fit(LATENTS, None, SETTINGS, 0)


def test_latents_that_no_engine_can_fit(first: Mixture) -> None:
    with pytest.raises(MixtureError, match="must be finite"):
        fit(np.full((100, 10), np.inf), None, SETTINGS, 0)
    with pytest.raises(MixtureError, match="needs 50 latents or more"):
        fit(LATENTS[:49], None, SETTINGS, 0)
    with pytest.raises(MixtureError, match="the previous mixture 10"):
        fit(LATENTS[:, :3], first, SETTINGS, 0)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_latents_that_are_all_the_same_are_one_component(value: float) -> None:
    found = fit(np.full((100, 3), value), None, SETTINGS, 0)
    np.testing.assert_allclose(found.means, np.full((1, 3), value), atol=1e-4)


def test_settings_reach_bnpy() -> None:
    latents = clouds(0, 5, 5.0)
    assert len(fit(latents, None, SETTINGS, 0).counts) > 1
    assert len(fit(latents, None, Settings(birth_start=2, birth_stop=2), 0).counts) == 1
    options = bnpy_engine._options(bnpy_engine._bnpy(), Settings(fresh=3, merge_pairs=7, reactivation=0.5))
    assert options["birth"]["b_Kfresh"] == 3
    assert options["merge"]["m_maxNumPairsContainingComp"] == 7
    assert options["birth"]["b_minPercChangeInNumAtomsToReactivate"] == 0.5
    assert options["DiagGauss"]["sF"] == 1e-5
