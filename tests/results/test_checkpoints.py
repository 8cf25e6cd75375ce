"""Checkpoints: whole or not there, and read without running code."""

from __future__ import annotations

import errno
import hashlib
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench.errors import AgentError, RunError
from legion_bench.results import checkpoints
from legion_bench.results.checkpoints import FOLDER, Checkpoint, newest, write
from legion_bench.results.store import EVALUATIONS, TRAINING

STATES = {
    "numbers": {"a": 1, "b": 2.5, "c": None, "d": True, "e": "text", "nan": float("inf"), "big": 2**100},
    "containers": {"list": [1, [2, ()]], "tuple": (1, ("x", [3])), 3: {"array": {"dict": 1}}, "empty": {}},
    "arrays": {
        "float": np.linspace(0, 1, 5),
        "unsigned": np.arange(3, dtype=np.uint32),
        "bools": np.array([[True], [False]]),
        "text": np.array(["reach", "push"]),
        "none": np.zeros((0, 3)),
        "scalar": np.float64(0.1),
        "zero-dimensional": np.array(3),
        "transposed": np.arange(6).reshape(2, 3).T,
        "read-only": np.broadcast_to(np.arange(3.0), (2, 3)),
    },
    "rngs": {"pcg": np.random.default_rng(3).bit_generator.state, "mt": np.random.MT19937(3).state},
}


def same(one: Any, other: Any) -> bool:
    """Compare nested states, types included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other)
    return bool(one == other)


def files(run: Path) -> list[Path]:
    return sorted((run / FOLDER).iterdir())


def last(run: Path) -> Checkpoint:
    checkpoint, complaints = newest(run)
    assert complaints == ()
    assert checkpoint is not None
    return checkpoint


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_state_comes_back_as_it_was(tmp_path: Path, state: dict[Any, Any]) -> None:
    write(tmp_path, Checkpoint(7, {}, state))
    assert same(last(tmp_path).state, state)
    assert last(tmp_path).step == 7


def test_tensors_come_back_on_the_processor(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 3)
    adam = torch.optim.Adam(module.parameters())
    module(torch.ones(2)).sum().backward()
    adam.step()
    write(tmp_path, Checkpoint(0, {}, {"module": module.state_dict(), "adam": adam.state_dict()}))
    state = last(tmp_path).state
    other = torch.nn.Linear(2, 3)
    other.load_state_dict(OrderedDict(state["module"]))
    assert all(torch.equal(*pair) for pair in zip(module.parameters(), other.parameters(), strict=True))
    torch.optim.Adam(other.parameters()).load_state_dict(state["adam"])


def test_a_part_of_a_large_tensor_is_saved_alone(tmp_path: Path) -> None:
    write(tmp_path, Checkpoint(0, {}, {"buffer": torch.zeros(1_000_000)[:10], "too": np.zeros(10**6)[:10]}))
    (file,) = files(tmp_path)
    assert file.stat().st_size < 10_000
    assert len(last(tmp_path).state["buffer"]) == len(last(tmp_path).state["too"]) == 10


@pytest.mark.parametrize("value", [deque([1]), object(), np.array([None]), {1, 2}, {(1, 2): 3}])
def test_what_needs_code_to_be_read_is_refused_and_named(tmp_path: Path, value: Any) -> None:
    with pytest.raises(AgentError, match=r"state\['agent'\]\['buffer'\]\[1\] cannot be kept"):
        write(tmp_path, Checkpoint(0, {}, {"agent": {"buffer": [0, value]}}))


def test_the_last_two_are_kept_and_the_newest_is_read(tmp_path: Path) -> None:
    for step in (0, 500, 1000, 20_000):
        write(tmp_path, Checkpoint(step, {}, {"step": step}))
    assert [int(file.name[:12]) for file in files(tmp_path)] == [1000, 20_000]
    assert last(tmp_path).state == {"step": 20_000}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_one_is_left_out_and_named(tmp_path: Path, damage: str) -> None:
    for step in (1, 2):
        write(tmp_path, Checkpoint(step, {}, {"weights": np.arange(100.0)}))
    newer = files(tmp_path)[1]
    content = bytearray(newer.read_bytes())
    content[len(content) // 2] ^= 1
    newer.write_bytes({"flip": bytes(content), "cut": content[:-1], "empty": b""}[damage])
    checkpoint, complaints = newest(tmp_path)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert len(complaints) == 1
    assert f"{newer} is left out: it is damaged" in complaints[0]
    files(tmp_path)[0].write_bytes(b"junk")
    assert newest(tmp_path)[0] is None
    assert len(newest(tmp_path)[1]) == 2


@pytest.mark.parametrize(
    "logs", [{"../victim": 0}, {"/victim": 0}, {EVALUATIONS: -1}, {EVALUATIONS: True}, [EVALUATIONS], None]
)
def test_one_that_would_cut_other_files_is_left_out(tmp_path: Path, logs: Any) -> None:
    write(tmp_path, Checkpoint(1, {}, {}))
    write(tmp_path, Checkpoint(2, logs, {}))
    checkpoint, complaints = newest(tmp_path)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert len(complaints) == 1


@pytest.mark.parametrize("content", [b"junk", b"", b"PK\x03\x04"])
def test_junk_with_the_right_checksum_is_left_out(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, Checkpoint(1, {}, {}))
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / FOLDER / f"{2:012d}-{digest}.pt").write_bytes(content)
    (tmp_path / FOLDER / f"{3:012d}-{digest}.pt").mkdir()
    checkpoint, complaints = newest(tmp_path)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert [("cannot be read" in complaint) for complaint in complaints] == [True, True]


def test_a_half_written_one_is_none(tmp_path: Path) -> None:
    write(tmp_path, Checkpoint(1, {}, {}))
    (tmp_path / FOLDER / "new.tmp").write_bytes(b"half")
    assert last(tmp_path).step == 1
    write(tmp_path, Checkpoint(2, {}, {}))
    assert last(tmp_path).step == 2


def test_one_that_is_ahead_of_its_logs_is_left_out(tmp_path: Path) -> None:
    (tmp_path / EVALUATIONS).write_bytes(b"12345")
    write(tmp_path, Checkpoint(1, {EVALUATIONS: 5, TRAINING: 0}, {}))
    write(tmp_path, Checkpoint(2, {EVALUATIONS: 6}, {}))
    checkpoint, complaints = newest(tmp_path)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert f"{EVALUATIONS} is shorter than it was by then" in complaints[0]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("PytorchStreamWriter failed")]
)
def test_a_full_disk_is_an_error_and_leaves_the_last_one(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, Checkpoint(1, {}, {"a": 1}))

    def fail(content: Any, file: Any) -> None:
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RunError, match=f"cannot write the checkpoint of step 2 to .*{error.args[-1]}"):
        write(tmp_path, Checkpoint(2, {}, {"a": 2}))
    assert last(tmp_path).state == {"a": 1}
    assert len(files(tmp_path)) == 1


def test_what_follows_an_older_one_is_dropped(tmp_path: Path) -> None:
    for step in (1, 2):
        write(tmp_path, Checkpoint(step, {}, {}))
    checkpoints.drop_after(tmp_path, 1)
    assert last(tmp_path).step == 1
