"""Reading and checking a long evaluation log, against decoding its lines one by one and no more.

``tox run -e bench``. 100,000 episodes are a paper-sized run of ten tasks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from legion_bench.metrics import Performance
from legion_bench.reports import logs
from legion_bench.results.store import EVALUATIONS, read_run
from tests.reports.conftest import manifest, write_run

TASKS = tuple(f"task-{number}" for number in range(10))
EPISODES, STEPS_PER_TASK = 10, 100


def test_a_long_log_against_json(compare: Callable[..., float], tmp_path: Path) -> None:
    made = manifest(tasks=TASKS)
    stream = msgspec.structs.replace(made.stream, steps_per_task=STEPS_PER_TASK)
    protocol = msgspec.structs.replace(made.protocol, evaluate_every=1, evaluation_episodes=EPISODES)
    run = write_run(tmp_path / "run", msgspec.structs.replace(made, stream=stream, protocol=protocol))
    log = run.path / EVALUATIONS

    def ours() -> Performance:
        return logs.performance(read_run(run.path))

    def peer() -> list[object]:
        return [json.loads(line) for line in log.read_bytes().splitlines()]

    assert len(peer()) == 100_100
    assert ours().success.shape == (1001, 10)
    compare(ours, peer, rounds=5)
