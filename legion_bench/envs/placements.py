"""Where objects and goals stand: a function of a seed, a split and a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from legion_bench.envs.generators import generator_state, load_generator
from legion_bench.envs.options import Options
from legion_bench.seeding import MAX_SEED, derive


class Placements:
    """The placements of one environment's episodes.

    Placement number k of a seed is the same under every rule: ``"fixed"`` is always
    number 0, ``"every-episode"`` counts 0, 1, 2, …, and ``"pool:N"`` draws one of the
    first N for each episode. Evaluation has numbers of its own, but for ``"fixed"``,
    where one is judged on what one trains on.
    """

    def __init__(self, options: Options) -> None:
        """Say by which rule placements are chosen; :meth:`restart` says the seed."""
        self._options = options
        self._seed: int | None = None

    @property
    def seeded(self) -> bool:
        """Whether a seed is known, so that episodes can begin."""
        return self._seed is not None

    def restart(self, seed: int) -> None:
        """Begin anew with another seed."""
        self._seed = seed
        self._rng = np.random.default_rng(derive(seed, "pool", self._options.split))
        self._episodes = 0

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides which placements follow, in plain values."""
        if self._seed is None:
            return {"seed": None}
        return {"seed": self._seed, "episodes": self._episodes, "generator": generator_state(self._rng)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        if state["seed"] is not None:
            self.restart(state["seed"])
            self._episodes = state["episodes"]
            load_generator(self._rng, state["generator"])

    def next(self) -> int:
        """Return the seed from which the next episode's placement is drawn."""
        assert self._seed is not None
        if self._options.placement == "fixed":
            return derive(self._seed, "placement", "training", 0)
        pool = self._options.pool
        number = self._episodes if pool is None else int(self._rng.integers(pool))
        self._episodes += 1
        seed = derive(self._seed, "placement", self._options.split, number)
        # Derived seeds end below MAX_SEED: the splits have no seed in common.
        return seed + MAX_SEED if self._options.split == "evaluation" else seed
