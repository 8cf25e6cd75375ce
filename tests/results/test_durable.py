"""Files that are whole or as they were."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from legion_bench.results import durable


def test_what_is_written_is_there_and_nothing_beside_it(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        durable.write(tmp_path / "file.json", content)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [content]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    durable.write(tmp_path / "file.json", b"good")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        durable.write(tmp_path / "file.json", b"half")
    assert (tmp_path / "file.json").read_bytes() == b"good"
