"""Reference numbers in a file: what runs of one protocol measured, to notice when the code's numbers change.

These are no references for forward transfer; those are in :mod:`legion_bench.results.references`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from legion_bench.cards import AgentCard, ProtocolCard, StreamCard, TaskCard
from legion_bench.errors import RunError, shown
from legion_bench.results import sealed

SCHEMA: Literal[1] = 1

Matrix = tuple[tuple[float, ...], ...]
Rate = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent tells of its cost: it does not depend on rounding."""

    step: int
    """Environment steps trained."""
    gradient_updates: int | None
    parameters: int | None
    stored_bytes: int | None


class Trace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one run measured, and what it depends on."""

    seed: int
    evaluations_sha256: str
    """Of the run's ``evaluations.jsonl``."""
    success: tuple[tuple[Rate, ...], ...]
    """[K, N] success rates by evaluation and position of the stream, in [0, 1]."""
    returns: Matrix
    """[K, N] mean returns."""
    counts: tuple[Counts, ...]
    """After each evaluation but the first."""
    losses: dict[str, float | None]
    """Means over the first stretch between two evaluations that had updates; null where not finite."""
    versions: dict[str, str]
    git: dict[str, str | bool | None]
    hardware: dict[str, str | int | None]


class Traces(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent's runs."""

    agent: AgentCard
    runs: Annotated[tuple[Trace, ...], Meta(min_length=1)]
    """By seed."""


class Numbers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reference numbers of one protocol."""

    schema: Literal[1] = SCHEMA
    protocol: ProtocolCard
    stream: StreamCard
    tasks: tuple[TaskCard, ...]
    """The stream's distinct tasks."""
    steps: Annotated[tuple[Count, ...], Meta(min_length=1)]
    """[K] environment steps trained before each evaluation."""
    agents: Annotated[tuple[Traces, ...], Meta(min_length=1)]
    """By name."""


def write(numbers: Numbers, path: Path) -> Path:
    """Write reference numbers to ``path``, in place of what is there; return ``path``.

    Raises:
        RunError: their parts do not fit together, as where a run's progress was torn.
    """
    if flaw := _flaw(numbers):
        raise RunError(f"nothing was written to {path}: {flaw}")
    return sealed.write(path, numbers)


def read(path: Path) -> Numbers:
    """Read reference numbers.

    Raises:
        RunError: they cannot be read, or are not what was written.
    """
    name = f"file of reference numbers of schema {SCHEMA}"
    remedy = "restore it, or make it anew with `legion-bench reference make`"
    numbers = sealed.read(path, Numbers, name, remedy)
    if flaw := _flaw(numbers):
        raise RunError(f"{path} is no {name}: {flaw}; {remedy}")
    return numbers


def _flaw(numbers: Numbers) -> str | None:
    """Return what does not fit together, in words."""
    shape = len(numbers.steps), len(numbers.stream.tasks)
    names = [traces.agent.name for traces in numbers.agents]
    if len(set(names)) < len(names):
        return "an agent is there twice"
    for traces in numbers.agents:
        where, seeds = f"agent {shown(traces.agent.name)}", [run.seed for run in traces.runs]
        if len(set(seeds)) < len(seeds):
            return f"{where}: a seed is there twice"
        for run in traces.runs:
            for matrix in (run.success, run.returns):
                if (len(matrix), *{len(row) for row in matrix}) != shape:
                    return f"{where}, seed {run.seed}: a matrix is not of {shape[0]} × {shape[1]} numbers"
            if len(run.counts) != shape[0] - 1:
                return f"{where}, seed {run.seed}: it has {len(run.counts)} counts for {shape[0]} evaluations"
    return None
