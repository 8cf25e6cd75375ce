"""One seed per run, and every other seed derived from it by name.

Streams of randomness that must not touch each other (training and evaluation
placements, agents, tasks) differ in their path, so adding one moves no other.
"""

from __future__ import annotations

import zlib

import numpy as np

from legion_bench.errors import LegionBenchError

MAX_SEED = 2**31


def check_seed(seed: int) -> None:
    """Raise LegionBenchError unless ``seed`` is in [0, 2**31)."""
    if not 0 <= seed < MAX_SEED:
        raise LegionBenchError(f"seed must be in [0, {MAX_SEED}), got {seed}")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that ``text`` names.

    Raises:
        LegionBenchError: it names none, one twice, or one out of range.

    Example:
        >>> parse_seeds("0-2,7")
        (0, 1, 2, 7)
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise LegionBenchError(f"seeds must read like 0-4 or 0,2,5, got {text!r}")
        low, high = int(first), int(last or first)
        check_seed(high)
        seeds.extend(range(low, high + 1))
    if len(set(seeds)) != len(seeds) or not seeds:
        raise LegionBenchError(f"seeds must be distinct, and from the lower to the higher, got {text!r}")
    return tuple(seeds)


def derive(seed: int, *path: str | int) -> int:
    """Return a seed in [0, 2**31) for the use that ``path`` names.

    Example:
        >>> derive(0, "evaluation", "reach", 3) == derive(0, "evaluation", "reach", 3)
        True
    """
    key = tuple(zlib.crc32(part.encode()) if isinstance(part, str) else part for part in path)
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1)
    return int(state[0]) % MAX_SEED
