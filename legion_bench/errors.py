"""Errors a user can cause, each saying what was wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LegionBenchError(ValueError):
    """Base of every error that a user's input can cause."""


class CardError(LegionBenchError):
    """A card or a name that refers to one is wrong."""


class RunError(LegionBenchError):
    """A run folder is missing, unreadable, or must not be overwritten."""


class LockedError(RunError):
    """Another process is writing to a run folder."""


LOCKED = 75
"""Exit code of a command that found a run folder locked: try again later (EX_TEMPFAIL of sysexits.h)."""


class AgentError(LegionBenchError):
    """An agent does not keep to its interface."""


class StackError(LegionBenchError):
    """A seed of a stack cannot go on, because another has stopped."""


class RenderError(LegionBenchError):
    """A picture cannot be made."""


class MetricError(LegionBenchError):
    """An evaluation log does not define what was asked of it."""


class BundleError(LegionBenchError):
    """A submission to the leaderboard is damaged, incomplete, or not what its protocol asks for."""


class LanguageError(LegionBenchError):
    """A sentence cannot be embedded."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return “unknown task 'reech': did you mean 'reach'?”, or list what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
    return f"unknown {kind} {name!r}: {hint}"


class LegionBenchWarning(UserWarning):
    """Something that a user hardly meant, but may have."""


def extra(name: str) -> str:
    """Return how to install what an extra of the package brings."""
    return f'pip install "legion-bench[{name}]", in a clone -c constraints.txt -e ".[{name}]"'


def printable(text: object) -> str:
    """Return text of unknown origin without characters that steer a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(text))


def shown(value: object) -> str:
    """Return a value of unknown origin in short."""
    return ascii(value)[:300]
