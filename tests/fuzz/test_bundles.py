"""Bundles: damaged bytes, hostile members, and sound zip files of damaged logs and cards."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench.errors import BundleError
from legion_bench.leaderboard import bundle
from legion_bench.leaderboard.bundle import INDEX
from legion_bench.leaderboard.verify import verify
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST, TRAINING
from tests.fuzz import EXAMPLES, VALUES, damaged, place_in
from tests.helpers import contents
from tests.leaderboard.runs import RUNS

RUN = {name: (RUNS / "seed-3" / name).read_bytes() for name in (MANIFEST, EVALUATIONS, TRAINING, KNOWLEDGE)}
CARDS = json.loads(RUN[MANIFEST])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds ``temporary/`` for the system's temporary files, and ``here/`` with a bundle."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("temporary", "here"):
        (folder / name).mkdir()
    return folder


def check(content: bytes, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify a bundle: it is accepted, or BundleError; no file remains that was not there."""
    monkeypatch.setattr(tempfile, "tempdir", str(place / "temporary"))
    path = place / "here" / "bundle.zip"
    path.write_bytes(content)
    before, said = contents(place), str(path)
    try:
        verify(path)
    except BundleError as error:
        said = str(error)
    assert str(path) in said
    assert said.isprintable()
    assert contents(place) == before
    assert not list((place / "temporary").iterdir())


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file with an index that fits."""
    index = {
        "schema": 1,
        "members": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in members.items()
        },
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in {**members, INDEX: json.dumps(index).encode()}.items():
            file.writestr(name, content)
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    bundle.write({3: RUNS / "seed-3"}, out)
    return out.getvalue()


@EXAMPLES
@given(data=st.data())
def test_damaged_bytes(data: st.DataObject, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(data.draw(damaged(sound())), place, monkeypatch)


@EXAMPLES
@given(data=st.data())
def test_damaged_lists_of_members(data: st.DataObject, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list ends the file, a hundredth of it: aimed at, because chance seldom hits it."""
    content = sound()
    start = content.index(b"PK\1\2")
    made = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        made[data.draw(st.integers(start, len(made) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(made), place, monkeypatch)


NAMES = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(["..", ".", "/", "\\", "seed-3", "seed-4", MANIFEST, "C:", "\x00", "~", INDEX, "a"]),
        max_size=5,
    ).map("/".join),
    st.sampled_from([f"seed-4/{name}" for name in RUN]),
)


@EXAMPLES
@given(name=NAMES, mode=st.integers(0, 0xFFFF), content=st.binary(max_size=50), data=st.data())
def test_hostile_members(
    name: str, mode: int, content: bytes, data: st.DataObject, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO(packed({f"seed-3/{file}": text for file, text in RUN.items()}))
    try:
        info = zipfile.ZipInfo("x")
        info.filename = name
        info.external_attr = data.draw(st.sampled_from([mode, stat.S_IFLNK, stat.S_IFDIR, 0])) << 16
        with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as file:
            warnings.simplefilter("ignore")  # of names that are there twice
            file.writestr(info, content)
    except (ValueError, UnicodeEncodeError):  # a name that zipfile cannot write
        return
    check(out.getvalue(), place, monkeypatch)


@EXAMPLES
@given(name=st.sampled_from(sorted(RUN)), data=st.data())
def test_damaged_runs_with_right_hashes(
    name: str, data: st.DataObject, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {**RUN, name: data.draw(damaged(RUN[name]))}
    check(packed({f"seed-3/{file}": content for file, content in made.items()}), place, monkeypatch)


@EXAMPLES
@given(value=VALUES, data=st.data())
def test_any_value_in_any_field(
    value: Any, data: st.DataObject, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = data.draw(st.sampled_from([MANIFEST, EVALUATIONS, TRAINING]))
    lines = [CARDS] if name == MANIFEST else [json.loads(line) for line in RUN[name].splitlines()]
    target = lines[data.draw(st.integers(0, len(lines) - 1))]
    target = json.loads(json.dumps(target))
    place_in(target, value, data)
    text = RUN[name]
    try:
        made = json.dumps(target).encode()
    except ValueError:  # more digits than Python writes
        return
    if name == MANIFEST:
        text = made
    else:
        text = made + b"\n" + text.split(b"\n", 1)[1]
    content = packed({f"seed-3/{file}": text if file == name else RUN[file] for file in RUN})
    check(content, place, monkeypatch)
