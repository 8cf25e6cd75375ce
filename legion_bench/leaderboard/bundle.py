"""The bundle: run folders in one zip file with the hash of every member (schema 1).

Reading trusts nothing: a bundle has exactly the form that :func:`write` gives it, or it is refused
before a byte is unpacked. Members are text; nothing of them is ever executed.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

import msgspec

from legion_bench.errors import BundleError, printable
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST, TRAINING

SCHEMA: Literal[1] = 1
INDEX = "bundle.json"
MAX_RUNS = 100
MAX_RUN_CARDS = 2**18
"""Bytes of ``run.json``, thirty times ours, or of the index."""
MAX_LOG = 2**28
"""Bytes of ``evaluations.jsonl``: ten times those of a run of 100,000 episodes."""
MAX_PROGRESS = 2**24
"""Bytes of another log: ten times those of a run of 1,000 evaluations."""
MAX_TOTAL = 2**32
MAX_RATIO = 400
"""Of unpacked to packed size. Logs of a fixed placement, which repeat themselves, reach some 50."""

_LOGS = (EVALUATIONS, TRAINING, KNOWLEDGE)
_MEMBER = re.compile(
    r"seed-(0|[1-9][0-9]{0,9})/(" + "|".join(re.escape(name) for name in (MANIFEST, *_LOGS)) + ")"
)
_ALLOWED = f"a bundle holds {INDEX} and seed-N/ with {', '.join((MANIFEST, *_LOGS))}, and nothing else"
_AGAIN = "make it anew with `legion-bench submit`"
# The earliest that a zip file can say: equal runs give equal bytes.
_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = (stat.S_IFREG | 0o644) << 16
_BLOCK = 2**20
# A zip file's last record: signature, disks, entries (here, in all), bytes and place of the list, comment.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE, _LARGE_SIGNATURE, _LARGE_SIZE = b"PK\5\6", b"PK\6\7", 20
_HEADER_SIZE = 30  # bytes before a member, its name left out
_ENTRY_SIZE = 46 + 64  # bytes of the list per member, its name included
# All that zipfile raises of what is no sound zip file.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a member must be."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Unpacked:
    """A bundle, read."""

    folder: Path
    """Holds a run folder ``seed-N`` each."""
    sha256: str
    """Of the bundle."""


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``bundle.json`` holds."""

    members: dict[str, Member]
    """By name, but for the index itself."""
    schema: Literal[1] = SCHEMA


def write(runs: Mapping[int, Path], out: BinaryIO) -> None:
    """Write run folders as a bundle: equal folders give equal bytes.

    Checkpoints and arrays are left out: no number comes from them.

    Args:
        runs: seed → run folder.
        out: an empty file.

    Raises:
        OSError: a run cannot be read, or the bundle not be written.
    """
    members = {
        f"seed-{seed}/{name}": folder / name
        for seed, folder in sorted(runs.items())
        for name in sorted((MANIFEST, *_LOGS))
        if (folder / name).exists() or name != KNOWLEDGE  # which older runs lack
    }
    found: dict[str, Member] = {}
    with zipfile.ZipFile(out, "w") as file:
        for name, path in members.items():
            content = path.read_bytes()
            found[name] = Member(hashlib.sha256(content).hexdigest(), len(content))
            _add(file, name, content)
        _add(file, INDEX, msgspec.json.format(msgspec.json.encode(Index(found)), indent=2) + b"\n")


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, whose permissions these are, on every system
    info.external_attr = _REGULAR_FILE
    file.writestr(info, content, compresslevel=9)


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """Unpack the run folders of a bundle, every byte as its index says, into a temporary folder.

    Nothing is written but in that folder, which is deleted afterwards.

    Raises:
        BundleError: it is no bundle: a member of another name, a link, one too large or packed too
            tightly, one missing, or one whose hash is not that of the index.
    """
    with tempfile.TemporaryDirectory(prefix="legion-bench-") as folder:
        try:
            with path.open("rb") as opened:
                _check_end(opened)
                with zipfile.ZipFile(opened) as file:
                    _unpack(file, Path(folder))
                opened.seek(0)
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        except BundleError as error:
            raise BundleError(f"{printable(path)}: {error}") from None
        except _UNREADABLE as error:
            raise BundleError(
                f"{printable(path)} cannot be read as a bundle: {printable(error)}; {_AGAIN}"
            ) from None
        yield Unpacked(Path(folder), sha256)


