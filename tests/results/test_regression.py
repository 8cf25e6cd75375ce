"""Reference numbers in a file: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from legion_bench import catalogue
from legion_bench.errors import RunError
from legion_bench.results import sealed
from legion_bench.results.regression import Counts, Numbers, Trace, Traces, read, write
from legion_bench.results.store import read_run


@pytest.fixture
def numbers(finished: Path) -> Numbers:
    manifest = read_run(finished).manifest
    trace = Trace(
        seed=3,
        evaluations_sha256="0" * 64,
        success=((0.0, 0.1 + 0.2), (1.0, 0.5)),
        returns=((1e-300, -0.0), (1234.5678901234567, 1e300)),
        counts=(Counts(16, 8, 1234, None),),
        losses={"critic": 1 / 3, "actor": None},
        versions={"mujoco": "3.3.0"},
        git={"revision": None, "dirty": True},
        hardware={"cpu": "Some CPU", "cores": 2},
    )
    return Numbers(
        protocol=manifest.protocol,
        stream=manifest.stream,
        tasks=manifest.tasks,
        steps=(0, 16),
        agents=(Traces(agent=manifest.agent, runs=(trace,)),),
    )


def test_numbers_are_read_as_they_were_written(numbers: Numbers, tmp_path: Path) -> None:
    path = write(numbers, tmp_path / "deep" / "tiny.json")
    assert read(path) == numbers
    before = path.read_bytes()
    assert write(numbers, path).read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["agents"][0]["runs"][0]["losses"].update(critic=0.3),
        lambda content: content["stream"].update(horizon=16),
        lambda content: content.pop("sha256"),
    ],
)
def test_edited_numbers_are_an_error_that_says_so(numbers: Numbers, tmp_path: Path, change: Any) -> None:
    path = write(numbers, tmp_path / "tiny.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"tiny\.json was edited after.*`legion-bench reference make`"):
        read(path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda agents: agents[0]["runs"][0]["success"].pop(), "a matrix is not of 2 × 2 numbers"),
        (lambda agents: agents[0]["runs"][0]["success"][1].append(0.5), "a matrix is not of 2 × 2 numbers"),
        (lambda agents: agents[0]["runs"][0]["returns"][0].pop(), "a matrix is not of 2 × 2 numbers"),
        (lambda agents: agents[0]["runs"][0]["success"][0].__setitem__(0, 1.5), "<= 1"),
        (lambda agents: agents[0]["runs"][0]["counts"].clear(), "0 counts for 2 evaluations"),
        (lambda agents: agents.append(agents[0]), "an agent is there twice"),
        (lambda agents: agents[0]["runs"].append(agents[0]["runs"][0]), "a seed is there twice"),
    ],
)
def test_parts_that_do_not_fit_together_are_an_error(
    change: Any, match: str, numbers: Numbers, tmp_path: Path
) -> None:
    content = json.loads(msgspec.json.encode(numbers))
    change(content["agents"])
    path = sealed.write(tmp_path / "tiny.json", content)
    with pytest.raises(RunError, match=match):
        read(path)


def test_what_could_not_be_read_is_not_written(numbers: Numbers, tmp_path: Path) -> None:
    (traces,) = numbers.agents
    torn = msgspec.structs.replace(traces, runs=(msgspec.structs.replace(traces.runs[0], counts=()),))
    with pytest.raises(RunError, match=r"nothing was written .* 0 counts for 2 evaluations"):
        write(msgspec.structs.replace(numbers, agents=(torn,)), tmp_path / "tiny.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "\xff"])
def test_what_is_no_such_file_is_an_error(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"tiny\.json"):
        read(path)


def test_references_for_forward_transfer_are_something_else() -> None:
    file = next((catalogue.root() / "results/references").glob("*/*.json"))
    with pytest.raises(RunError, match="is no file of reference numbers"):
        read(file)
