"""Writing a run folder, and whether a run may be written there.

What is in it, and reading it: :mod:`legion_bench.results.store`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from legion_bench.errors import RunError
from legion_bench.results import checkpoints, durable
from legion_bench.results.checkpoints import Checkpoint
from legion_bench.results.lock import LOCK
from legion_bench.results.store import (
    ARRAYS,
    EVALUATIONS,
    KNOWLEDGE,
    LOGS,
    MANIFEST,
    TRAINING,
    Manifest,
    Resume,
    Status,
    read_manifest,
)
from legion_bench.types import EvaluationRecord, Knowledge, KnowledgeRecord, TrainingRecord

# A run without a manifest but with this one was being begun, or deleted, when its process died.
_UNWRITTEN = f"{MANIFEST}.tmp"
_FILES = {MANIFEST, _UNWRITTEN, *LOGS, LOCK}
# What must be the same for a run to go on as it began.
_IDENTITY = ("seed", "protocol", "stream", "tasks", "agent", "versions")

Stage = Literal["new", "begun", "finished"]


class RunFolder:
    """A run folder being written; whoever does so holds its lock.

    Use as a context manager: it closes the logs and leaves ``finished``,
    ``interrupted`` (Ctrl-C) or ``failed`` in ``run.json``. A finished run keeps its
    last checkpoint: it is the trained agent.
    """

    def __init__(self, path: Path, manifest: Manifest, checkpoint: Checkpoint | None = None) -> None:
        """Create ``path`` and its files, or open them again.

        Args:
            path: the folder.
            manifest: what runs; where a run goes on, the one that is there is kept.
            checkpoint: to go on from; what was logged after it is deleted.

        Raises:
            RunError: the folder holds a run, and there is no checkpoint.
        """
        path.mkdir(parents=True, exist_ok=True)
        if checkpoint is not None:
            manifest = _goes_on(read_manifest(path), checkpoint.step)
            for log, size in checkpoint.logs.items():
                os.truncate(path / log, size)
            checkpoints.drop_after(path, checkpoint.step)
        elif (path / MANIFEST).exists():
            raise RunError(f"{path} already holds a run, perhaps one that has just begun")
        self.path = path
        self.manifest = manifest
        self._write_manifest()
        self._logs: dict[str, RawIOBase] = {log: (path / log).open("ab", buffering=0) for log in LOGS}

    def evaluated(self, records: Iterable[EvaluationRecord]) -> None:
        """Append the episodes of one evaluation."""
        _append(self._logs[EVALUATIONS], records)

    def trained(self, record: TrainingRecord) -> None:
        """Append one progress record."""
        _append(self._logs[TRAINING], [record])

    def known(self, record: KnowledgeRecord, knowledge: Knowledge) -> None:
        """Write what an agent knew at the end of a visit, then append its record."""
        self._check_there()
        folder = self.path / ARRAYS
        folder.mkdir(exist_ok=True)
        temporary = folder / "new.tmp"
        with temporary.open("wb") as file:
            np.savez(file, **{field.name: getattr(knowledge, field.name) for field in fields(knowledge)})
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / f"{record.stream_position}.npz")
        durable.sync_folder(folder)
        _append(self._logs[KNOWLEDGE], [record])

    def checkpoint(self, step: int, state: dict[str, Any]) -> None:
        """Write what the run can go on from; the logs up to here are safe first.

        Raises:
            AgentError, RunError: it cannot be written; see :func:`checkpoints.write`.
        """
        self._check_there()
        sizes = {}
        for name, log in self._logs.items():
            os.fsync(log.fileno())
            sizes[name] = os.fstat(log.fileno()).st_size
        checkpoints.write(self.path, Checkpoint(step, sizes, state))

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        try:
            self._check_there(error)
        finally:
            for log in self._logs.values():
                log.close()
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
        if status == "finished":
            checkpoints.prune(self.path, 1)

    def _check_there(self, error: BaseException | None = None) -> None:
        """Raise RunError if the folder was deleted: what lies there now may be another run's."""
        if os.fstat(self._logs[EVALUATIONS].fileno()).st_nlink == 0:
            raise RunError(f"{self.path} was deleted while this run was writing to it") from error

    def _write_manifest(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self.manifest), indent=2) + b"\n"
        durable.write(self.path / MANIFEST, text, temporary=self.path / _UNWRITTEN)


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def check_free(path: Path, manifest: Manifest, *, overwrite: bool) -> bool:
    """Make sure that a run may be written to ``path``.

    Returns:
        Whether ``path`` holds this very run, begun but not finished.

    Raises:
        RunError: ``path`` holds a finished run or another one and ``overwrite`` is
            False, or it holds other files.
    """
    if not _holds_run(path) or overwrite:
        return False
    if read_manifest(path).status == "finished":
        raise RunError(f"{path} already holds a run: choose another --out, or say --overwrite to delete it")
    return stage(path, manifest) == "begun"


