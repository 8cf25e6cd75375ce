"""An update of SAC with L2, EWC or MAS against the same update without.

``tox run -e bench``; one thread, as in a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.learner import PARTS
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

Compare = Callable[..., float]
SIZES = {"64 x 2, batch 256": ([64] * 2, 256), "256 x 4, batch 128": ([256] * 4, 128)}
METHODS = ("l2", "ewc", "mas")
UPDATES = 5
"""In one turn."""

each_size = pytest.mark.parametrize("size", SIZES)


def second_visit(setup: Any, size: str, method: dict[str, Any]) -> Sb3Agent:
    """Return an agent with a task behind it and transitions to learn from."""
    layers, batch_size = SIZES[size]
    kwargs = {"net_arch": layers, "optimizer_kwargs": {"fused": True}}
    options = {"batch_size": batch_size, "buffer_size": 1_000, "learning_starts": 1, "policy_kwargs": kwargs}
    agent = Sb3Agent(setup, algorithm="SAC", options=options, identity="one-hot", heads=True, method=method)
    agent.begin_task(setup.tasks[0])
    for step in range(1_000):
        agent.observe(random_transitions(step))
    agent.end_task(setup.tasks[0])
    agent.begin_task(setup.tasks[1])
    return agent


def updates(agent: Sb3Agent) -> Callable[[], None]:
    model: Any = agent.model
    return lambda: model.train(UPDATES, model.batch_size)


@each_size
@pytest.mark.parametrize("both", [False, True], ids=["actor", "actor and critics"])
@pytest.mark.parametrize("name", METHODS)
def test_an_update(compare: Compare, make_setup: MakeSetup, name: str, both: bool, size: str) -> None:
    setup = make_setup("reach", "push")
    method = {"name": name, "regularize_critic": both}
    ours, peer = (updates(second_visit(setup, size, given)) for given in (method, {}))
    compare(ours, peer, ours_steps=UPDATES, peer_steps=UPDATES, rounds=15)


@each_size
@pytest.mark.parametrize("both", [False, True], ids=["actor", "actor and critics"])
@pytest.mark.parametrize("name", METHODS)
def test_the_penalty_alone(compare: Compare, make_setup: MakeSetup, name: str, both: bool, size: str) -> None:
    """How many times an update's time goes into it: steadier than the difference of two updates."""
    agent = second_visit(make_setup("reach", "push"), size, {"name": name, "regularize_critic": both})
    update = updates(agent)
    update()  # there are gradients now

    def penalty() -> None:
        for _ in range(UPDATES):
            for part in PARTS:
                agent._method.on_gradients(part)

    compare(penalty, update, ours_steps=UPDATES, peer_steps=UPDATES, rounds=15)


@each_size
@pytest.mark.parametrize("name", ["ewc", "mas"])
def test_a_tasks_end(benchmark: Any, make_setup: MakeSetup, name: str, size: str) -> None:
    """Seconds, once in a task."""
    setup = make_setup("reach", "push")
    agent = second_visit(setup, size, {"name": name})
    began = time.perf_counter()
    benchmark.pedantic(lambda: agent.end_task(setup.tasks[1]), rounds=1)
    benchmark.extra_info.update(seconds=time.perf_counter() - began)
