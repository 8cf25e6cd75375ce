"""Runs as reference numbers: which can become some, and the committed ones."""

from __future__ import annotations

import pytest

from legion_bench import catalogue
from legion_bench.errors import MetricError
from legion_bench.reports.traces import collect
from legion_bench.results.regression import read
from legion_bench.results.store import Run, find_runs, read_run

from .conftest import MakeRun, with_card

COMMITTED = catalogue.root() / "results/reference/smoke.json"
RUNS = catalogue.root() / "results/smoke/runs"
AGENTS = ("legion-small", "sac-finetune-small", "sac-packnet-small", "random", "scripted")


def test_numbers_are_made_of_whole_runs_of_one_protocol(runs: list[Run], make_run: MakeRun) -> None:
    with pytest.raises(MetricError, match="not complete"):
        collect([*runs, make_run(seed=7, stop_at=400)])
    with pytest.raises(MetricError, match="same seed"):
        collect([*runs, make_run("again", seed=0)])
    with pytest.raises(MetricError, match="another protocol card"):
        collect([*runs, make_run(protocol="other")])
    with pytest.raises(MetricError, match="different agent cards"):
        collect([*runs[:4], with_card(runs[4], "agent", title="Another")])
    with pytest.raises(MetricError, match="unknown agent 'sca': did you mean 'sac'"):
        collect(runs, ["sca"])
    assert [one.agent.name for one in collect([*runs, make_run(agent="ewc")], ["sac"]).agents] == ["sac"]


def test_the_committed_numbers_are_those_of_the_committed_runs() -> None:
    folders = find_runs(RUNS / agent for agent in AGENTS)
    assert collect([read_run(path) for path in folders], AGENTS) == read(COMMITTED)
