"""L2: every shared parameter is held alike (Continual World, Wołczyk et al. 2021)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from legion_bench.agents.sb3.learner import Part
from legion_bench.agents.sb3.methods.anchors import Anchored, AnchorOptions, Coefficient


class L2Options(AnchorOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name = "l2"``."""

    coefficient: Coefficient = 1e5


class L2(Anchored):
    """Importance one to each task, so that of a parameter is the number of tasks so far."""

    Options: ClassVar[type[L2Options]] = L2Options

    def importances(self, part: Part) -> list[Tensor]:
        """Return ones [], which stand for all of a parameter's numbers."""
        return [torch.ones((), device=value.device) for value in self._shared[part].values()]
