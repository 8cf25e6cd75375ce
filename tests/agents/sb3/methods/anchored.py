"""Small agents with anchors, and a life for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.learner import Part
from legion_bench.agents.sb3.methods.anchors import Anchored
from legion_bench.types import AgentSetup, TaskInfo, Transitions
from tests.helpers import random_transitions

NAMES = ("ewc", "l2", "mas", "online-ewc")
ALGORITHMS = ("SAC", "TD3", "PPO")
STEPS = 12
"""Of a visit; three quarters of them are followed by an update, or a PPO rollout ends with the 4th, 8th …"""
_OPTIONS: dict[str, dict[str, Any]] = {
    "SAC": {"learning_starts": 3, "batch_size": 4, "buffer_size": 100},
    "TD3": {"learning_starts": 3, "batch_size": 4, "buffer_size": 100},
    "PPO": {"n_steps": 4, "batch_size": 4, "n_epochs": 2},
}
RESET = ("buffer", "optimizer")


def make(setup: AgentSetup, method: dict[str, Any] | None = None, **changes: Any) -> Sb3Agent:
    """Return an agent; keywords are of the card."""
    algorithm = changes.pop("algorithm", "SAC")
    options = {
        **_OPTIONS[algorithm],
        "learning_rate": 1e-2,
        "policy_kwargs": {"net_arch": [8]},
        **changes.pop("options", {}),
    }
    reset = () if algorithm == "PPO" else RESET
    card = {"identity": "one-hot", "heads": True, "reset": reset, "method": method or {}, **changes}
    return Sb3Agent(setup, algorithm=algorithm, options=options, **card)


def visit(agent: Sb3Agent, task: TaskInfo, steps: int = STEPS, first: int = 0, *, end: bool = True) -> None:
    """Take an agent through a visit, or from its step ``first`` on."""
    if first == 0:
        agent.begin_task(task)
    for step in range(first, steps):
        batch = of_task(random_transitions(1000 * task.index + step), task.index)
        agent.act(batch.observations, batch.tasks, explore=True)
        agent.observe(batch)
        agent.update()
    if end:
        agent.end_task(task)


def of_task(batch: Transitions, task: int) -> Transitions:
    return replace(batch, tasks=np.full(len(batch.tasks), task))


def method_of(agent: Sb3Agent) -> Anchored:
    assert isinstance(agent._method, Anchored)
    return agent._method


def parameters(agent: Sb3Agent, part: Part = "actor") -> dict[str, Tensor]:
    """Return copies of what tasks share."""
    return {name: value.detach().clone() for name, value in agent._method.learner.shared(part).items()}


def weights(agent: Sb3Agent) -> bytes:
    return b"".join(value.numpy().tobytes() for value in agent.model.policy.state_dict().values())


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest difference."""
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def inputs(count: int = 1, task: int = 0, seed: int = 0) -> Tensor:
    """Return observations as networks take them."""
    seen = random_transitions(seed, count).observations
    return torch.as_tensor(np.column_stack([seen, np.full(count, task)]), dtype=torch.float32)
