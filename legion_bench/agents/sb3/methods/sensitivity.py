"""Importance of parameters as the sensitivity of a network's outputs to them, sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar

import torch
from msgspec import Meta
from stable_baselines3 import PPO, SAC
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from legion_bench.agents.sb3.learner import Learner, Part
from legion_bench.agents.sb3.methods.anchors import Anchored, AnchorOptions
from legion_bench.types import TaskInfo

Outputs = Callable[[Tensor, Tensor], Tensor]
"""Observations [B, obs + 1] and actions [B, 4] to what is to be preserved of them [B, outputs]."""

_LIMIT = 2**22
"""Numbers in the gradients that are held at a time: 16 MiB."""


class MeasuredOptions(AnchorOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card sets where importances are measured."""

    samples: Annotated[int, Meta(ge=1)] = 2560
    """Transitions, drawn with replacement at a task's end, to measure on: ten batches of 256."""


class Measured(Anchored):
    """Measures importances on transitions of the task that ends."""

    Options: ClassVar[type[MeasuredOptions]] = MeasuredOptions
    options: MeasuredOptions

    def __init__(self, learner: Learner, options: MeasuredOptions) -> None:
        """Take the learner."""
        super().__init__(learner, options)
        self._rollout: Any = None
        """PPO's observations [steps, obs + 1] in the latest rollout that it trained on."""

    def outputs(self, part: Part, observations: Tensor, actions: Tensor) -> Tensor:
        """Return what is to be preserved of a part [B, outputs]."""
        raise NotImplementedError

    def measure(self, part: Part, gradients: Tensor) -> Tensor:
        """Return importances [B, ...] for gradients [B, outputs, ...] of the outputs by one parameter."""
        raise NotImplementedError

    def importances(self, part: Part) -> list[Tensor] | None:
        """Return the mean importance over the samples."""
        samples = self._samples()
        if samples is None:
            return None
        network, names = self.learner.model.policy, list(self._shared[part])
        outputs, measure = partial(self.outputs, part), partial(self.measure, part)
        return mean_sensitivity(network, names, outputs, samples, measure)

    def on_task_end(self, task: TaskInfo) -> None:
        """Measure, and forget what it was measured on."""
        super().on_task_end(task)
        self._rollout = None

    def on_gradients(self, part: Part) -> None:
        """Remember what PPO learns from: it throws it away when it has learned."""
        if isinstance(self.learner.model, PPO):
            self._rollout = self.learner.model.rollout_buffer.observations
        super().on_gradients(part)

    def _samples(self) -> tuple[Tensor, Tensor] | None:
        """Return observations and actions, None if there was nothing to learn from."""
        model, count = self.learner.model, self.options.samples
        if not isinstance(model, PPO):
            assert model.replay_buffer is not None
            if not model.replay_buffer.size():
                return None
            drawn = self.learner.sample(count)
            return drawn.observations, drawn.actions
        if self._rollout is None:
            return None
        rows = torch.randint(len(self._rollout), (count,))
        observations = torch.as_tensor(self._rollout[rows], device=model.device)
        return observations, observations.new_zeros(count, 4)  # its critic sees no actions

    def state_dict(self) -> dict[str, Any]:
        """Return that too which PPO's importances would be measured on."""
        return {**super().state_dict(), "rollout": self._rollout}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put all back."""
        super().load_state_dict(state)
        self._rollout = state["rollout"]


def policy_outputs(learner: Learner, observations: Tensor, squashed: bool = True) -> tuple[Tensor, Tensor]:
    """Return a policy's means and log deviations [B, 4]; SAC's means through its tanh, if ``squashed``."""
    mean, log_std = learner.policy(observations)
    return mean.tanh() if squashed and isinstance(learner.model, SAC) else mean, log_std


def mean_sensitivity(
    network: nn.Module,
    names: list[str],
    outputs: Outputs,
    samples: tuple[Tensor, Tensor],
    measure: Callable[[Tensor], Tensor],
) -> list[Tensor]:
    """Return a measure of each sample's gradients, averaged over samples, one tensor per parameter.

    Args:
        network: whose parameters are differentiated by.
        names: of those parameters in it.
        outputs: computed through ``network``; no sample's may depend on another sample.
        samples: what ``outputs`` takes; the first dimension runs over samples.
        measure: gradients [B, outputs, ...] of outputs by a parameter to its importances [B, ...].
    """
    call = _Call(network, outputs)
    values = {f"network.{name}": network.get_parameter(name).detach() for name in names}

    def one(values: dict[str, Tensor], *sample: Tensor) -> Tensor:
        result: Tensor = functional_call(call, values, tuple(value[None] for value in sample))
        return result[0]

    gradients = vmap(jacrev(one), (None, 0, 0))
    with torch.no_grad():
        width = outputs(samples[0][:1], samples[1][:1]).shape[1]
        chunk = max(1, _LIMIT // (width * sum(value.numel() for value in values.values())))
        totals = [torch.zeros_like(value) for value in values.values()]
        for some in zip(*(torch.split(value, chunk) for value in samples), strict=True):
            for total, gradient in zip(totals, gradients(values, *some).values(), strict=True):
                total += measure(gradient).sum(0)
    return [total / len(samples[0]) for total in totals]


class _Call(nn.Module):
    """A function of a network as a module, for ``functional_call`` to exchange the network's parameters."""

    def __init__(self, network: nn.Module, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, *arguments: Tensor) -> Tensor:
        return self.function(*arguments)
