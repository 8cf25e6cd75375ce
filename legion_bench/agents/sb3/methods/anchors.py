"""What L2, EWC and MAS share: past tasks hold the shared parameters by springs.

The penalty is ``coefficient · Σ importance · (θ - anchor)²``, as Continual World has it
(Wołczyk et al. 2021): no half in front, one anchor per parameter, the one where the latest
task left it, and an importance summed over the tasks.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from msgspec import Meta
from torch import Tensor, nn

from legion_bench.agents.sb3.learner import PARTS, Learner, Part
from legion_bench.agents.sb3.methods.base import Method, Options
from legion_bench.errors import CardError
from legion_bench.types import TaskInfo

Coefficient = Annotated[float, Meta(ge=0, le=1e20)]


class AnchorOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card sets of any of them."""

    coefficient: Coefficient
    """Strength of the penalty; with 0 the method does nothing at all."""
    regularize_critic: bool = False
    """Whether the critics are held too, and not the actor alone."""


class Anchored(Method):
    """Adds the penalty's gradient; a subclass says how important each parameter is to a task."""

    Options: ClassVar[type[AnchorOptions]] = AnchorOptions

    def __init__(self, learner: Learner, options: AnchorOptions) -> None:
        """Take the learner; heads are never held, for each belongs to one task.

        Raises:
            CardError: tasks share nothing but their heads.
        """
        super().__init__(learner, options)
        self.options = options
        parts: tuple[Part, ...] = PARTS if options.regularize_critic else ("actor",)
        self._shared = {part: learner.shared(part) for part in parts}
        self._anchors: dict[Part, list[Tensor]] = {}
        self._importances: dict[Part, list[Tensor]] = {}
        for part, shared in self._shared.items():
            if not shared:
                raise CardError(
                    f"parameters: the {part} has heads and no layer before them, so tasks share nothing"
                    " that the method could hold: set heads to false, or give policy_kwargs.net_arch a layer"
                )

    def importances(self, part: Part) -> list[Tensor] | None:
        """Return what the task that ends now needs: one tensor per shared parameter, of its shape or [].

        None if nothing was learned.
        """
        raise NotImplementedError

    def merged(self, old: Tensor, new: Tensor) -> Tensor:
        """Return the importance to all tasks, given that to the past ones and to the one that ends now."""
        return old + new

    def on_gradients(self, part: Part) -> None:
        """Add ``2 · coefficient · importance · (θ - anchor)``."""
        if part in self._anchors:
            shared = list(self._shared[part].values())
            add_penalty(shared, self._anchors[part], self._importances[part], self.options.coefficient)

    def on_task_end(self, task: TaskInfo) -> None:
        """Hold the parameters where they are now."""
        if not self.options.coefficient:
            return
        for part, shared in self._shared.items():
            new = self.importances(part)
            if new is None:
                continue
            old = self._importances.get(part, [torch.zeros_like(importance) for importance in new])
            self._importances[part] = [self.merged(*both) for both in zip(old, new, strict=True)]
            self._anchors[part] = [parameter.detach().clone() for parameter in shared.values()]

    @property
    def stored_bytes(self) -> int:
        """Of anchors and importances."""
        kept = (*self._anchors.values(), *self._importances.values())
        return sum(tensor.nbytes for tensors in kept for tensor in tensors)

    def state_dict(self) -> dict[str, Any]:
        """Return anchors and importances; no tensor among them is ever changed in place."""
        return {"anchors": dict(self._anchors), "importances": dict(self._importances)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put them back."""
        self._anchors, self._importances = dict(state["anchors"]), dict(state["importances"])


@torch.no_grad()
def add_penalty(
    parameters: list[nn.Parameter], anchors: list[Tensor], importances: list[Tensor], coefficient: float
) -> None:
    """Add the gradient of ``coefficient · Σ importance · (θ - anchor)²`` to the parameters' ``.grad``."""
    gradients: Any = [parameter.grad for parameter in parameters]
    distances: Any = torch._foreach_sub([*parameters], anchors)
    torch._foreach_addcmul_(gradients, distances, importances, 2 * coefficient)
