"""Pin numerical libraries to one thread per process, and say so.

One process per core is faster than threads for networks of this size, and the
order of floating-point sums, hence the evaluation log, depends on the count.
"""

from __future__ import annotations

import os
import sys

from threadpoolctl import threadpool_limits

_DEFAULTS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Idle OpenMP threads must sleep: spinning ones starve the other runs of a machine.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def pin() -> None:
    """Set what the environment leaves open, in libraries still to load and in loaded ones."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    asked = os.environ["OMP_NUM_THREADS"].split(",")[0]  # OpenMP allows one per nesting level
    count = int(asked) if asked.isdigit() and int(asked) > 0 else 1
    threadpool_limits(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)


def describe() -> dict[str, str | int | None]:
    """Return the thread settings in force, for a run's record."""
    settings: dict[str, str | int | None] = {name: os.environ.get(name) for name in _DEFAULTS}
    torch = sys.modules.get("torch")
    settings["torch_threads"] = None if torch is None else torch.get_num_threads()
    return settings
