"""Made-up latents for mixtures to be fitted to."""

from __future__ import annotations

import numpy as np

from legion_bench.types import Floats


def clouds(seed: int, count: int = 5, apart: float = 4.0, size: int = 1_000, dimensions: int = 10) -> Floats:
    """Return latents [size, dimensions] around ``count`` centres, of standard deviation 1 each."""
    rng = np.random.default_rng(seed)
    centres = apart * rng.standard_normal((count, dimensions))
    return centres[rng.integers(count, size=size)] + rng.standard_normal((size, dimensions))


def beside(latents: Floats, seed: int) -> Floats:
    """Return the latents and a new, small cloud beside them."""
    rng = np.random.default_rng(seed)
    corner = latents.mean(0) + 6 * latents.std(0) * rng.choice([-1, 1], latents.shape[1])
    new = corner + 0.3 * rng.standard_normal((len(latents) // 8, latents.shape[1]))
    return np.concatenate([latents, new])
