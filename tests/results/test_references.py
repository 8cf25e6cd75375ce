"""Single-task references in files: what is written is read, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legion_bench import cards
from legion_bench.errors import RunError
from legion_bench.results.references import Seed, SingleTask, read, shipped, write
from legion_bench.results.store import read_run


@pytest.fixture
def reference(finished: Path) -> SingleTask:
    manifest = read_run(finished).manifest
    seed = Seed(
        seed=3,
        auc={"reach": 0.1 + 0.2, "drawer-close": 1.0},
        evaluations_sha256="0" * 64,
        versions={"mujoco": "3.3.0"},
        git={"revision": None, "dirty": None},
    )
    agent = msgspec.structs.replace(
        manifest.agent, name="pack:Age", parameters={"rate": 1e-3, "nested": {"a": []}}
    )
    return SingleTask(
        protocol=manifest.protocol, stream=manifest.stream, tasks=manifest.tasks, agent=agent, seeds=(seed,)
    )


def test_a_reference_is_read_as_it_was_written(reference: SingleTask, tmp_path: Path) -> None:
    path = write(reference, tmp_path)
    assert path == tmp_path / reference.protocol.name / "pack.Age.json"
    assert read(path) == reference
    before = path.read_bytes()
    assert write(reference, tmp_path).read_bytes() == before


@pytest.mark.parametrize("name", ["", "..", "../escaped", "/tmp/escaped", "a\\b"])
def test_a_name_that_leads_elsewhere_is_an_error(reference: SingleTask, tmp_path: Path, name: str) -> None:
    replace = msgspec.structs.replace
    for wrong in (
        replace(reference, agent=replace(reference.agent, name=name)),
        replace(reference, protocol=replace(reference.protocol, name=name)),
    ):
        with pytest.raises(RunError, match="names no file"):
            write(wrong, tmp_path / "out")
    assert not list(tmp_path.rglob("*.json"))


def test_a_file_from_before_a_card_had_some_field_is_valid(reference: SingleTask, tmp_path: Path) -> None:
    path = write(reference, tmp_path)
    content = json.loads(path.read_text())
    del content["sha256"], content["protocol"]["evaluation_robot"]
    older = {**content, "sha256": hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()}
    path.write_text(json.dumps(older))
    assert read(path) == reference


def edited(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["seeds"][0]["auc"].update(reach=0.31),
        lambda content: content["seeds"].append(content["seeds"][0]),
        lambda content: content["stream"].update(horizon=16),
        lambda content: content["agent"]["parameters"].update(rate=1e-4),
        lambda content: content.update(extra=1),
        lambda content: content.update(sha256="0" * 64),
        lambda content: content.pop("sha256"),
    ],
)
def test_an_edited_reference_is_an_error_that_says_so(
    reference: SingleTask, tmp_path: Path, change: Any
) -> None:
    path = write(reference, tmp_path)
    edited(path, change)
    with pytest.raises(RunError, match=r"pack\.Age\.json was edited after.*`legion-bench references`"):
        read(path)


def test_space_and_the_order_of_keys_are_no_contents(reference: SingleTask, tmp_path: Path) -> None:
    path = write(reference, tmp_path)
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert read(path) == reference


@pytest.mark.parametrize("content", [b"", b"junk", b"[]", b"\xff", b'{"seeds": 1'])
def test_what_is_no_reference_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(RunError, match=r"a\.json is no reference"):
        read(tmp_path / "a.json")


def test_a_reference_of_another_schema_is_an_error(reference: SingleTask, tmp_path: Path) -> None:
    later = msgspec.structs.replace(reference, schema=2)
    with pytest.raises(RunError, match="is no reference of schema 1"):
        read(write(later, tmp_path))


def test_shipped_references_were_measured_with_the_cards_there_are() -> None:
    """Else they have to be made anew."""
    for path in shipped():
        made = read(path)
        assert cards.load_protocol(made.protocol.name) == (made.protocol, made.stream), path
        assert cards.load_agent(made.agent.name) == made.agent, path
        assert made.tasks == tuple(cards.load_task(name) for name in dict.fromkeys(made.stream.tasks)), path
        assert path.parts[-2:] == (made.protocol.name, f"{made.agent.name}.json")
        for seed in made.seeds:
            assert seed.auc.keys() == set(made.stream.tasks), path
            assert seed.git["dirty"] is False, path
