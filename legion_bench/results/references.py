"""Single-task references in files: what an agent learns of each task alone, for forward transfer.

One JSON file per single-task protocol and agent, ``<protocol>/<agent>.json``. Those in the catalogue's
``results/references/`` are shipped. A file ends with the hash of its contents, so that one that was
edited by hand is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from legion_bench import catalogue
from legion_bench.cards import AgentCard, ProtocolCard, StreamCard, TaskCard
from legion_bench.errors import RunError

SCHEMA: Literal[1] = 1
FOLDER = "results/references"
_HASH = "sha256"
Auc = Annotated[float, Meta(ge=0, le=1)]


class Seed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one run measured, and what it depends on."""

    seed: int
    auc: dict[str, Auc]
    """Per task: mean success rate over the evaluations within the visit, the one at its start left out."""
    evaluations_sha256: str
    """Of the run's ``evaluations.jsonl``."""
    versions: dict[str, str]
    git: dict[str, str | bool | None]


class SingleTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent under one single-task protocol."""

    schema: Literal[1] = SCHEMA
    protocol: ProtocolCard
    stream: StreamCard
    tasks: tuple[TaskCard, ...]
    """The stream's distinct tasks."""
    agent: AgentCard
    seeds: Annotated[tuple[Seed, ...], Meta(min_length=1)]


def shipped() -> tuple[Path, ...]:
    """Return the files that come with the package, sorted."""
    return tuple(sorted((catalogue.root() / FOLDER).glob("*/*.json")))


def write(reference: SingleTask, folder: Path) -> Path:
    """Write a reference below ``folder``, in place of the one that is there; return its path."""
    path = folder / reference.protocol.name / f"{reference.agent.name.replace(':', '.')}.json"
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(reference))
    text = msgspec.json.format(msgspec.json.encode({**content, _HASH: _sha256(content)}), indent=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text + b"\n")
    return path


def read(path: Path) -> SingleTask:
    """Read a reference.

    Raises:
        RunError: it cannot be read, or is not what was written.
    """
    remedy = "restore it, or make it anew with `legion-bench references`"
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        if content.pop(_HASH, None) != _sha256(content):
            raise RunError(
                f"{path} was edited after it was made: {_HASH} is not that of its contents; {remedy}"
            )
        return msgspec.convert(content, SingleTask)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is no reference of schema {SCHEMA}: {error}; {remedy}") from None


def _sha256(content: Mapping[str, Any]) -> str:
    # Of what the file says rather than of today's structs: cards may gain fields.
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
