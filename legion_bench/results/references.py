"""Single-task references in files: what an agent learns of each task alone, for forward transfer.

One JSON file per single-task protocol and agent, ``<protocol>/<agent>.json``. Those in the catalogue's
``results/references/`` are shipped. A file ends with the hash of its contents, so that one that was
edited by hand is noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from legion_bench import catalogue
from legion_bench.cards import AgentCard, ProtocolCard, StreamCard, TaskCard
from legion_bench.errors import RunError
from legion_bench.results import sealed

SCHEMA: Literal[1] = 1
FOLDER = "results/references"
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
    """Write a reference below ``folder``, in place of the one that is there; return its path.

    Raises:
        RunError: protocol or agent have a name that is a path, and would lead elsewhere.
    """
    protocol, agent = reference.protocol.name, reference.agent.name.replace(":", ".")
    for name in (protocol, agent):
        if name in ("", ".", "..") or set(name) & set("/\\\0"):
            raise RunError(f"{name!a} names no file in {folder}: give the card a name without slashes")
    return sealed.write(folder / protocol / f"{agent}.json", reference)


def read(path: Path) -> SingleTask:
    """Read a reference.

    Raises:
        RunError: it cannot be read, or is not what was written.
    """
    remedy = "restore it, or make it anew with `legion-bench references`"
    return sealed.read(path, SingleTask, f"reference of schema {SCHEMA}", remedy)
