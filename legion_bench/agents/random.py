"""Uniform random actions: the floor that every learner must clear."""

from __future__ import annotations

import numpy as np

from legion_bench.types import Actions, AgentSetup, Floats, Ints, Metrics, TaskInfo, Transitions


class RandomAgent:
    """Acts uniformly at random and learns nothing."""

    def __init__(self, setup: AgentSetup) -> None:
        """Seed the two generators: evaluation must not disturb training."""
        self._training, self._evaluation = np.random.default_rng(setup.seed).spawn(2)

    def begin_task(self, task: TaskInfo) -> None:
        """Nothing to prepare."""

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return uniform actions [N, 4]."""
        rng = self._training if explore else self._evaluation
        return rng.uniform(-1.0, 1.0, (len(observations), 4)).astype(np.float32)

    def observe(self, batch: Transitions) -> None:
        """Nothing to remember."""

    def update(self) -> Metrics:
        """Nothing to learn."""
        return {}

    def end_task(self, task: TaskInfo) -> None:
        """Nothing to keep."""
