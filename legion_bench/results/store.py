"""The run folder: one protocol, agent and seed, on disk (schema 1).

``run.json`` says what ran and how it ended; ``evaluations.jsonl`` holds one line
per evaluation episode and nothing that depends on the clock; ``training.jsonl``
holds progress and timing; ``knowledge.jsonl`` and ``knowledge/`` hold what agents
hand over at the end of visits. Logs are appended and flushed line by line, so
whatever stops a run, what it had measured can be read; ``checkpoints/`` holds what
it can go on from. :mod:`legion_bench.results.folder` writes all this.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np

from legion_bench.cards import AgentCard, ProtocolCard, StreamCard, TaskCard
from legion_bench.errors import RunError
from legion_bench.evaluations import Evaluations
from legion_bench.types import EvaluationRecord, Int64, Knowledge, KnowledgeRecord, TrainingRecord

SCHEMA: Literal[1] = 1
MANIFEST = "run.json"
EVALUATIONS = "evaluations.jsonl"
TRAINING = "training.jsonl"
KNOWLEDGE = "knowledge.jsonl"
LOGS = (EVALUATIONS, TRAINING, KNOWLEDGE)
ARRAYS = "knowledge"
# Bytes of a log to decode at once.
_BLOCK = 2**20
# Bytes of a line: a hundred times those of ours.
_LINE = 2**20
# What decoding raises of a file that is not ours; RecursionError: nested too deeply.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Status = Literal["running", "finished", "failed", "interrupted"]
_R = TypeVar("_R", EvaluationRecord, TrainingRecord, KnowledgeRecord)


class Resume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run that was stopped went on."""

    step: int
    """Environment steps it had then been trained for."""
    at: str
    """UTC, ISO 8601."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``run.json`` holds."""

    schema: Literal[1] = SCHEMA
    status: Status
    error: str | None = None
    """Why a failed run failed."""
    seed: Int64
    protocol: ProtocolCard
    stream: StreamCard
    tasks: tuple[TaskCard, ...]
    """The stream's distinct tasks."""
    agent: AgentCard
    started: str
    """UTC, ISO 8601."""
    finished: str | None = None
    resumes: tuple[Resume, ...] = ()
    command: tuple[str, ...]
    versions: dict[str, str]
    git: dict[str, str | bool | None]
    """``revision`` and ``dirty`` of the code's repository; null where there is none."""
    hardware: dict[str, str | int | None]
    threads: dict[str, str | int | None]
    """Thread counts and the environment variables that set them."""


@dataclass(frozen=True)
class Run:
    """A run folder, read."""

    path: Path
    manifest: Manifest
    evaluations: Evaluations
    training: tuple[TrainingRecord, ...]
    knowledge: tuple[KnowledgeRecord, ...]
    """Empty if the agent hands over none."""
    warnings: tuple[str, ...]
    """What was wrong with the logs but could be mended, in words."""

    def load_knowledge(self, stream_position: int) -> Knowledge:
        """Read what the agent knew at the end of a visit.

        Raises:
            RunError: there is nothing of that visit, or it cannot be read.
        """
        file = self.path / ARRAYS / f"{stream_position}.npz"
        try:
            with file.open("rb") as opened, np.load(opened) as arrays:
                return Knowledge(**arrays)
        except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise RunError(f"{file} cannot be read: {error}") from None


def find_runs(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return every run folder at or below the given paths, as spelled there, sorted.

    A run that two spellings lead to is returned once.

    Raises:
        RunError: a path does not exist or holds no run.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise RunError(f"{path} does not exist")
        here = [manifest.parent for manifest in path.rglob(MANIFEST)]
        if not here:
            raise RunError(f"{path} holds no run (no {MANIFEST} at or below it)")
        for folder in here:
            found.setdefault(folder.resolve(), folder)
    return tuple(sorted(found.values()))


def read_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: the folder is no run of schema 1, or a log is corrupt anywhere but
            in its last line. A torn last line is dropped and named in ``warnings``.
    """
    manifest = read_manifest(path)
    warnings: list[str] = []
    evaluations = _read_log(path / EVALUATIONS, EvaluationRecord, warnings)
    training = _read_log(path / TRAINING, TrainingRecord, warnings)
    knowledge: Iterable[list[KnowledgeRecord]] = ()
    if (path / KNOWLEDGE).exists():  # older runs have none
        knowledge = _read_log(path / KNOWLEDGE, KnowledgeRecord, warnings)
    return Run(
        path,
        manifest,
        Evaluations.joined(map(Evaluations.of, evaluations)),
        tuple(chain.from_iterable(training)),
        tuple(chain.from_iterable(knowledge)),
        tuple(warnings),
    )


def last_progress(path: Path) -> TrainingRecord | None:
    """Return the latest whole progress record of a run folder; None if there is none yet.

    Raises:
        RunError: the log is corrupt.
    """
    if not (path / TRAINING).is_file():
        return None
    training = tuple(chain.from_iterable(_read_log(path / TRAINING, TrainingRecord, [])))
    return training[-1] if training else None


def read_manifest(path: Path) -> Manifest:
    """Read the ``run.json`` of a run folder.

    Raises:
        RunError: there is none, or it is not of schema 1.
    """
    file = path / MANIFEST
    try:
        return msgspec.json.decode(file.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise RunError(f"{path} is not a run folder: it has no {MANIFEST}") from None
    except _UNREADABLE as error:
        raise RunError(f"{file}: not a schema-{SCHEMA} manifest: {error}") from None


def _read_log(path: Path, record: type[_R], warnings: list[str]) -> Iterator[list[_R]]:
    """Yield a log's records, as many at once as fit into a block; append what was mended to ``warnings``."""
    if not path.is_file():
        raise RunError(f"{path} is missing")
    decoder = msgspec.json.Decoder(record)
    number, rest = 1, b""
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                records = _decode(decoder, whole + newline, f"{path}, line", number)
                number += len(records)
                yield records
            if len(rest) > _LINE:
                raise RunError(
                    f"{path}, line {number}: it has more than {_LINE:,} bytes, which none of ours has"
                )
    if rest:
        warnings.append(f"{path}: the last line was torn and is left out")


def _decode(decoder: msgspec.json.Decoder[_R], lines: bytes, where: str, number: int) -> list[_R]:
    """Return the records of whole lines, one each, the first of which is line ``number``."""
    try:
        records = decoder.decode_lines(lines)
        # Several records in a line, or a record over several, pass there, but do not look like this.
        if lines.count(b"}\n{") + 1 == lines.count(b"\n") == len(records):
            return records
    except _UNREADABLE:
        pass  # which line it was, one by one tells
    one_by_one = []
    for at, line in enumerate(lines.split(b"\n")[:-1], start=number):
        try:
            one_by_one.append(decoder.decode(line))
        except _UNREADABLE as error:
            raise RunError(f"{where} {at}: {error}") from None
    return one_by_one
