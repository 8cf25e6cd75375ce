"""PackNet: every visit owns a share of the actor's weights, which nothing changes after it.

Mallya & Lazebnik 2018, for SAC as in Continual World (Wolczyk et al. 2021), for TD3 likewise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from msgspec import Meta
from stable_baselines3 import SAC, TD3
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from legion_bench.agents.sb3.learner import Learner, Part
from legion_bench.agents.sb3.methods.base import Method, Options
from legion_bench.errors import AgentError, CardError
from legion_bench.types import TaskInfo, Transitions

FREE = 2**15 - 1
"""Stands for the visit that owns a weight where none does yet."""


class PackNetOptions(Options, frozen=True, kw_only=True):
    """What a card may set."""

    retrain_steps: Annotated[int, Meta(ge=0)] = 100_000
    """Gradient steps after pruning, on the visit's own transitions."""
    clip_norm: Annotated[float, Meta(ge=0)] = 0.0
    """Largest norm of the actor's and of the critics' gradients; 0 for any."""


class PackNet(Method):
    """Weights are pruned and frozen; biases, and other vectors, are frozen after the first visit.

    A visit's number, ``TaskInfo.position``, says which weights are its own: with further visits to a task
    it owns further ones, and is judged with all that were frozen by its latest visit's end.
    """

    Options = PackNetOptions
    needs = frozenset({"replay", "optimizers"})

    def __init__(self, learner: Learner, options: PackNetOptions) -> None:
        """Own nothing yet.

        Raises:
            CardError: something else would change frozen weights; some layer has fewer weights than
                the stream has visits; or transitions of past visits would be trained on.
        """
        super().__init__(learner, options)
        assert isinstance(learner.model, SAC | TD3)
        self._model, self._options = learner.model, options
        shared = learner.shared("actor")
        self._weights = {name: value for name, value in shared.items() if value.dim() > 1}
        self._vectors = [value for value in shared.values() if value.dim() < 2]
        self._check()
        self._owners = {
            name: torch.full_like(value, FREE, dtype=torch.int16) for name, value in self._weights.items()
        }
        self._latest = [-1] * learner.tasks  # each task's latest visit that is over
        self._current = -1  # the task in training
        self._masks: list[Tensor] = []  # for gradients of weights, then vectors; none: nothing is frozen

    def _check(self) -> None:
        options = "parameters.options: policy_kwargs"
        if changing := self.learner.resets & {"actor", "all"}:
            raise CardError(f"parameters: reset {min(changing)!r} would undo what PackNet has frozen")
        if "buffer" not in self.learner.resets:
            raise CardError("parameters: PackNet trains on one visit at a time: add 'buffer' to reset")
        if any(group.get("weight_decay") for group in self._model.actor.optimizer.param_groups):
            raise CardError(f"{options}: weight_decay would change what PackNet has frozen: set it to 0")
        name, weights = min(self._weights.items(), key=lambda item: item[1].numel())
        if weights.numel() < self.learner.visits:
            raise CardError(
                f"{options}: {name} has {weights.numel()} weights, too few to share among the stream's"
                f" {self.learner.visits} visits: widen net_arch"
            )

    def on_task_start(self, task: TaskInfo) -> None:
        """Train what is free.

        Raises:
            AgentError: the stream goes on after the last visit that the agent was told of.
        """
        if task.position >= self.learner.visits:
            raise AgentError(
                f"PackNet has no weights for task {task.name!r}, visit {task.position + 1} of the"
                f" {self.learner.visits} that it was told of: {self.free:.1%} of them are free"
            )
        self._current = task.index

    def on_transitions(self, batch: Transitions) -> None:
        """Check whose they are.

        Raises:
            AgentError: several tasks are trained at once.
        """
        if (batch.tasks != self._current).any():
            raise AgentError(
                "PackNet gives a weight to one visit, but this protocol trains several tasks at once:"
                " choose one whose regime is lifelong"
            )

    def on_gradients(self, part: Part) -> None:
        """Leave what is frozen as it is, and clip the rest."""
        if part == "actor" and self._masks:
            gradients: Any = [value.grad for value in (*self._weights.values(), *self._vectors)]
            multiply: Any = torch._foreach_mul_  # its annotation knows numbers only
            multiply(gradients, self._masks)
        if self._options.clip_norm:
            clip_grad_norm_(self.learner.parameters(part).values(), self._options.clip_norm)

    def on_task_end(self, task: TaskInfo) -> None:
        """Prune to the visit's share of what is free, train that on, and freeze it."""
        visits = self.learner.visits - task.position  # that share what is free
        for name, weights in self._weights.items():
            free = self._owners[name] == FREE
            kept = largest(weights.detach(), free, int(free.sum()) // visits)
            self._owners[name][kept] = task.position
            weights.data.masked_fill_(free & ~kept, 0.0)
        self._latest[task.index], self._current = task.position, -1
        self._train_only(task.position)
        self._forget_momentum()
        model, steps = self._model, self._options.retrain_steps
        learned = model.num_timesteps > model.learning_starts
        if visits > 1 and steps and learned:
            model.train(gradient_steps=steps, batch_size=model.batch_size)
        self._train_only(FREE)
        self._forget_momentum()

    def _train_only(self, owner: int) -> None:
        """Have a visit's weights trained from here, or the free ones."""
        if max(self._latest) >= 0:
            weights = [(owners == owner).float() for owners in self._owners.values()]
            self._masks = [*weights, *map(torch.zeros_like, self._vectors)]

    def _forget_momentum(self) -> None:
        """Leave optimizers nothing that could change what has no gradient."""
        optimizers = [self._model.actor.optimizer, self._model.critic.optimizer]
        for optimizer in (*optimizers, getattr(self._model, "ent_coef_optimizer", None)):
            if optimizer is not None:
                optimizer.state.clear()

    @contextmanager
    def view(self, task: int) -> Iterator[None]:
        """Hide, of a task that is not in training, what was free at the end of its latest visit."""
        latest = self._latest[task]
        if latest < 0 or task == self._current:
            yield
            return
        whole = {name: weights.data for name, weights in self._weights.items()}
        try:
            for name, weights in self._weights.items():
                weights.data = whole[name].masked_fill(self._owners[name] > latest, 0.0)
            yield
        finally:
            for name, weights in self._weights.items():
                weights.data = whole[name]

    @property
    def free(self) -> float:
        """Share of the weights that no visit owns."""
        free = sum(int((owners == FREE).sum()) for owners in self._owners.values())
        return free / sum(owners.numel() for owners in self._owners.values())

    @property
    def stored_bytes(self) -> int:
        """Whose each weight is, once a visit is over."""
        return sum(owners.nbytes for owners in self._owners.values()) if max(self._latest) >= 0 else 0

    def state_dict(self) -> dict[str, Any]:
        """Return whose each weight is, and where the stream is."""
        owners = {name: owners.clone() for name, owners in self._owners.items()}
        return {"owners": owners, "latest": list(self._latest), "current": self._current}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        for name, owners in self._owners.items():
            owners.copy_(state["owners"][name])
        self._latest, self._current = list(state["latest"]), state["current"]
        self._train_only(FREE)


def largest(weights: Tensor, among: Tensor, count: int) -> Tensor:
    """Return where the ``count`` largest magnitudes of ``weights`` are, of those where ``among`` is true."""
    order = weights.abs().masked_fill(~among, -1.0).flatten().argsort(descending=True, stable=True)
    found = torch.zeros_like(among)
    found.view(-1)[order[:count]] = True
    return found
