"""What LEGION knows: a mixture over latents, fitted by one of two engines."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from legion_bench.agents.legion import bnpy_engine, torch_engine
from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.mixture import Components, Mixture, expected_log_joint
from legion_bench.types import Ints, Knowledge


def check(engine: str) -> None:
    """Raise MixtureError unless an engine can be used."""
    if engine == "bnpy":
        bnpy_engine.check()


def fit(config: LegionConfig, latents: Tensor, previous: Mixture | None, seed: int) -> Mixture:
    """Return the mixture that the card's engine fits to latents [M, z].

    Args:
        config: says engine and settings.
        latents: of transitions.
        previous: where to start.
        seed: of the fit's randomness.

    Raises:
        MixtureError: it cannot be fitted; says why.
    """
    given, settings = latents.double().numpy(), config.mixture
    if config.engine == "torch":
        return torch_engine.fit(given, previous, settings, seed, config.device)
    return bnpy_engine.fit(given, previous, settings, seed)


def sorted_into(mixture: Mixture | None, latents: Tensor, tasks: Ints) -> Knowledge:
    """Return latents [M, z] with the component that each most likely belongs to.

    Args:
        mixture: None for a standard normal distribution, which is one component.
        latents: of transitions.
        tasks: [M] the identity of the task that each came from.
    """
    size = latents.shape[1]
    if mixture is None:
        components = np.zeros(len(latents), np.int64)
        means, variances, weights = np.zeros((1, size)), np.ones((1, size)), np.ones(1)
    else:
        exact = Components.of(mixture, dtype=torch.float64)
        components = expected_log_joint(latents.double(), exact).argmax(-1).numpy()
        means, variances, weights = mixture.means, mixture.variances, mixture.weights
    return Knowledge(latents.numpy(), tasks, components, means, variances, weights)
