"""The run folder: one protocol, agent and seed, on disk (schema 1).

``run.json`` says what ran and how it ended; ``evaluations.jsonl`` holds one line
per evaluation episode and nothing that depends on the clock; ``training.jsonl``
holds progress and timing. Logs are appended and flushed line by line, so whatever
stops a run, what it had measured can be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from legion_bench.cards import AgentCard, ProtocolCard, StreamCard, TaskCard
from legion_bench.errors import RunError
from legion_bench.types import EvaluationRecord, TrainingRecord

SCHEMA: Literal[1] = 1
MANIFEST = "run.json"
EVALUATIONS = "evaluations.jsonl"
TRAINING = "training.jsonl"
_FILES = {MANIFEST, f"{MANIFEST}.tmp", EVALUATIONS, TRAINING}

Status = Literal["running", "finished", "failed", "interrupted"]
_R = TypeVar("_R", EvaluationRecord, TrainingRecord)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``run.json`` holds."""

    schema: Literal[1] = SCHEMA
    status: Status
    error: str | None = None
    """Why a failed run failed."""
    seed: int
    protocol: ProtocolCard
    stream: StreamCard
    tasks: tuple[TaskCard, ...]
    """The stream's distinct tasks."""
    agent: AgentCard
    started: str
    """UTC, ISO 8601."""
    finished: str | None = None
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
    evaluations: tuple[EvaluationRecord, ...]
    training: tuple[TrainingRecord, ...]
    warnings: tuple[str, ...]
    """What was wrong with the logs but could be mended, in words."""


class RunFolder:
    """A run folder being written.

    Use as a context manager: it closes the logs and leaves ``finished``,
    ``interrupted`` (Ctrl-C) or ``failed`` in ``run.json``.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Create ``path`` and its files.

        Raises:
            RunError: the folder holds a run (another process may have just begun it).
        """
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.manifest = manifest
        try:  # the logs first: creating them is what claims the folder
            self._evaluations: RawIOBase = (path / EVALUATIONS).open("xb", buffering=0)
            self._training: RawIOBase = (path / TRAINING).open("xb", buffering=0)
        except FileExistsError:
            raise RunError(f"{path} already holds a run, perhaps one that has just begun") from None
        self._write_manifest()

    def evaluated(self, records: Iterable[EvaluationRecord]) -> None:
        """Append the episodes of one evaluation."""
        _append(self._evaluations, records)

    def trained(self, record: TrainingRecord) -> None:
        """Append one progress record."""
        _append(self._training, [record])

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        deleted = os.fstat(self._evaluations.fileno()).st_nlink == 0
        self._evaluations.close()
        self._training.close()
        if deleted:  # by --overwrite, say: what lies there now is another run's
            raise RunError(f"{self.path} was deleted while this run was writing to it") from error
        status: Status = "finished"
        if kind is not None:
            status = "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed"
        self.manifest = msgspec.structs.replace(
            self.manifest,
            status=status,
            finished=now(),
            error=None if status != "failed" else f"{type(error).__name__}: {error}",
        )
        self._write_manifest()

    def _write_manifest(self) -> None:
        temporary = self.path / f"{MANIFEST}.tmp"
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self.manifest), indent=2) + b"\n")
        os.replace(temporary, self.path / MANIFEST)


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_free(path: Path, *, overwrite: bool) -> None:
    """Make sure that a new run may be written to ``path``.

    Raises:
        RunError: ``path`` holds a run and ``overwrite`` is False, or holds other files.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"{path} is a file: choose another --out")
    if not any(path.iterdir()):
        return
    others = sorted({entry.name for entry in path.iterdir()} - _FILES)
    if others or not (path / MANIFEST).is_file():
        what = f"holds {others[0]}, which is no part of a run" if others else "is not empty and holds no run"
        raise RunError(f"{path} {what}: choose another --out")
    if not overwrite:
        raise RunError(f"{path} already holds a run: choose another --out, or say --overwrite to delete it")


def clear(path: Path) -> None:
    """Delete the run in ``path``, if there is one, and nothing else."""
    for name in _FILES:
        (path / name).unlink(missing_ok=True)


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
    file = path / MANIFEST
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise RunError(f"{path} is not a run folder: it has no {MANIFEST}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RunError(f"{file}: not a schema-{SCHEMA} manifest: {error}") from None
    evaluations, torn = _read_log(path / EVALUATIONS, EvaluationRecord)
    training, torn_too = _read_log(path / TRAINING, TrainingRecord)
    return Run(path, manifest, evaluations, training, tuple(torn + torn_too))


def _append(file: RawIOBase, records: Iterable[EvaluationRecord] | Iterable[TrainingRecord]) -> None:
    """Write whole lines, unbuffered: a full disk is noticed here, not when closing."""
    lines = memoryview(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    while lines:
        lines = lines[file.write(lines) :]


def _read_log(path: Path, record: type[_R]) -> tuple[tuple[_R, ...], list[str]]:
    if not path.is_file():
        raise RunError(f"{path} is missing")
    decoder = msgspec.json.Decoder(record)
    *lines, last = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RunError(f"{path}, line {number}: {error}") from None
    torn = [f"{path}: the last line was torn and is left out"] if last else []
    return tuple(records), torn
