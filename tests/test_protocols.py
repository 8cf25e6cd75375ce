"""Every protocol card of the catalogue, with a budget of seconds: trained, measured, reported."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from legion_bench import cards, catalogue, cli, launch
from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.metrics import METRICS
from legion_bench.protocols.schedule import phases
from legion_bench.results.store import read_run

load = cards.load_protocol


def shrunk(name: str) -> tuple[ProtocolCard, StreamCard]:
    """Return a protocol with two evaluations of one short episode per visit, all else as its card says."""
    protocol, stream = load(name)
    stream = msgspec.structs.replace(stream, steps_per_task=4, horizon=2)
    first = phases(protocol, stream)[0]
    every = max(1, (first.stop - first.start) // 2)
    return msgspec.structs.replace(protocol, evaluate_every=every, evaluation_episodes=1), stream


@pytest.mark.parametrize("name", catalogue.names("protocols"))
def test_a_protocol_can_be_run_measured_and_reported(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "load_protocol", shrunk)
    path = launch.run(name, "random", out=tmp_path / "run")
    run = read_run(path)
    protocol, stream = shrunk(name)
    assert (run.manifest.status, run.manifest.protocol, run.manifest.stream) == ("finished", protocol, stream)
    evaluated = [0, *(step for phase in phases(protocol, stream) for step in phase.evaluate_at)]
    assert list(dict.fromkeys(record.step for record in run.evaluations)) == evaluated
    assert len(run.evaluations) == len(evaluated) * len(set(stream.tasks))

    done = CliRunner().invoke(cli.app, ["metrics", str(path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["metrics"].keys() == METRICS.keys()
    undefined = {metric for metric, value in found["metrics"].items() if value is None}
    assert found["reasons"].keys() == undefined, "what is null says why, and nothing else does"
    if protocol.regime != "single-task":
        assert "average_performance" not in undefined

    done = CliRunner().invoke(cli.app, ["report", str(path), "--out", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert name in page
    assert ("evaluated on" in page) == (protocol.evaluation_robot is not None)


def test_cards_for_lifelong_small_remember_all_its_steps() -> None:
    _, stream = load("lifelong-small")
    memories = []
    for name in catalogue.names("agents"):
        if name.endswith("-lifelong-small"):
            parameters = cards.load_agent(name).parameters
            memories.append(parameters.get("options", parameters)["buffer_size"])
    assert memories == [stream.total_steps] * 2
