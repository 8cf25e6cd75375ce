"""Sweeps of real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from legion_bench import launch
from legion_bench.errors import LOCKED, LegionBenchError
from legion_bench.results.lock import locked
from legion_bench.results.store import EVALUATIONS, read_run
from legion_bench.sweeps import Outcome, grid
from legion_bench.sweeps.local import Local
from tests.helpers import command_line, write_protocol
from tests.test_cli_process import INTERRUPTIBLE

TOY = "tests.toy_agent:Toy"


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    card = tmp_path / "failing.toml"
    card.write_text('title = "T"\nentry_point = "tests.toy_agent:Failing"\n')
    return card


def test_a_sweep_trains_all_and_the_next_one_nothing(
    tiny_protocol: Path, tmp_path: Path, failing: Path
) -> None:
    runs = tmp_path / "runs"
    arguments = ["sweep", "--protocol", tiny_protocol, "--seeds", "0,1", "--jobs", "2", "--out", runs]
    done = command_line(*arguments, "--agents", f"random,{failing},{TOY}")
    assert done.returncode == 1
    assert "4 finished, 2 failed" in done.stdout
    for seed in (0, 1):
        assert f"failing/seed-{seed}: out of luck" in done.stderr
        assert read_run(runs / "mini" / "failing" / f"seed-{seed}").manifest.status == "failed"
        for agent in ("random", "tests.toy_agent.Toy"):
            run = read_run(runs / "mini" / agent / f"seed-{seed}")
            assert (run.manifest.status, run.manifest.seed) == ("finished", seed)
    again = command_line(*arguments, "--agents", f"random,{TOY}")
    assert again.returncode == 0
    assert "4 skipped" in again.stdout


def test_a_run_that_was_killed_says_so_and_goes_on(tmp_path: Path) -> None:
    protocol = write_protocol(tmp_path, steps=4_000, every=20)
    (cell,) = grid([str(protocol)], [TOY], [0], tmp_path / "runs")
    executor = Local(1, 0.0)
    work, deadline = executor.start(cell), time.monotonic() + 120
    log = cell.path / EVALUATIONS
    while not (log.is_file() and log.read_bytes().count(b"\n") > 20):
        assert work.outcome() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(work.process.pid, signal.SIGKILL)
    while (outcome := work.outcome()) is None:
        time.sleep(0.01)
    assert outcome == Outcome("killed by SIGKILL")
    work = executor.start(cell)
    while not read_run(cell.path).manifest.resumes:
        assert work.outcome() is None
        time.sleep(0.01)
    work.stop()
    while work.outcome() is None:
        time.sleep(0.01)
    assert read_run(cell.path).manifest.status == "interrupted"


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
@pytest.mark.parametrize("how", ["finishes", "dies", "was there for a moment", "stays"])
def test_a_run_waits_for_another_process_in_its_folder(tmp_path: Path, how: str) -> None:
    """Such as a sweep leaves that was killed; it then takes what is there, or goes on from it."""
    protocol = write_protocol(tmp_path, steps=60, every=20)
    (cell,) = grid([str(protocol)], [TOY], [0], tmp_path / "runs")
    launch.run(str(protocol), TOY, 0, cell.path, stop_after=20)
    with locked(cell.path):
        work, deadline = Local(1, 0.0).start(cell), time.monotonic() + 120
        assert work.process is not None
        assert work.process.wait(120) == LOCKED
        if how != "was there for a moment":
            assert work.outcome() is None
            assert work.process is None
        if how == "finishes":
            whole = launch.run(str(protocol), TOY, 0, tmp_path / "whole")
            shutil.copytree(whole, cell.path, dirs_exist_ok=True)
        if how == "stays":
            work.stop()
            assert work.outcome() is not None
            return
    while (outcome := work.outcome()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert outcome == Outcome()
    run = read_run(cell.path)
    assert (run.manifest.status, len(run.manifest.resumes)) == ("finished", 0 if how == "finishes" else 1)


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
def test_a_run_that_is_stopped_before_it_found_the_lock_never_begins(tmp_path: Path) -> None:
    protocol = write_protocol(tmp_path)
    (cell,) = grid([str(protocol)], [TOY], [0], tmp_path / "runs")
    with locked(cell.path):
        work = Local(1, 0.0).start(cell)
        assert work.process is not None
        work.stop()
        work.process.wait(120)
        assert work.outcome() == Outcome("killed by SIGTERM")


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX's")
def test_a_run_that_fails_by_itself_says_so_whoever_writes_to_its_folder(tmp_path: Path) -> None:
    protocol = write_protocol(tmp_path)
    (cell,) = grid([str(protocol)], ["random"], [0], tmp_path / "runs")
    protocol.unlink()
    with locked(cell.path):
        work, deadline = Local(1, 0.0).start(cell), time.monotonic() + 120
        while (outcome := work.outcome()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert outcome.error == f"protocol card {protocol} not found"


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "scheduler"])
def test_a_stopped_sweep_leaves_runs_that_go_on(tmp_path: Path, sent: signal.Signals) -> None:
    protocol = write_protocol(tmp_path, steps=100_000, every=20)
    arguments = ["sweep", "--protocol", protocol, "--agents", TOY, "--seeds", "0-2", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *map(str, arguments), "--out", str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        logs = [
            tmp_path / "runs" / "mini" / "tests.toy_agent.Toy" / f"seed-{seed}" / EVALUATIONS
            for seed in (0, 1)
        ]
        deadline = time.monotonic() + 120
        while not all(log.is_file() and log.read_bytes().count(b"\n") > 8 for log in logs):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(sent)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "3 interrupted" in said
    assert [read_run(log.parent).manifest.status for log in logs] == ["interrupted"] * 2


def test_there_is_at_least_one_job() -> None:
    with pytest.raises(LegionBenchError, match="at least 1, got 0"):
        Local(0, 10.0)
