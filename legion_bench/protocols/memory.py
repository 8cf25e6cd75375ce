"""How much memory this process has needed."""

from __future__ import annotations

import sys


def peak_memory() -> int | None:
    """Return the most bytes of this process that were ever resident; None where that is unknown."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # elsewhere in kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