def _check_end(file: BinaryIO) -> None:
    """Raise unless the list of members is short and ends the file, before zipfile reads all of it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END.size - _LARGE_SIZE))
    tail = file.read()
    if len(tail) < _END.size or tail[-_END.size :][:4] != _END_SIGNATURE:
        raise BundleError(f"it does not end as a bundle does: it is no zip file, or was cut off; {_AGAIN}")
    _, disk, disk_of_list, here, count, length, start, comment = _END.unpack(tail[-_END.size :])
    limit = 1 + MAX_RUNS * (1 + len(_LOGS))
    if here > limit or length > limit * _ENTRY_SIZE:
        raise BundleError(f"it has {here} members; at most {limit}, those of {MAX_RUNS} runs, are read")
    plain = (disk, disk_of_list, here, comment) == (0, 0, count, 0) and start + length + _END.size == size
    if not plain or tail[:4] == _LARGE_SIGNATURE:
        raise BundleError(f"its list of members is not as `legion-bench submit` writes it; {_AGAIN}")
    file.seek(0)


def _unpack(file: zipfile.ZipFile, folder: Path) -> None:
    infos = {info.filename: info for info in file.infolist()}
    if len(infos) < len(file.infolist()):
        raise BundleError(f"a member appears twice; {_AGAIN}")
    _check_places(file)
    for info in infos.values():
        _check(info)
    total = sum(info.file_size for info in infos.values())
    if total > MAX_TOTAL:
        raise BundleError(f"its members have {total:,} bytes, at most {MAX_TOTAL:,} are read: leave runs out")
    index = _index(file, infos)
    for name in sorted({*infos, *index.members} - {INDEX}):
        if name not in infos or name not in index.members:
            raise BundleError(f"{printable(name)}: {INDEX} and the zip file do not both have it; {_AGAIN}")
        _extract(file, infos[name], index.members[name], folder)


def _check_places(file: zipfile.ZipFile) -> None:
    """Raise unless members lie one after another from the first byte on, up to the list of them."""
    place = 0
    for info in sorted(file.infolist(), key=lambda info: info.header_offset):
        if info.header_offset != place or info.extra or info.comment:
            break
        place += _HEADER_SIZE + len(info.orig_filename.encode()) + info.compress_size
    if place != file.start_dir:
        raise BundleError(f"it holds more than its list of members names; {_AGAIN}")


def _check(info: zipfile.ZipInfo) -> None:
    """Raise unless a member is what its name promises, as far as the list of members tells."""
    name = info.filename
    if info.orig_filename != name or not (name == INDEX or _MEMBER.fullmatch(name)):
        raise BundleError(f"{printable(ascii(info.orig_filename))} does not belong there: {_ALLOWED}")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise BundleError(f"{name} is no plain file, perhaps a link: {_ALLOWED}")
    if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleError(f"{name} is encrypted, or packed by another method than deflate; {_AGAIN}")
    limits = {EVALUATIONS: MAX_LOG, TRAINING: MAX_PROGRESS, KNOWLEDGE: MAX_PROGRESS}
    limit = limits.get(PurePosixPath(name).name, MAX_RUN_CARDS)
    if info.file_size > limit:
        raise BundleError(f"{name} has {info.file_size:,} bytes, at most {limit:,} are read")
    if info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise BundleError(
            f"{name} is packed {info.file_size // max(info.compress_size, 1)} to 1,"
            f" at most {MAX_RATIO} to 1 is read: no log of ours repeats itself that much"
        )


def _index(file: zipfile.ZipFile, infos: Mapping[str, zipfile.ZipInfo]) -> Index:
    if INDEX not in infos:
        raise BundleError(f"{INDEX} is missing; {_AGAIN}")
    content = b"".join(_blocks(file, infos[INDEX]))
    try:
        return msgspec.json.decode(content, type=Index)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{INDEX} is none of schema {SCHEMA}: {printable(error)}; {_AGAIN}") from None


def _extract(file: zipfile.ZipFile, info: zipfile.ZipInfo, wanted: Member, folder: Path) -> None:
    """Write a member, whose name was checked, below ``folder``."""
    path = folder / info.filename
    path.parent.mkdir(exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with path.open("xb") as out:
        for block in _blocks(file, info):
            digest.update(block)
            size += len(block)
            out.write(block)
    if (digest.hexdigest(), size) != (wanted.sha256, wanted.size):
        raise BundleError(f"{info.filename} is not what {INDEX} says: it was edited or damaged; {_AGAIN}")


def _blocks(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's content, no more than it says it has."""
    with file.open(info) as opened:
        while block := opened.read(_BLOCK):
            yield block
