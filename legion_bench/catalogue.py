"""Where the cards are: at the repository root, or inside the installed wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def root() -> Path:
    """Return the folder that holds ``agents/``, ``envs/``, ``protocols/`` and ``results/references/``."""
    packaged = _PACKAGE / "catalogue"
    return packaged if packaged.is_dir() else _PACKAGE.parent


def names(folder: str) -> tuple[str, ...]:
    """Return the sorted stems of the cards in a catalogue folder, e.g. ``"envs/tasks"``."""
    return tuple(sorted(path.stem for path in (root() / folder).glob("*.toml")))
