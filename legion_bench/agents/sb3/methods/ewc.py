"""Elastic weight consolidation, and online EWC.

Kirkpatrick et al. 2017, for Gaussian policies as in Continual World (Wołczyk et al. 2021);
Schwarz et al. 2018, section 4.
"""

from __future__ import annotations

from math import sqrt
from typing import Annotated, ClassVar

import torch
from msgspec import Meta
from torch import Tensor

from legion_bench.agents.sb3.learner import Part
from legion_bench.agents.sb3.methods.anchors import Coefficient
from legion_bench.agents.sb3.methods.sensitivity import Measured, MeasuredOptions, policy_outputs

_TINY = 1e-6
"""Added to variances before dividing by them."""


class EwcOptions(MeasuredOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name = "ewc"``."""

    coefficient: Coefficient = 1e4
    floor: Annotated[float, Meta(ge=0)] = 1e-5
    """Least importance of an actor's parameter to a sample."""
    squashed: bool = True
    """Whether SAC's means count after its tanh, where they hardly move once saturated."""


class Ewc(Measured):
    """Importance is the diagonal of the Fisher information, of the policy and of the critics."""

    Options: ClassVar[type[EwcOptions]] = EwcOptions
    options: EwcOptions

    def outputs(self, part: Part, observations: Tensor, actions: Tensor) -> Tensor:
        """Return outputs whose squared gradients add up to the Fisher information."""
        if part == "critic":
            return self.learner.values(observations, actions)
        return fisher_outputs(*policy_outputs(self.learner, observations, self.options.squashed))

    def measure(self, part: Part, gradients: Tensor) -> Tensor:
        """Return their sum over outputs."""
        fisher = gradients.square().sum(1)
        return fisher if part == "critic" else fisher.clamp(min=self.options.floor)


class OnlineEwcOptions(EwcOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name = "online-ewc"``."""

    decay: Annotated[float, Meta(ge=0, le=1)] = 0.95
    """What is left of past tasks' importance when a task ends; with 1 it is EWC."""
    normalize: bool = False
    """Whether a task's importances are divided by their mean over the part, so that tasks weigh alike."""


class OnlineEwc(Ewc):
    """Past tasks' importance fades."""

    Options: ClassVar[type[OnlineEwcOptions]] = OnlineEwcOptions
    options: OnlineEwcOptions

    def importances(self, part: Part) -> list[Tensor] | None:
        """Return the Fisher information, normalised if the card says so."""
        fisher = super().importances(part)
        if fisher is None or not self.options.normalize:
            return fisher
        mean = torch.cat([value.flatten() for value in fisher]).mean()
        return [value / mean for value in fisher] if mean > 0 else fisher

    def merged(self, old: Tensor, new: Tensor) -> Tensor:
        """Return ``decay · old + new``."""
        return self.options.decay * old + new


def fisher_outputs(mean: Tensor, log_std: Tensor) -> Tensor:
    """Return [B, 8] outputs whose squared gradients add up to the Fisher information of a Gaussian.

    Its diagonal is ``(∂mean)² / variance + 2 (∂log_std)²``, summed over the actions' numbers.
    """
    scale = (log_std.detach().exp().square() + _TINY).sqrt()
    return torch.cat([mean / scale, sqrt(2) * log_std], 1)
