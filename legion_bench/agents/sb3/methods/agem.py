"""A-GEM: no step may make past tasks' transitions fit worse.

(Chaudhry et al. 2019; for SAC: Wołczyk et al. 2021, Continual World.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from msgspec import Meta
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor

from legion_bench.agents.sb3.learner import PARTS, Learner, Part
from legion_bench.agents.sb3.losses import loss
from legion_bench.agents.sb3.methods.base import Method, Options
from legion_bench.agents.sb3.methods.memory import Memory
from legion_bench.types import TaskInfo


class AgemOptions(Options, frozen=True, kw_only=True):
    """A-GEM's part of a card; the defaults are Continual World's."""

    memory_per_task: Annotated[int, Meta(ge=1)] = 10_000
    """Transitions drawn from the replay buffer, with replacement, at a task's end."""
    batch_size: Annotated[int, Meta(ge=1)] = 128
    """Transitions of past tasks for each gradient to compare with."""


def excess(gradients: Sequence[Tensor], references: Sequence[Tensor]) -> float:
    """Return how many times the references the gradients hold too little of: g·m / m·m, at most 0."""
    pairs = list(zip(gradients, references, strict=True))
    product = sum(torch.dot(g.flatten(), m.flatten()) for g, m in pairs)
    if product >= 0:
        return 0.0
    return float(product / sum(torch.dot(m.flatten(), m.flatten()) for m in references))


class Agem(Method):
    """Takes out of each gradient what would raise the loss on the memory.

    Actor and critic are projected each by itself, since SB3 steps one before it
    differentiates the other.
    """

    Options = AgemOptions
    needs = frozenset({"replay"})

    def __init__(self, learner: Learner, options: AgemOptions) -> None:
        """Begin with an empty memory."""
        super().__init__(learner, options)
        self._options = options
        self._memory = Memory(learner.tasks, options.memory_per_task)
        self._parameters = {part: list(learner.parameters(part).values()) for part in PARTS}

    def on_gradients(self, part: Part) -> None:
        """Project the part's gradient, if it points away from the memory's."""
        if not self._memory.tasks:
            return
        batch = ReplayBufferSamples(*self._memory.sample(self._options.batch_size))
        parameters = self._parameters[part]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        references = torch.autograd.grad(loss(self.learner, part, batch), parameters)
        scale = excess(gradients, references)
        if scale:
            for gradient, reference in zip(gradients, references, strict=True):
                gradient.sub_(reference, alpha=scale)

    def on_task_end(self, task: TaskInfo) -> None:
        """Keep some of the task's transitions."""
        samples = self.learner.sample_of(task.index, self._options.memory_per_task)
        if samples is not None:
            self._memory.store(task.index, *samples[:5])  # a sixth is for n-step returns

    @property
    def stored_bytes(self) -> int:
        """Of the memory."""
        return self._memory.stored_bytes

    def state_dict(self) -> dict[str, Any]:
        """Return the memory."""
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put it back."""
        self._memory.load_state_dict(state)
