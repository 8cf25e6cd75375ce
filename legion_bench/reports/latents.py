"""Latents in the plane: t-SNE of what an agent knew, for a figure.

The one module that imports scikit-learn, which need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import groupby

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from legion_bench.errors import RunError
from legion_bench.reports.measured import Measured, to_average
from legion_bench.types import Floats, Knowledge

INSTALL = "pip install scikit-learn"
LEAST = 5
"""Latents that can be embedded."""
SEED = 0
PERPLEXITY = 30
VISITS = 3
"""After how many visits they are drawn, the last among them."""


def available() -> bool:
    """Return whether scikit-learn is installed."""
    return find_spec("sklearn") is not None


def drawn(runs: Sequence[Measured]) -> Iterator[Measured]:
    """Yield the run of each agent whose latents are drawn: the first of those averaged that left some."""
    for _, group in groupby(to_average(runs), key=lambda run: run.agent):
        yield from [run for run in group if run.run.knowledge][:1]


def missing(runs: Sequence[Measured]) -> Iterator[str]:
    """Yield, in words, why latents cannot be drawn."""
    shown = list(drawn(runs))
    if shown and not available():
        yield f"No picture of latents: scikit-learn is not installed ({INSTALL})"
        return
    for run in shown:
        try:
            for position in _positions(run):
                _latents(run, position)
        except RunError as error:
            yield f"{run.folder}: no picture of its latents: {error}"


def latents_frame(run: Measured) -> pd.DataFrame | None:
    """Return latents after a few visits: ``after``, ``x``, ``y``, ``task``, ``component`` (from 1).

    Returns:
        None where they cannot be drawn; :func:`missing` says why.
    """
    if not available():
        return None
    try:
        left = {position: _latents(run, position) for position in _positions(run)}
    except RunError:
        return None
    names = np.array([task.name for task in run.run.manifest.tasks])
    parts = []
    for position, known in left.items():
        x, y = embed(known.latents.astype(np.float64)).T
        part = pd.DataFrame({"x": x, "y": y, "task": names[known.tasks], "component": known.components + 1})
        # In the order of training, and of number, whatever comes first in memory.
        part = part.assign(identity=known.tasks, after=f"visit {position + 1}, {run.visits[position]}")
        parts.append(part.sort_values(["identity", "component"], kind="stable"))
    return pd.concat(parts, ignore_index=True)[["after", "x", "y", "task", "component"]]


def embed(latents: Floats) -> Floats:
    """Return latents [M, D] in the plane, [M, 2], by t-SNE: near stays near, distances mean little.

    Equal latents give equal planes: the seed is fixed, and one thread does it.

    Source: van der Maaten and Hinton 2008, as of scikit-learn.
    """
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(latents) - 1) / 3)
    with threadpool_limits(1):
        plane = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(latents)
    return np.asarray(plane, dtype=np.float64)


def _positions(run: Measured) -> list[int]:
    """Return some of the visits that left latents, the last among them."""
    left = [record.stream_position for record in run.run.knowledge]
    chosen = np.unique(np.ceil(np.linspace(0, len(left), VISITS + 1)[1:]).astype(int)) - 1
    return [left[at] for at in chosen]


def _latents(run: Measured, position: int) -> Knowledge:
    known = run.run.load_knowledge(position)
    latents, where = known.latents, f"visit {position + 1}"
    if len(latents) < LEAST:
        raise RunError(f"after {where} there are {len(latents)} of them, fewer than {LEAST}")
    if not np.isfinite(latents).all() or not np.ptp(latents, axis=0).any():
        raise RunError(f"after {where} they are all equal, or not finite")
    return known
