"""JSON files that end with the hash of their contents, so that one that was edited by hand is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from legion_bench.errors import RunError
from legion_bench.results import durable

_HASH = "sha256"
_S = TypeVar("_S", bound=msgspec.Struct)


def write(path: Path, content: msgspec.Struct) -> Path:
    """Write a struct to ``path``, in place of what is there; return ``path``."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(content))
    text = msgspec.json.format(msgspec.json.encode({**plain, _HASH: _sha256(plain)}), indent=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, text + b"\n")
    return path


def read(path: Path, kind: type[_S], name: str, remedy: str) -> _S:
    """Read what :func:`write` wrote.

    Args:
        path: the file.
        kind: the struct that it holds.
        name: what that is, for the message of an error, e.g. “reference of schema 1”.
        remedy: what to do about a file that cannot be used.

    Raises:
        RunError: it cannot be read, or is not what was written.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        if content.pop(_HASH, None) != _sha256(content):
            raise RunError(
                f"{path} was edited after it was made: {_HASH} is not that of its contents; {remedy}"
            )
        return msgspec.convert(content, kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(f"{path} is no {name}: {error}; {remedy}") from None


def _sha256(content: Mapping[str, Any]) -> str:
    # Of what the file says rather than of today's structs: cards may gain fields.
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
