"""The SB3 adapter against bare SB3: pytest tests/benchmarks --benchmark-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from legion_bench import agents
from legion_bench.agents.sb3 import Sb3Agent
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

GROUP = pytest.mark.benchmark(group="one SAC update, sac-finetune card")


@pytest.fixture
def agent(make_setup: MakeSetup) -> Sb3Agent:
    """The catalogue's agent past its random steps."""
    setup = make_setup()
    made = agents.build(agents.resolve("sac-finetune"), setup)
    assert isinstance(made, Sb3Agent)
    made.begin_task(setup.tasks[0])
    for step in range(made._model.learning_starts + 1):
        made.observe(random_transitions(step))
    return made


def adapter(agent: Sb3Agent) -> Callable[[], Any]:
    every = agent.config.options.get("train_freq", 1)
    agent._visit_steps += -agent._visit_steps % every  # an update is due
    return agent.update


def bare(agent: Sb3Agent) -> Callable[[], Any]:
    model = agent._model
    return lambda: model.train(model.gradient_steps, model.batch_size)


@GROUP
@pytest.mark.parametrize("learner", [adapter, bare], ids=["legion-bench", "bare SB3"])
def test_update(benchmark: Any, agent: Sb3Agent, learner: Callable[[Sb3Agent], Any]) -> None:
    benchmark(learner(agent))


@pytest.mark.benchmark(group="one action, sac-finetune card")
def test_act(benchmark: Any, agent: Sb3Agent) -> None:
    batch = random_transitions(0)
    benchmark(lambda: agent.act(batch.observations, batch.tasks, explore=True))
