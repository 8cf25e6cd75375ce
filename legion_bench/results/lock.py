"""One process at a time writes to a run folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from legion_bench.errors import LockedError

LOCK = "lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a run folder, which is created if need be; the system lets go of a dead process's lock.

    Raises:
        LockedError: another process holds it.
    """
    path.mkdir(parents=True, exist_ok=True)
    file = _acquired(path / LOCK)
    try:
        yield
    finally:
        if os.fstat(file.fileno()).st_nlink:  # else the folder was deleted, and this is another's
            with suppress(OSError):
                (path / LOCK).unlink()
        file.close()


def is_locked(path: Path) -> bool:
    """Return whether a process holds a run folder; nothing is created."""
    if not (path / LOCK).exists():
        return False
    try:
        with locked(path):
            return False
    except LockedError:
        return True


def _acquired(path: Path) -> IO[bytes]:
    while True:
        file = path.open("ab")
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise LockedError(
                    f"{path.parent} is being written by another process: wait for it, or choose another --out"
                ) from None
            except OSError:
                pass  # a file system without locks: go on without one
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # its holder deleted it just before letting go
