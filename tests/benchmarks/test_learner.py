"""LEGION's update against SB3's and the processor's limits.

``tox run -e bench``; one thread, as in a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from legion_bench import agents
from legion_bench.agents.legion.config import checked
from legion_bench.agents.legion.learner import Learner
from legion_bench.agents.sb3 import Sb3Agent
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

Compare = Callable[..., float]
Run = Callable[[], Any]
MakeSac = Callable[..., Run]
PUBLISHED: dict[str, Any] = {}
SMALL = agents.resolve("legion-small").parameters
# Of one update at published sizes, by counting: what has to be multiplied, at the least.
GFLOP = 5.3
CYCLE = 50
"""Updates from one of the encoder's to the next."""
SEEDS = 5
OBSERVATIONS, TASKS = 12, 10


@pytest.fixture
def make_sac(make_setup: MakeSetup) -> MakeSac:
    """Return a function that makes SB3's SAC, and returns its training step."""

    def make(width: int, depth: int, batch_size: int) -> Run:
        options = {"batch_size": batch_size, "policy_kwargs": {"net_arch": [width] * depth}}
        sac = Sb3Agent(make_setup(), algorithm="SAC", options={**options, "buffer_size": 1_000})
        sac.observe(random_transitions(0, 1_000))
        model = sac.model
        assert isinstance(model, SAC)
        return lambda: model.train(model.gradient_steps, model.batch_size)

    return make


def legion(parameters: dict[str, Any], seeds: int = 1) -> Learner:
    """Return a learner with something to remember."""
    config = checked({**parameters, "buffer_size": 1_000})
    made = Learner(config, OBSERVATIONS, torch.eye(TASKS, 384), range(seeds))
    for seed in range(seeds):
        made.replay.add(seed, random_transitions(seed, 1_000))
    return made


def repeated(run: Run, times: int) -> Run:
    def runs() -> None:
        for _ in range(times):
            run()

    return runs


def test_legions_update_against_sacs(compare: Compare, make_sac: MakeSac) -> None:
    ours = repeated(legion(PUBLISHED).update, CYCLE)
    compare(ours, repeated(make_sac(300, 4, 512), 10), ours_steps=CYCLE, peer_steps=10, rounds=5)


def test_small_legions_update_against_small_sacs(compare: Compare, make_sac: MakeSac) -> None:
    every = SMALL["encoder_every"]
    ours = repeated(legion({**SMALL, "batch_size": 128}).update, every)
    compare(ours, make_sac(64, 2, 128), ours_steps=every, rounds=25)


def test_share_of_the_processors_speed(compare: Compare) -> None:
    """Per GFLOP, against nothing but matrix products."""
    left, right, products = torch.randn(512, 300), torch.randn(300, 300), 50
    compare(
        repeated(legion(PUBLISHED).update, CYCLE),
        repeated(lambda: left @ right, products),
        ours_steps=GFLOP * CYCLE,
        peer_steps=products * 2 * left.numel() * right.shape[1] / 1e9,
        rounds=5,
    )


@pytest.mark.parametrize("parameters", [PUBLISHED, SMALL], ids=["published", "small"])
def test_stacked_seeds_against_separate_ones(compare: Compare, parameters: dict[str, Any]) -> None:
    stacked, apart = legion(parameters, SEEDS), [legion(parameters) for _ in range(SEEDS)]

    def turns() -> None:
        for learner in apart:
            learner.update()

    compare(stacked.update, turns, ours_steps=SEEDS, peer_steps=SEEDS, rounds=15)


@pytest.mark.parametrize("count", [1, 100])
def test_acting_against_sacs(compare: Compare, make_setup: MakeSetup, count: int) -> None:
    options = {"policy_kwargs": {"net_arch": [300] * 4}, "buffer_size": 1}
    sac, ours = Sb3Agent(make_setup(), algorithm="SAC", options=options).model, legion(PUBLISHED)
    given, tasks = random_transitions(0, count).observations.astype("float32"), torch.zeros(count).long()
    inputs = np.append(given, np.zeros((count, 1), np.float32), 1)  # the task, last
    compare(
        repeated(lambda: ours.act(0, torch.from_numpy(given), tasks, explore=False), 20),
        repeated(lambda: sac.predict(inputs, deterministic=True), 20),
        ours_steps=20,
        peer_steps=20,
        rounds=15,
    )
