"""An agent for tests that learns a little, draws a lot, and can be resumed."""

from __future__ import annotations

from typing import Any

import numpy as np

from legion_bench.errors import AgentError
from legion_bench.types import AgentSetup, Footprint, Knowledge, TaskInfo, Transitions


class Toy:
    """Pushes where its last rewards were; whatever it has lived through shows in what it does."""

    def __init__(self, setup: AgentSetup, knows: bool = True) -> None:
        self.rng = np.random.default_rng(setup.seed)
        self.knows = knows
        (size,) = setup.observation_space.shape
        self.weights = np.zeros((size, 4))
        self.memory: list[Any] = []
        self.updates = 0

    def begin_task(self, task: TaskInfo) -> None:
        self.weights = self.weights + self.rng.normal(0, 0.01, self.weights.shape)

    def act(self, observations: Any, tasks: Any, *, explore: bool) -> Any:
        noise = self.rng.normal(0, 0.5, (len(observations), 4)) if explore else 0.0
        return np.tanh(observations @ self.weights + noise)

    def observe(self, batch: Transitions) -> None:
        self.memory = [*self.memory[-3:], batch.observations]
        self.weights += 1e-3 * batch.observations.T @ (batch.actions * batch.rewards[:, None])

    def update(self) -> dict[str, float]:
        self.weights *= 0.999
        self.updates += 1
        return {"weight": float(np.abs(self.weights).mean()), "memory": float(self.memory[0].sum())}

    def end_task(self, task: TaskInfo) -> Knowledge | None:
        if not self.knows:
            return None
        tasks = np.arange(6) % (task.index + 1)
        return Knowledge(
            latents=self.rng.normal(size=(6, 2)).astype(np.float32),
            tasks=tasks,
            components=tasks,
            means=self.weights[:2, :2],
            variances=np.ones((2, 2)),
            weights=np.full(2, 0.4),
        )

    def footprint(self) -> Footprint:
        return Footprint(self.updates, self.weights.size, sum(kept.nbytes for kept in self.memory))

    def state_dict(self) -> dict[str, Any]:
        return {
            "rng": self.rng.bit_generator.state,
            "weights": self.weights,
            "memory": self.memory,
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.weights, self.memory, self.updates = state["weights"], state["memory"], state["updates"]


class Forgetful(Toy):
    """Cannot be resumed."""

    state_dict = None  # type: ignore[assignment]


class Failing(Toy):
    """Does not get far."""

    def update(self) -> dict[str, float]:
        raise AgentError("out of luck")
