"""The paper's engine for the mixture: bnpy 0.1.7, which this module alone imports.

bnpy was written for Python and NumPy versions long gone. What they removed is put back where
bnpy looks for it, and nowhere else. Its learning algorithm is driven in memory, around its
front door ``bnpy.run``: that one writes fifty files per fit, takes the root logger's handlers
away, and reads the previous model from a folder.
"""

from __future__ import annotations

import configparser
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from legion_bench.agents.legion.mixture import Mixture, MixtureError, Settings, check_latents, check_result
from legion_bench.seeding import derive
from legion_bench.types import Floats

INSTALL = "pip install joblib psutil six && pip install --no-deps bnpy==0.1.7"
"""bnpy's own pins, of 2020, cannot be resolved any more."""

_MODEL, _LIKELIHOOD, _ALGORITHM = "DPMixtureModel", "DiagGauss", "memoVB"
# bnpy keeps state in modules.
_LOCK = threading.Lock()


def check() -> None:
    """Raise MixtureError unless bnpy can be used; the first call takes a second."""
    with _LOCK:
        _bnpy()


def fit(latents: Floats, previous: Mixture | None, settings: Settings, seed: int) -> Mixture:
    """Return the mixture that bnpy's memoized variational Bayes finds.

    Equal arguments give equal mixtures, in any process; no global random state is touched.

    Args:
        latents: [M, D]
        previous: where to start; None is one component around one latent.
        settings: the model and the moves.
        seed: in [0, 2**31), of the order of latents and of the moves.

    Raises:
        MixtureError: bnpy is not installed or fails, or the latents are too few or not finite.
    """
    check_latents(latents, previous, settings)
    with _LOCK, np.errstate(all="ignore"):
        bnpy = _bnpy()
        try:
            mixture = _fit(bnpy, latents, previous, settings, seed)
        except Exception as error:  # whatever bnpy raises, there is no mixture
            raise MixtureError(f"bnpy failed: {type(error).__name__}: {error}") from error
    return check_result(mixture, latents)


def _fit(
    bnpy: ModuleType, latents: Floats, previous: Mixture | None, settings: Settings, seed: int
) -> Mixture:
    data = bnpy.data.XData(np.array(latents, np.float64))
    options = _options(bnpy, settings)
    model = bnpy.HModel.CreateEntireModel(
        _ALGORITHM, _MODEL, _LIKELIHOOD, options[_MODEL], options[_LIKELIHOOD], data
    )
    if previous is None:
        model.init_global_params(data, seed=seed, initname="randexamples", K=1)
    else:
        model.allocModel.set_global_params(K=len(previous.counts), eta1=previous.eta1, eta0=previous.eta0)
        model.obsModel.setPostFactors(
            nu=previous.nu, kappa=previous.kappa, m=previous.means.copy(), beta=previous.b.copy()
        )
    algorithm = bnpy.learnalg.MemoVBMovesAlg(
        seed=seed,
        algParams={
            **options[_ALGORITHM],
            "nLap": settings.laps,
            "birth": options["birth"],
            "merge": options["merge"],
        },
        outputParams=options["OutputPrefs"],
    )
    order = derive(seed, "batches")
    batches = data.to_iterator(nBatch=settings.batches, nLap=settings.laps, dataorderseed=order)
    statistics = algorithm.fit(model, batches)["SS"]
    found = model.obsModel.Post
    return Mixture(statistics.N.copy(), found.m.copy(), found.beta.copy(), settings.prior)


def _options(bnpy: ModuleType, settings: Settings) -> dict[str, Any]:
    """Return bnpy's options, by section: its own defaults, but for what LEGION sets."""
    required = {"allocModelName": _MODEL, "obsModelName": _LIKELIHOOD, "algName": _ALGORITHM}
    options, unknown = bnpy.ioutil.BNPYArgParser.parseKeywordArgs(
        {"dataName": "latents", **required},
        moves="birth,merge",
        gamma0=settings.prior.gamma0,
        sF=settings.prior.scale,
        ECovMat="eye",
        b_startLap=settings.birth_start,
        b_stopLap=settings.birth_stop,
        b_Kfresh=settings.fresh,
        b_minNumAtomsForTargetComp=settings.least_target,
        b_minNumAtomsForNewComp=settings.least_new,
        b_minPercChangeInNumAtomsToReactivate=settings.reactivation,
        m_startLap=settings.merge_start,
        m_maxNumPairsContainingComp=settings.merge_pairs,
        m_pair_ranking_procedure="obsmodel_elbo",
        m_pair_ranking_direction="descending",
    )
    assert not unknown
    return dict(options)


@cache
def _bnpy() -> ModuleType:
    """Import bnpy and mend it."""
    try:
        with _removed_modules(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import bnpy
            from bnpy.learnalg import ElapsedTimeLogger
    except Exception as error:  # a bnpy built for another Python fails in many ways
        raise MixtureError(
            f'LEGION\'s engine "bnpy" cannot be imported ({error}): {INSTALL}; or set engine = "torch"'
        ) from error
    old = ModuleType("numpy")
    old.__dict__.update(vars(np), float=float, bool8=np.bool_)
    for name, part in list(sys.modules.items()):
        if f"{name}.".startswith("bnpy.") and vars(part).get("np") is np:
            part.__dict__["np"] = old
    # It would time every step into a file.
    for name in ("startEvent", "stopEvent", "writeToLogOnLapCompleted"):
        setattr(ElapsedTimeLogger, name, _nothing)
    logging.getLogger("bnpy").disabled = True
    module: ModuleType = bnpy
    return module


@contextmanager
def _removed_modules() -> Iterator[None]:
    """While bnpy is imported, let it find what Python 3.12 removed and 3.11 warns of."""
    folders = ModuleType("distutils.dir_util")
    folders.__dict__["mkpath"] = os.makedirs
    stand_ins = {name: ModuleType(name) for name in ("imp", "distutils")} | {folders.__name__: folders}
    before = {name: sys.modules[name] for name in stand_ins if name in sys.modules}
    had_parser = hasattr(configparser, "SafeConfigParser")
    sys.modules.update(stand_ins)
    if not had_parser:
        configparser.__dict__["SafeConfigParser"] = configparser.ConfigParser
    try:
        yield
    finally:
        if not had_parser:
            del configparser.__dict__["SafeConfigParser"]
        for name in stand_ins:
            del sys.modules[name]
        sys.modules.update(before)


def _nothing(*_: object, **__: object) -> None:
    pass
