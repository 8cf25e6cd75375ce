"""Checkpoints: what a run that was stopped goes on from.

A checkpoint is one file, ``checkpoints/<step>-<SHA-256>.pt``, written beside its place
and renamed into it, so that a file of that name is whole or damaged, never half
written. It holds tensors and plain values alone: to read one runs no code of its own.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from legion_bench.errors import AgentError, RunError
from legion_bench.results import durable
from legion_bench.results.store import LOGS

# torch takes seconds to import, and few who read run folders need it.

FOLDER = "checkpoints"
KEPT = 2
"""So many are kept: should the newest be damaged, there is one before it."""
_NAME = re.compile(r"(?P<step>\d{12})-(?P<digest>[0-9a-f]{64})\.pt")
# What reading raises of a file that is not ours, or that the disk does not give back.
_UNREADABLE = (
    OSError,
    EOFError,
    pickle.UnpicklingError,
    struct.error,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_PLAIN = (type(None), bool, int, float, str)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, read."""

    step: int
    """Environment steps trained."""
    logs: dict[str, int]
    """Bytes of each log by then; what follows has been measured since, and will be again."""
    state: dict[str, Any]
    """What :func:`legion_bench.protocols.runner.train` goes on from."""


def write(run: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into a run folder, and delete all but the newest ones.

    Raises:
        AgentError: the state holds what is neither array nor plain value; says where.
        RunError: it cannot be written; those before it stay.
    """
    import torch

    content = {
        "step": checkpoint.step,
        "logs": checkpoint.logs,
        "state": _encoded(checkpoint.state, "state"),
    }
    folder = run / FOLDER
    temporary = folder / "new.tmp"
    try:
        folder.mkdir(exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / f"{checkpoint.step:012d}-{_digest(temporary)}.pt")
        durable.sync_folder(folder)
    except (OSError, RuntimeError) as error:  # torch has errors of its own for a full disk
        temporary.unlink(missing_ok=True)
        raise RunError(
            f"cannot write the checkpoint of step {checkpoint.step} to {folder}: {error};"
            " mend that and give the same command again: the run goes on from its last checkpoint"
        ) from error
    prune(run, KEPT)


def newest(run: Path) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """Return a run's newest checkpoint that is sound, and what is wrong with those after it."""
    complaints: list[str] = []
    for file in _files(run):
        try:
            return read(file, run), tuple(complaints)
        except RunError as error:
            complaints.append(f"checkpoint {file} is left out: {error}")
    return None, tuple(complaints)


def read(file: Path, run: Path) -> Checkpoint:
    """Return one checkpoint of a run.

    Raises:
        RunError: it is damaged, or the run's logs are shorter than they were by then.
    """
    try:
        found = _read(file)
    except RunError:
        raise
    except _UNREADABLE as error:
        raise RunError(f"it cannot be read: {error}") from None
    for name, size in found.logs.items():
        log = run / name
        if size and not (log.is_file() and log.stat().st_size >= size):
            raise RunError(f"{name} is shorter than it was by then")
    return found


def _read(file: Path) -> Checkpoint:
    import torch

    if _digest(file) not in file.name:
        raise RunError("it is damaged: its contents do not match the checksum in its name")
    content = torch.load(file, map_location="cpu", weights_only=True)
    step, logs = content["step"], content["logs"]
    # A foreign run's: names become paths, and what lies there is cut to these sizes.
    sizes = all(type(size) is int and size >= 0 for size in logs.values())
    if type(step) is not int or not sizes or not set(logs) <= set(LOGS):
        raise RunError("it is none of ours: step or logs are not as they are written")
    return Checkpoint(step, logs, _decoded(content["state"]))


def drop_after(run: Path, step: int) -> None:
    """Delete the checkpoints of later steps: what is written next must be the newest."""
    for file in _files(run):
        if _step(file) > step:
            file.unlink()


def prune(run: Path, kept: int) -> None:
    """Delete all but so many of the newest checkpoints."""
    for file in _files(run)[kept:]:
        file.unlink()


def is_part(name: str) -> bool:
    """Return whether a file of this name belongs into the folder of checkpoints."""
    return name == "new.tmp" or _NAME.fullmatch(name) is not None


def _files(run: Path) -> list[Path]:
    """Return the checkpoints of a run, newest first."""
    found = [file for file in (run / FOLDER).glob("*.pt") if is_part(file.name)]
    return sorted(found, key=lambda file: (_step(file), file.stat().st_mtime_ns), reverse=True)


def _step(file: Path) -> int:
    return int(file.name.partition("-")[0])


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _encoded(value: Any, where: str) -> Any:
    """Return nested values with arrays as tensors; containers that are no list are tagged."""
    import torch

    if type(value) in _PLAIN:
        return value
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        # A view would be saved with all that it is a view of.
        return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcmMSU":
        raw = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        raw = raw if raw.flags.writeable else raw.copy()
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: torch.from_numpy(raw), "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, Mapping) and all(type(key) in (str, int) for key in value):
        return {"dict": {key: _encoded(item, f"{where}[{key!r}]") for key, item in value.items()}}
    if type(value) in (list, tuple):
        items = [_encoded(item, f"{where}[{place}]") for place, item in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    raise AgentError(
        f"{where} cannot be kept in a checkpoint: {type(value).__name__} is none of dict (keys: strings"
        " or integers), list, tuple, torch tensor, NumPy array of numbers, number, string or None"
    )


def _decoded(value: Any) -> Any:
    """Return what :func:`_encoded` was given; any mapping has become a dict."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {key: _decoded(item) for key, item in value["dict"].items()}
    if "tuple" in value:
        return tuple(_decoded(value["tuple"]))
    raw = value["array"] if "array" in value else value["scalar"]
    array = raw.numpy().view(value["dtype"]).reshape(value["shape"])
    return array if "array" in value else array[()]
