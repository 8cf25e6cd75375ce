"""Small learners, and made-up transitions for their memories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.learner import Learner
from legion_bench.agents.legion.mixture import Components, Mixture, Prior
from legion_bench.types import Transitions

OBSERVATION, TASKS, IDENTITY = 5, 3, 4
SMALL: dict[str, Any] = {
    "latent": 3,
    "encoder_width": 7,
    "encoder_depth": 2,
    "width": 9,
    "depth": 3,
    "batch_size": 16,
    "buffer_size": 60,
    "encoder_every": 2,
    "learning_rate": 1e-2,
}


def transitions(seed: int, count: int = 1, *, observation: int = OBSERVATION) -> Transitions:
    """Return transitions of all tasks, of which some end."""
    rng = np.random.default_rng(seed)
    return Transitions(
        observations=rng.normal(size=(count, observation)),
        actions=rng.uniform(-1, 1, (count, 4)).astype(np.float32),
        rewards=rng.normal(size=count),
        next_observations=rng.normal(size=(count, observation)),
        terminated=rng.random(count) < 0.2,
        truncated=rng.random(count) < 0.2,
        tasks=rng.integers(0, TASKS, count),
    )


def make(
    seeds: Sequence[int] = (7,), *, observation: int = OBSERVATION, identity: int = IDENTITY, **changes: Any
) -> Learner:
    """Return a learner of which each seed remembers forty transitions of its own."""
    told = torch.randn(TASKS, identity, generator=torch.Generator().manual_seed(0)).tanh()
    learner = Learner(LegionConfig(**{**SMALL, **changes}), observation, told, seeds)
    for place, seed in enumerate(seeds):
        for step in range(40):  # one by one, which works in 64 bits too
            learner.replay.add(place, transitions(1000 * seed + step, observation=observation))
    return learner


def components(seed: int, latent: int = 3) -> Components:
    """Return two components in torch's default precision."""
    rng = np.random.default_rng(seed)
    mixture = Mixture(
        counts=np.array([30.0, 20.0]),
        means=rng.normal(size=(2, latent)),
        b=rng.uniform(10, 30, (2, latent)),
        prior=Prior(),
    )
    return Components.of(mixture, dtype=torch.get_default_dtype())
