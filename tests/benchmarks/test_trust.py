"""What trust costs, against the least that the same work could take.

``tox run -e bench``. A checkpoint, of which a run writes one every ten minutes, should take less than two
seconds and 5 % of the run; a sweep should add less than two seconds to a run; a bundle of ten seeds should be
verified in less than thirty seconds.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from legion_bench import agents
from legion_bench.cards import load_protocol
from legion_bench.leaderboard import bundle
from legion_bench.leaderboard.verify import verify
from legion_bench.results import checkpoints
from legion_bench.results.checkpoints import Checkpoint
from tests.conftest import MakeSetup
from tests.helpers import command_line, random_transitions
from tests.leaderboard.runs import make_up_runs

_, MINI = load_protocol("mini")


@pytest.mark.parametrize("card", ["legion-small", "sac-perfect-memory-small"])
def test_a_checkpoint_at_the_end_of_mini(
    compare: Callable[..., float], make_setup: MakeSetup, tmp_path: Path, card: str
) -> None:
    """Of the agents that keep every transition, against writing a file of as many bytes and syncing it."""
    agent = agents.build(agents.resolve(card), make_setup(*MINI.tasks))
    agent.begin_task(MINI.visits()[0])
    for seed in range(MINI.total_steps // 1_000):
        agent.observe(random_transitions(seed, 1_000))

    def ours() -> None:
        checkpoints.write(tmp_path, Checkpoint(MINI.total_steps, {}, {"agent": agent.state_dict()}))

    ours()
    (written,) = (tmp_path / checkpoints.FOLDER).iterdir()
    content = written.read_bytes()
    assert len(content) > 4 * 31 * MINI.total_steps

    def peer() -> None:
        with (tmp_path / "peer").open("wb") as file:
            file.write(content)
            os.fsync(file.fileno())

    compare(ours, peer, rounds=5)


def test_a_sweep_against_its_runs(compare: Callable[..., float], tmp_path: Path) -> None:
    """Per run of the tiny protocol, against the commands that make the same runs without a sweep."""
    seeds = range(4)

    def ours() -> None:
        options = ("--protocol", "tiny", "--agents", "random", "--seeds", f"0-{len(seeds) - 1}")
        done = command_line("sweep", *options, "--out", tmp_path / os.urandom(4).hex())
        assert done.returncode == 0, done.stderr

    def peer() -> None:
        folder = tmp_path / os.urandom(4).hex()
        for seed in seeds:
            options = ("--protocol", "tiny", "--agent", "random", "--seed", str(seed))
            done = command_line("run", *options, "--out", folder / str(seed))
            assert done.returncode == 0, done.stderr

    compare(ours, peer, ours_steps=len(seeds), peer_steps=len(seeds), rounds=2)


def test_verifying_ten_seeds_of_mini_against_json(compare: Callable[..., float], tmp_path: Path) -> None:
    """Against decoding the same lines and no more."""
    runs, path = make_up_runs(tmp_path / "runs", "mini", 10), tmp_path / "ten.zip"
    with path.open("xb") as file:
        bundle.write(runs, file)

    def peer() -> list[object]:
        logs = [log for run in runs.values() for log in run.glob("*.jsonl")]
        return [json.loads(line) for log in logs for line in log.read_bytes().splitlines()]

    assert len(peer()) == 10 * (61 * 6 * 2 + 60)
    compare(lambda: verify(path), peer, rounds=3)
