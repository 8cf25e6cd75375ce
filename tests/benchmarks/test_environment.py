"""Our environment against Meta-World's own on Sawyer: pytest tests/benchmarks --benchmark-only."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from metaworld import Task
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from legion_bench.envs.manipulation import ManipulationEnv

TASK = "push"
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (10_000, 4)).astype(np.float32)


def kuka() -> Any:
    env = ManipulationEnv(TASK, horizon=10**9)
    env.reset(seed=0)
    return env


def sawyer() -> Any:
    """Meta-World's own class, at the placement that the KUKA's seed draws."""
    stock = ALL_V3_ENVIRONMENTS[f"{TASK}-v3"]
    env = stock()
    settings = {"env_cls": stock, "rand_vec": kuka()._drawn, "partially_observable": False}
    env.set_task(Task(TASK, pickle.dumps(settings)))
    env.max_path_length = 10**9
    env.reset()
    return env


makers = pytest.mark.parametrize("make", [kuka, sawyer], ids=["legion-bench", "meta-world"])


@makers
@pytest.mark.benchmark(group=f"environment step: {TASK}")
def test_step(benchmark: Any, make: Callable[[], Any]) -> None:
    env, actions = make(), iter(np.tile(ACTIONS, (100, 1)))
    benchmark(lambda: env.step(next(actions)))


@makers
@pytest.mark.benchmark(group=f"environment reset: {TASK}")
def test_reset(benchmark: Any, make: Callable[[], Any]) -> None:
    benchmark(make().reset)


@pytest.mark.benchmark(group=f"environment construction: {TASK}")
def test_construction(benchmark: Any) -> None:
    benchmark.pedantic(kuka, rounds=5, warmup_rounds=1)
