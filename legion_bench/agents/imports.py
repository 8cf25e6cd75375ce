"""Classes by ``package.module:Class``, so that what is not ours can be used without being installed."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from legion_bench.errors import CardError


def import_class(entry_point: str) -> Any:
    """Return what ``package.module:Class`` names; the working directory is looked in as well.

    Raises:
        CardError: it does not read like that, or there is nothing of that name.
    """
    module, _, attribute = entry_point.partition(":")
    if not (attribute and all(part.isidentifier() for part in module.split("."))):
        raise CardError(f"entry_point must read package.module:Class, got {entry_point!r}")
    if os.getcwd() not in sys.path:  # as `python -m` does
        sys.path.insert(0, os.getcwd())
    try:  # any other error is a bug in the module, which its author wants to see whole
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise CardError(f"cannot import {entry_point}: {error}") from error
    if not hasattr(imported, attribute):
        raise CardError(f"cannot import {entry_point}: no {attribute} in {module}")
    return getattr(imported, attribute)
