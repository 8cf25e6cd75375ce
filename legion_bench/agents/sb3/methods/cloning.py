"""Behaviour cloning of past policies, and past policies as explorers: ClonEx-SAC.

(Wołczyk et al. 2022, Disentangling Transfer in Continual Reinforcement Learning.)
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from msgspec import Meta
from torch import Tensor

from legion_bench.agents.sb3.learner import Learner, Part
from legion_bench.agents.sb3.methods.base import Method, Options
from legion_bench.agents.sb3.methods.exploration import BestReturn
from legion_bench.agents.sb3.methods.memory import Memory
from legion_bench.types import Ints, TaskInfo, Transitions


class CloningOptions(Options, frozen=True, kw_only=True):
    """Cloning's part of a card; the defaults are those of ClonEx-SAC."""

    memory_per_task: Annotated[int, Meta(ge=1)] = 10_000
    """Observations drawn from the replay buffer, with replacement, at a task's end."""
    batch_size: Annotated[int, Meta(ge=1)] = 128
    """Observations of past tasks in each update."""
    actor_coefficient: Annotated[float, Meta(ge=0, le=1e20)] = 100.0
    """Weight of the divergence from past policies in the actor's loss."""
    critic_coefficient: Annotated[float, Meta(ge=0, le=1e20)] = 0.0
    """Weight of the squared distance from past values in the critics' loss; 100 where the source has it."""
    exploration: Literal["best-return", "random"] = "best-return"
    """Who acts in a visit's first ``learning_starts`` steps: the past policy that earns most, or chance."""


def divergence(mean: Tensor, log_std: Tensor, other_mean: Tensor, other_log_std: Tensor) -> Tensor:
    """Return KL(Gaussian ‖ other Gaussian) [B], both diagonal and [B, 4]."""
    gap = log_std - other_log_std
    distance = (mean - other_mean) / other_log_std.exp()
    return (0.5 * ((2 * gap).exp() + distance.square() - 1) - gap).sum(1)


class Cloning(Method):
    """Holds the policy to what it was at each past task's end, on that task's observations.

    A task that is visited again is not held to its own past; at the visit's end, what was
    kept of it is replaced.
    """

    Options = CloningOptions
    needs = frozenset({"replay", "tasks"})

    def __init__(self, learner: Learner, options: CloningOptions) -> None:
        """Begin with an empty memory and no guides."""
        super().__init__(learner, options)
        self._options = options
        self._memory = Memory(learner.tasks, options.memory_per_task)
        self._explorer = BestReturn(learner.tasks)
        self._task, self._past = -1, list[int]()
        self._coefficients: dict[Part, float] = {
            "actor": options.actor_coefficient,
            "critic": options.critic_coefficient,
        }
        self._parameters = {part: list(learner.parameters(part).values()) for part in self._coefficients}

    def on_task_start(self, task: TaskInfo) -> None:
        """Try all past policies anew."""
        self._task = task.index
        self._explorer.begin(self._past)

    def on_gradients(self, part: Part) -> None:
        """Add the gradient of the distance from the past."""
        coefficient, parameters = self._coefficients[part], self._parameters[part]
        if not coefficient or self._memory.tasks in ([], [self._task]):
            return
        loss = coefficient * self._distance(part)
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(gradient)

    def _distance(self, part: Part) -> Tensor:
        """Return how far the part is from what it was, on a batch of the memory."""
        columns = self._memory.sample(self._options.batch_size, but=self._task)
        observations, mean, log_std = columns[:3]
        if part == "actor":
            return divergence(mean, log_std, *self.learner.policy(observations)).mean()
        actions, values = columns[3:]
        return (self.learner.values(observations, actions) - values).square().mean(0).sum()

    def on_task_end(self, task: TaskInfo) -> None:
        """Keep some of the task's observations, with what the networks make of them now."""
        if task.index not in self._past:
            self._past.append(task.index)
        if not any(self._coefficients.values()):
            return
        samples = self.learner.sample_of(task.index, self._options.memory_per_task)
        if samples is None:
            return
        with torch.no_grad():
            kept = [samples.observations, *self.learner.policy(samples.observations)]
            if self._coefficients["critic"]:
                kept += [samples.actions, self.learner.values(samples.observations, samples.actions)]
        self._memory.store(task.index, *kept)

    def on_transitions(self, batch: Transitions) -> None:
        """Count what guides earn."""
        self._explorer.observe(batch)

    def warmup(self, tasks: Ints) -> Ints | None:
        """Return the past tasks [N] whose policies act."""
        return self._explorer.guides(tasks) if self._options.exploration == "best-return" else None

    @property
    def stored_bytes(self) -> int:
        """Of the memory."""
        return self._memory.stored_bytes

    def state_dict(self) -> dict[str, Any]:
        """Return memory and guides."""
        return {
            "task": self._task,
            "past": list(self._past),
            "memory": self._memory.state_dict(),
            "explorer": self._explorer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put them back."""
        self._task, self._past = state["task"], list(state["past"])
        self._memory.load_state_dict(state["memory"])
        self._explorer.load_state_dict(state["explorer"])
