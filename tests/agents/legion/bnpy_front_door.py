"""Two fits by ``bnpy.run``, the second from the folder of the first: a script for a process of its own.

python bnpy_front_door.py LATENTS.npz FITS.npz FOLDER ALGORITHM_SEED ORDER_SEED

It does to NumPy, Python and the loggers whatever bnpy needs, to compare our way into bnpy with.
"""

from __future__ import annotations

import inspect
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
vars(np).update(float=float, bool8=np.bool_, unicode_=np.str_)
inspect.getargspec = lambda function: inspect.getfullargspec(function)[:4]

import bnpy  # noqa: E402
import bnpy.Runner  # noqa: E402

LEGION = dict(
    gamma0=5.0,
    sF=1e-5,
    ECovMat="eye",
    moves="birth,merge",
    nBatch=5,
    nLap=2,
    b_startLap=1,
    b_stopLap=2,
    b_Kfresh=10,
    b_minNumAtomsForNewComp=10.0,
    b_minNumAtomsForTargetComp=10.0,
    b_minNumAtomsForRetainComp=10.0,
    b_minPercChangeInNumAtomsToReactivate=0.03,
    m_startLap=2,
    m_maxNumPairsContainingComp=50,
    m_pair_ranking_procedure="obsmodel_elbo",
    m_pair_ranking_direction="descending",
)


def native(values, dtype=np.float64):
    copy = np.empty(np.shape(values), dtype)
    copy[...] = values
    return copy


def main(latents: str, fits: str, folder: str, algorithm: str, order: str) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("bnpy") and hasattr(module, "toCArray"):
            module.toCArray = native
    bnpy.Runner.createUniqueRandomSeed = lambda job, taskID: int(algorithm if job else order)
    found, start = {}, {"initname": "randexamples", "K": 1}
    with np.load(latents) as data:
        for fit in ("cold", "warm"):
            cloud = bnpy.data.XData(data[fit])
            model, info = bnpy.run(
                cloud,
                "DPMixtureModel",
                "DiagGauss",
                "memoVB",
                output_path=f"{folder}/{fit}",
                **start,
                **LEGION,
            )
            start = {"initname": info["task_output_path"], "K": model.obsModel.K}
            for name in ("nu", "kappa", "m", "beta"):
                found[f"{fit}_{name}"] = getattr(model.obsModel.Post, name)
            found[f"{fit}_eta1"], found[f"{fit}_eta0"] = model.allocModel.eta1, model.allocModel.eta0
            found[f"{fit}_resp"] = model.calc_local_params(cloud)["resp"]
    np.savez(fits, **found)


main(*sys.argv[1:])
