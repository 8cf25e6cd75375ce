"""Small SB3 agents and a life for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench.agents.sb3 import Sb3Agent
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

OPTIONS = {
    "learning_starts": 3,
    "batch_size": 4,
    "buffer_size": 100,
    "policy_kwargs": {"net_arch": [8]},
    "learning_rate": 1e-2,
}
MakeAgent = Callable[..., Sb3Agent]
ALGORITHMS: dict[str, dict[str, Any]] = {
    "SAC": OPTIONS,
    "TD3": OPTIONS,
    "PPO": {
        "n_steps": 4,
        "batch_size": 4,
        "policy_kwargs": {"net_arch": [8]},
        "learning_rate": 1e-2,
    },
}


def small(algorithm: str, options: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    """Return the parameters of a small card."""
    return {
        "algorithm": algorithm,
        "options": {**ALGORITHMS[algorithm], **(options or {})},
        **parameters,
    }


@pytest.fixture
def make_agent(make_setup: MakeSetup) -> MakeAgent:
    """Return a function that makes a small agent in its first visit; keywords are of the card."""

    def make(seed: int = 7, options: dict[str, Any] | None = None, **parameters: Any) -> Sb3Agent:
        setup = make_setup("reach", "push", "door-open", seed=seed)
        agent = Sb3Agent(setup, algorithm="SAC", options={**OPTIONS, **(options or {})}, **parameters)
        agent.begin_task(setup.tasks[0])
        return agent

    return make


def live(agent: Sb3Agent, steps: int = 8, *, judged: bool = False) -> Iterator[bytes]:
    """Take an agent through steps; yield what it does and what it is after each."""
    for step in range(steps):
        if judged:
            agent.act(random_transitions(100 + step, 5).observations, np.zeros(5, int), explore=False)
        batch = random_transitions(step, truncated=step % 5 == 4)
        action = agent.act(batch.observations, batch.tasks, explore=True)
        agent.observe(batch)
        agent.update()
        yield action.tobytes() + weights(agent.model.policy)


def weights(network: torch.nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values())
