"""The bundle as a file: what is written is read, and nothing else is."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from legion_bench.errors import BundleError
from legion_bench.leaderboard import bundle
from legion_bench.leaderboard.bundle import INDEX, unpacked
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST
from tests.helpers import contents
from tests.leaderboard.runs import SEEDS, copy_runs

LOG = f"seed-3/{EVALUATIONS}"
Members = list[tuple[zipfile.ZipInfo, bytes]]


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as file:
        return [(info, file.read(info)) for info in file.infolist()]


def repacked(made: Members, path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write members as a zip file, unchecked."""
    with zipfile.ZipFile(path, "w") as file:
        for info, content in made:
            file.writestr(info, content, compress_type=method)
    return path


def refused(path: Path, match: str) -> None:
    with pytest.raises(BundleError, match=match) as caught, unpacked(path):
        pytest.fail("it was accepted")
    assert str(caught.value).startswith(str(path))


def test_what_is_written_is_read_without_checkpoints_and_arrays(tmp_path: Path) -> None:
    runs = copy_runs(tmp_path / "runs")
    for folder in ("checkpoints", "knowledge"):
        (runs[3] / folder).mkdir()
        (runs[3] / folder / "0.npz").write_bytes(b"junk")
    (runs[4] / KNOWLEDGE).unlink()
    made = tmp_path / "made.zip"
    with made.open("xb") as file:
        bundle.write(runs, file)
    with unpacked(made) as found:
        for seed in SEEDS:
            there = {path.name: path.read_bytes() for path in (found.folder / f"seed-{seed}").iterdir()}
            assert there == {path.name: path.read_bytes() for path in runs[seed].iterdir() if path.is_file()}
    assert not found.folder.exists()


def test_equal_runs_give_equal_bytes(sound: Path, tmp_path: Path) -> None:
    runs = copy_runs(tmp_path / "runs")
    again = io.BytesIO()
    bundle.write(dict(reversed(runs.items())), again)
    assert again.getvalue() == sound.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/tmp/evil",
        "seed-3/../../evil",
        f"seed-3/../{MANIFEST}",
        "C:\\evil",
        "seed-3\\run.json",
        "seed-03/run.json",
        "seed-3/policy.pt",
        "seed-3/knowledge/0.npz",
        "seed-3/",
        "seed-3/run.json/",
        "seed-3/run.json\n",
        "evil.py",
        "",
    ],
)
def test_a_member_of_another_name_is_refused(name: str, sound: Path, tmp_path: Path) -> None:
    made = members(sound)
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    path = repacked([*made, (info, b"")], tmp_path / "bad.zip")
    before = contents(tmp_path)
    refused(path, "does not belong there: a bundle holds")
    assert contents(tmp_path) == before


def test_a_name_that_is_cut_at_a_null_is_refused(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(sound.read_bytes().replace(b"seed-4/run.json", b"seed-4/run\0json"))
    refused(path, r"'seed-4/run\\x00json' does not belong there")


def test_a_link_is_refused(sound: Path, tmp_path: Path) -> None:
    made = members(sound)
    made[0][0].external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(repacked(made, tmp_path / "bad.zip"), "is no plain file, perhaps a link")


def test_a_member_that_appears_twice_is_refused(sound: Path, tmp_path: Path) -> None:
    made = members(sound)
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = repacked([*made, made[0]], tmp_path / "bad.zip")
    refused(path, "a member appears twice")


def test_another_method_of_packing_is_refused(sound: Path, tmp_path: Path) -> None:
    refused(repacked(members(sound), tmp_path / "bad.zip", zipfile.ZIP_BZIP2), "another method than deflate")


def test_an_encrypted_member_is_refused(sound: Path, tmp_path: Path) -> None:
    content = bytearray(sound.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path = tmp_path / "bad.zip"
    path.write_bytes(content)
    refused(path, "is encrypted")


def test_a_member_that_is_not_packed_is_read(sound: Path, tmp_path: Path) -> None:
    with unpacked(repacked(members(sound), tmp_path / "plain.zip", zipfile.ZIP_STORED)) as found:
        assert (found.folder / LOG).is_file()


@pytest.mark.parametrize(
    ("limit", "value", "match"),
    [
        ("MAX_LOG", 1000, f"{LOG} has .* bytes, at most 1,000 are read"),
        ("MAX_PROGRESS", 1000, "seed-3/training.jsonl has .* bytes, at most 1,000 are read"),
        ("MAX_RUN_CARDS", 100, f"{INDEX}|run.json has .* bytes, at most 100 are read"),
        ("MAX_TOTAL", 10_000, "its members have .* bytes, at most 10,000 are read"),
        ("MAX_RATIO", 3, "is packed .* to 1, at most 3 to 1"),
        ("MAX_RUNS", 1, "it has 9 members; at most 5"),
    ],
)
def test_what_is_too_large_is_refused(
    limit: str, value: int, match: str, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, limit, value)
    refused(sound, match)


def test_a_zip_bomb_is_refused(sound: Path, tmp_path: Path) -> None:
    """10 MB of blanks in 10 kB."""
    made = [
        (info, content + b" " * 10**7 if info.filename == LOG else content)
        for info, content in members(sound)
    ]
    refused(repacked(made, tmp_path / "bad.zip"), "to 1, at most 400 to 1 is read")


def test_a_member_that_lies_about_its_size_is_refused(sound: Path, tmp_path: Path) -> None:
    content = bytearray(sound.read_bytes())
    at = content.index(b"PK\1\2") + 24
    assert struct.unpack_from("<L", content, at)[0] > 1000
    struct.pack_into("<L", content, at, 1000)
    path = tmp_path / "bad.zip"
    path.write_bytes(content)
    refused(path, "is not what bundle.json says|cannot be read as a bundle")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b'"success": 0', b'"success": 1', 1).replace(
            b'"success":0', b'"success":1', 1
        ),
        lambda content: content[:-1],
        lambda content: content + b"\n",
        lambda content: b"",
    ],
)
def test_edited_episodes_are_refused(change: Callable[[bytes], bytes], sound: Path, tmp_path: Path) -> None:
    made = [(i, change(content) if i.filename == LOG else content) for i, content in members(sound)]
    refused(repacked(made, tmp_path / "bad.zip"), f"{LOG} is not what bundle.json says: it was edited")


