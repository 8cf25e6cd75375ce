"""Memory aware synapses (Aljundi et al. 2018), for SAC as in Continual World (Wołczyk et al. 2021)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from legion_bench.agents.sb3.learner import Part
from legion_bench.agents.sb3.methods.anchors import Coefficient
from legion_bench.agents.sb3.methods.sensitivity import Measured, MeasuredOptions, policy_outputs


class MasOptions(MeasuredOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name = "mas"``."""

    coefficient: Coefficient = 1e4


class Mas(Measured):
    """Importance is how fast the squared length of a network's output changes with a parameter."""

    Options: ClassVar[type[MasOptions]] = MasOptions

    def outputs(self, part: Part, observations: Tensor, actions: Tensor) -> Tensor:
        """Return squared lengths: one for means and log deviations together, one per critic."""
        if part == "critic":
            return self.learner.values(observations, actions).square()
        mean, log_std = policy_outputs(self.learner, observations)
        return (mean.square() + log_std.square()).sum(1, keepdim=True)

    def measure(self, part: Part, gradients: Tensor) -> Tensor:
        """Return absolute values; a parameter has an influence on one output alone."""
        return gradients.abs().sum(1)
