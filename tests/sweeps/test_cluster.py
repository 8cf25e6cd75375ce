"""Sweeps on a real Ray cluster of two nodes, one of which dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from legion_bench import launch
from legion_bench.errors import LegionBenchError
from legion_bench.results.store import EVALUATIONS, read_run
from legion_bench.sweeps import Outcome, grid, sweep
from legion_bench.sweeps.cluster import Cluster, train
from tests.helpers import write_protocol

# Ray leaves files open, and warns of its own future.
pytestmark = pytest.mark.filterwarnings("ignore")
TOY, FAILING = "tests.toy_agent:Toy", "tests.toy_agent:Failing"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without work for runs, and a node for one run at a time."""
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "legion-bench[ray]"')
    from ray.cluster_utils import Cluster as RayCluster

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = RayCluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 10**8})
    yield made
    ray.shutdown()
    made.shutdown()


def node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=10**8)


def test_a_node_dies_and_nothing_is_lost(cluster: Any, tmp_path: Path) -> None:
    protocol = write_protocol(tmp_path, steps=1_500, every=20)
    cells = grid([str(protocol)], [TOY], [0, 1], tmp_path / "runs")
    executor = Cluster(cluster.address, 1, 0, 3, 0.0)  # before there are nodes: it is the head's then
    nodes, killed = [node(cluster), node(cluster)], []

    def kill(rows: Any) -> None:
        """Kill a node once both runs are under way."""
        logs = [row.cell.path / EVALUATIONS for row in rows]
        if not killed and all(log.is_file() and log.read_bytes().count(b"\n") > 40 for log in logs):
            killed.append(time.monotonic())
            cluster.remove_node(nodes[0], allow_graceful=False)

    rows = sweep(cells, executor, kill)
    assert killed
    assert [(row.state, row.error) for row in rows] == [("finished", None)] * 2
    runs = [read_run(cell.path) for cell in cells]
    assert sum(len(run.manifest.resumes) for run in runs) == 1, "one of them was on the node that died"
    for cell, run in zip(cells, runs, strict=True):
        whole = launch.run(str(protocol), TOY, cell.seed, tmp_path / f"whole-{cell.seed}")
        assert (run.path / EVALUATIONS).read_bytes() == (whole / EVALUATIONS).read_bytes()


def test_a_run_that_fails_says_why_and_one_that_is_stopped_goes_on(cluster: Any, tmp_path: Path) -> None:
    node(cluster)
    protocol = write_protocol(tmp_path, steps=20_000, every=20)
    failing, endless = grid([str(protocol)], [FAILING, TOY], [0], tmp_path / "runs")
    executor = Cluster(cluster.address, 1, 0, 3, 0.0)
    assert awaited(executor.start(failing)) == Outcome("out of luck")
    work, log = executor.start(endless), endless.path / EVALUATIONS
    deadline = time.monotonic() + 120
    while not (log.is_file() and log.read_bytes().count(b"\n") > 20):
        assert work.outcome() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    work.stop()
    assert awaited(work).error is not None
    assert read_run(endless.path).manifest.status == "interrupted"


def awaited(work: Any) -> Outcome:
    deadline = time.monotonic() + 120
    while (outcome := work.outcome()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_retry_that_finds_its_run_finished_is_content(tmp_path: Path) -> None:
    protocol = write_protocol(tmp_path, steps=20, every=20)
    (cell,) = grid([str(protocol)], [TOY], [0], tmp_path / "runs")
    train(cell, 0.0)
    finished = read_run(cell.path).manifest
    train(cell, 0.0)
    assert read_run(cell.path).manifest == finished


def test_without_ray_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(LegionBenchError, match=r"pip install \"legion-bench\[ray\]\""):
        Cluster(None, 1, 0, 3, 10.0)
