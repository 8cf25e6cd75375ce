"""A continual problem that takes seconds: hit a point that the observation and the task decide.

Observation [2]
    Two numbers, drawn uniformly from [-1, 1] at each step.
Action [4]
    A point.
Reward
    Minus its squared distance from the target. The target is a linear function of the observation, another
    one with each task; of two tasks in a row (0 and 1, 2 and 3) the one's target is the other's negated, so
    what is right in one is as wrong as can be in the other.
Episode
    ``HORIZON`` steps, truncated. The best return is 0; that of zeros is about -3, of random actions -8, and
    of acting as in the opposite task -12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from legion_bench.types import Agent, AgentSetup, Floats, TaskInfo, Transitions

HORIZON = 4
JUDGED = 64
"""Observations that each task is judged on, the same ones every time."""

SHARED = {
    "learning_rate": 5e-3,
    "learning_starts": 50,
    "batch_size": 64,
    "buffer_size": 2_000,
    "train_freq": 2,
    "gradient_steps": 1,
    "gamma": 0.5,
    "tau": 0.05,
    "policy_kwargs": {"net_arch": [32, 32]},
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "SAC": {
        "algorithm": "SAC",
        "identity": "one-hot",
        "reset": ("buffer", "optimizer", "temperature"),
        "options": {**SHARED, "ent_coef": "auto_0.1"},
    },
    "TD3": {
        "algorithm": "TD3",
        "identity": "one-hot",
        "reset": ("buffer", "optimizer"),
        "action_noise": 0.2,
        "options": SHARED,
    },
}
"""What an ``Sb3Agent`` needs to learn a task in 400 steps, roughly, or 800, well; add heads or a method."""


def setup(*names: str, steps: int = 400, seed: int = 0) -> AgentSetup:
    """Return what an agent is built from.

    Args:
        names: of the tasks in the order of their visits; a repeated name is a further visit.
        steps: environment steps of each visit.
        seed: the agent's.
    """
    distinct = list(dict.fromkeys(names))
    visits = tuple(
        TaskInfo(
            name=name,
            index=distinct.index(name),
            position=position,
            presentation=names[: position + 1].count(name),
            instruction=f"hit target {name}",
        )
        for position, name in enumerate(names)
    )
    return AgentSetup(Box(-1.0, 1.0, (2,), np.float64), Box(-1.0, 1.0, (4,), np.float32), visits, steps, seed)


def targets(observations: Floats, task: int) -> Floats:
    """Return where to act [N, 4] in ``[-0.75, 0.75]``, for observations [N, 2]."""
    pair, opposite = divmod(task, 2)
    there = np.tile(observations, 2) * [1.0, 1.0, -1.0, 1.0]
    sign = -1.0 if opposite else 1.0
    return 0.75 * sign * np.roll(there, pair, 1)


def live_through(agent: Agent, tasks: Sequence[TaskInfo], steps: int) -> Floats:
    """Take an agent through visits as the runner does.

    Args:
        agent: freshly built from a :func:`setup`.
        tasks: the visits.
        steps: environment steps of each.

    Returns:
        [tasks, 1 + visits] each task's mean return over an episode, before training and after each visit.
    """
    indices = sorted({task.index for task in tasks})
    rng = np.random.default_rng(0)
    history = [[judge(agent, index) for index in indices]]
    for task in tasks:
        visit(agent, task, steps, rng)
        history.append([judge(agent, index) for index in indices])
    return np.array(history).T


def visit(agent: Agent, task: TaskInfo, steps: int, rng: np.random.Generator) -> None:
    """Train an agent in one visit, from its beginning to its end."""
    agent.begin_task(task)
    train(agent, task, steps, rng)
    agent.end_task(task)


def train(agent: Agent, task: TaskInfo, steps: int, rng: np.random.Generator) -> None:
    """Train an agent in the middle of a visit, which lasts for ``steps`` more steps."""
    tasks, never = np.array([task.index]), np.array([False])
    observations = rng.uniform(-1, 1, (1, 2))
    for step in range(1, steps + 1):
        actions = agent.act(observations, tasks, explore=True)
        after = rng.uniform(-1, 1, (1, 2))
        agent.observe(
            Transitions(
                observations=observations,
                actions=actions,
                rewards=-((actions - targets(observations, task.index)) ** 2).sum(1),
                next_observations=after,
                terminated=never,
                truncated=np.array([step % HORIZON == 0 or step == steps]),
                tasks=tasks,
            )
        )
        agent.update()
        observations = after


def judge(agent: Agent, index: int) -> float:
    """Return an agent's mean return over an episode of a task, without exploration."""
    observations = np.random.default_rng(1).uniform(-1, 1, (JUDGED, 2))
    actions = agent.act(observations, np.full(JUDGED, index), explore=False)
    return float(-HORIZON * ((actions - targets(observations, index)) ** 2).sum(1).mean())