def test_a_missing_and_an_unlisted_member_are_refused(sound: Path, tmp_path: Path) -> None:
    made = members(sound)
    without = [(info, content) for info, content in made if info.filename != LOG]
    refused(repacked(without, tmp_path / "bad.zip"), f"{LOG}: bundle.json and the zip file do not both have")
    more = [*made, (zipfile.ZipInfo("seed-9/run.json"), b"{}")]
    refused(repacked(more, tmp_path / "bad.zip"), "seed-9/run.json: bundle.json and the zip file do not")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"schema":2,"members":{}}',
        b'{"schema":1,"members":{},"more":1}',
        b"\xff",
        b'{"members":' + b"[" * 100_000,
        b'{"schema":1,"members":{"a":{"sha256":"","size":1e999}}}',
    ],
)
def test_another_index_is_refused(content: bytes, sound: Path, tmp_path: Path) -> None:
    made = [(info, content if info.filename == INDEX else data) for info, data in members(sound)]
    refused(repacked(made, tmp_path / "bad.zip", zipfile.ZIP_STORED), "bundle.json is none of schema 1")


def test_a_bundle_without_index_is_refused(sound: Path, tmp_path: Path) -> None:
    made = [(info, content) for info, content in members(sound) if info.filename != INDEX]
    refused(repacked(made, tmp_path / "bad.zip"), "bundle.json is missing")


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip file", b"PK\5\6" + bytes(18)])
def test_what_is_no_bundle_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(content)
    refused(path, "it does not end as a bundle does|bundle.json is missing")


def test_what_comes_before_or_after_the_members_is_refused(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(b"#!/bin/sh\n" + sound.read_bytes())
    refused(path, "its list of members is not as")
    path.write_bytes(sound.read_bytes() + b"more")
    refused(path, "it does not end as a bundle does")


def test_a_list_of_the_large_format_is_refused_before_it_is_read(sound: Path, tmp_path: Path) -> None:
    """Its locator would send zipfile elsewhere than where this module looked."""
    content = sound.read_bytes()
    end = bytearray(content[-22:])
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    struct.pack_into("<L", end, 12, struct.unpack_from("<L", end, 12)[0] + len(locator))
    path = tmp_path / "bad.zip"
    path.write_bytes(content[:-22] + locator + bytes(end))
    refused(path, "its list of members is not as")


def test_what_is_not_there_or_a_folder_is_an_error(tmp_path: Path) -> None:
    refused(tmp_path / "none.zip", "cannot be read as a bundle")
    refused(tmp_path, "cannot be read as a bundle")


def test_nothing_that_steers_a_terminal_is_in_an_error(sound: Path, tmp_path: Path) -> None:
    index = msgspec.json.encode({"schema": 1, "members": {}, "\x1b[31m\u202e": 1})
    made = [(info, index if info.filename == INDEX else data) for info, data in members(sound)]
    with pytest.raises(BundleError) as caught, unpacked(repacked(made, tmp_path / "bad.zip")):
        pass
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", ["before", "between"])
def test_bytes_that_no_member_has_are_refused(tmp_path: Path, place: str) -> None:
    made = tmp_path / "made.zip"
    with made.open("xb") as file:
        bundle.write(copy_runs(tmp_path / "runs"), file)
    content = made.read_bytes()
    with zipfile.ZipFile(made) as file:
        offset = 0 if place == "before" else sorted(info.header_offset for info in file.infolist())[2]
        start = file.start_dir
    hidden = b"<script>alert(1)</script>"
    entries = bytearray(content[start:])
    at = 0
    while entries[at : at + 4] == b"PK\1\2":  # all places behind the hidden bytes move
        (found,) = struct.unpack_from("<L", entries, at + 42)
        struct.pack_into("<L", entries, at + 42, found + len(hidden) * (found >= offset))
        at += 46 + sum(struct.unpack_from("<3H", entries, at + 28))
    struct.pack_into("<L", entries, at + 16, start + len(hidden))
    made.write_bytes(content[:offset] + hidden + content[offset:start] + bytes(entries))
    with zipfile.ZipFile(made) as file:
        assert file.testzip() is None, "others read it"
    refused(made, "it holds more than its list of members names")
