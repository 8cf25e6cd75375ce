"""One seed, one log, byte for byte: in other processes and whatever ran before."""

from __future__ import annotations

import pytest

from legion_bench.results.store import EVALUATIONS
from tests.helpers import python, write_protocol

LEARNER = """
title = "A learner small enough for tests"
entry_point = "legion_bench.agents.sb3:Sb3Agent"
[parameters]
algorithm = "SAC"
reset = ["buffer", "optimizer"]
observation_scale = 5.0
[parameters.options]
learning_starts = 10
batch_size = 8
buffer_size = 1000
learning_rate = 1e-2
policy_kwargs = { net_arch = [16] }
"""
RUNS = """
import sys
from pathlib import Path
from legion_bench import launch
protocol, learner, out = sys.argv[1:4]
for job in sys.argv[4:]:
    name, seed = job.split("=")
    launch.run(protocol, learner if name == "learner" else name, int(seed), Path(out) / job)
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Logs of the same runs, made in two processes in two orders."""
    folder = tmp_path_factory.mktemp("determinism")
    (folder / "learner.toml").write_text(LEARNER)
    protocol = write_protocol(folder, steps=24, horizon=10, every=12)
    orders = (["random=0", "learner=0", "learner=1"], ["learner=0", "random=1", "random=0"])
    made = []
    for number, jobs in enumerate(orders):
        out = folder / str(number)
        done = python("-c", RUNS, protocol, folder / "learner.toml", out, *jobs, PYTHONHASHSEED=str(number))
        assert done.returncode == 0, done.stderr
        made.append({job: (out / job / EVALUATIONS).read_bytes() for job in jobs})
    return made[0], made[1]


@pytest.mark.parametrize("job", ["random=0", "learner=0"])
def test_a_seed_gives_the_same_log_in_another_process(logs: tuple[dict[str, bytes], ...], job: str) -> None:
    assert logs[0][job] == logs[1][job]
    assert logs[0][job].count(b"\n") == 5 * 2 * 2


def test_another_seed_gives_another_log(logs: tuple[dict[str, bytes], ...]) -> None:
    assert logs[0]["learner=0"] != logs[0]["learner=1"]
    assert logs[1]["random=0"] != logs[1]["random=1"]


def test_the_learner_learns(logs: tuple[dict[str, bytes], ...]) -> None:
    """Or the equality above would be that of policies that never change."""
    lines = logs[0]["learner=0"].splitlines()
    first, last = lines[:2], lines[-4:-2]
    assert [line.split(b'"return":')[1] for line in first] != [line.split(b'"return":')[1] for line in last]