def stage(path: Path, manifest: Manifest) -> Stage:
    """Return how far the run that ``manifest`` describes has come in ``path``.

    Raises:
        RunError: ``path`` holds another run, or other files. A finished run may have been made
            with other versions; one that is to go on may not.
    """
    if not _holds_run(path):
        return "new"
    there = read_manifest(path)
    finished = there.status == "finished"
    what = "a finished run of something else" if finished else "an unfinished run that cannot go on"
    for name in _IDENTITY:
        old, new = (msgspec.to_builtins(getattr(made, name)) for made in (there, manifest))
        for key, was, now_ in () if finished and name == "versions" else _differences(name, old, new):
            raise RunError(
                f"{path} holds {what}: {key} was {was!r} and is now {now_!r};"
                " make them equal, choose another --out, or say --overwrite to begin anew"
            )
    return "finished" if finished else "begun"


def _holds_run(path: Path) -> bool:
    """Return whether there is a run in ``path``; raise RunError if there is anything else."""
    if not path.exists():
        return False
    if not path.is_dir():
        raise RunError(f"{path} is a file: choose another --out")
    parts, others = _contents(path)
    if others:
        raise RunError(f"{path} holds {others[0]}, which is no part of a run: choose another --out")
    if not set(parts) - {LOCK}:
        return False
    if MANIFEST not in parts and _UNWRITTEN in parts:
        return False
    if MANIFEST not in parts:
        raise RunError(f"{path} is not empty and holds no run: choose another --out")
    return True


def clear(path: Path) -> None:
    """Delete the run in ``path``, if there is one, and nothing else; its lock stays.

    The manifest is gone first, and what says that the rest may go is gone last.
    """
    with suppress(FileNotFoundError):
        os.replace(path / MANIFEST, path / _UNWRITTEN)
    _delete(path, [name for name in _contents(path)[0] if name not in (LOCK, _UNWRITTEN)])
    (path / _UNWRITTEN).unlink(missing_ok=True)


def _contents(path: Path) -> tuple[list[str], list[str]]:
    """Return what lies in ``path``: files that belong to a run, and anything else."""
    names = []
    for entry in sorted(path.iterdir()) if path.is_dir() else ():
        if entry.name in (ARRAYS, checkpoints.FOLDER) and entry.is_dir():
            names += [f"{entry.name}/{inner.name}" for inner in sorted(entry.iterdir())]
        else:
            names.append(entry.name)
    return [name for name in names if _is_part(name)], [name for name in names if not _is_part(name)]


def _is_part(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    if folder == checkpoints.FOLDER:
        return checkpoints.is_part(file)
    if folder == ARRAYS:
        return re.fullmatch(r"\d+\.npz|new\.tmp", file) is not None
    return name in _FILES


def _delete(path: Path, names: Iterable[str]) -> None:
    """Delete files of a run, and its inner folders if they are empty then."""
    for name in names:
        (path / name).unlink(missing_ok=True)
    for folder in (ARRAYS, checkpoints.FOLDER):
        with suppress(OSError):
            (path / folder).rmdir()


def _goes_on(manifest: Manifest, step: int) -> Manifest:
    """Return the manifest of a run that goes on from ``step``."""
    return msgspec.structs.replace(
        manifest,
        status="running",
        error=None,
        finished=None,
        resumes=(*manifest.resumes, Resume(step, now())),
    )


def _differences(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield dotted key, old and new value wherever two nested values differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in {**old, **new}:
            yield from _differences(f"{key}.{name}", old.get(name), new.get(name))
    elif old != new:
        yield key, old, new


def _append(file: RawIOBase, records: Iterable[msgspec.Struct]) -> None:
    """Write whole lines, unbuffered: a full disk is noticed here, not when closing."""
    lines = memoryview(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    while lines:
        lines = lines[file.write(lines) :]
