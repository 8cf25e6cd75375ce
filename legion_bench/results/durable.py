"""Files that are whole or as they were, whatever stops the process or the machine."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, content: bytes, *, temporary: Path | None = None) -> None:
    """Write ``content`` beside ``path`` and rename it into its place.

    Args:
        path: the file.
        content: all of it.
        temporary: the file beside it; by default it is named after ``path``.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    temporary = temporary or path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that a file renamed in ``folder`` is still there after a power cut."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
