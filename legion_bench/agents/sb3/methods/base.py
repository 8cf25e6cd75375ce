"""What a continual-learning method is: hooks on an agent that learns by SB3's own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec

from legion_bench.agents.sb3.learner import Learner, Part
from legion_bench.types import Ints, TaskInfo, Transitions


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A method's part of a card, ``[parameters.method]``; subclass it to have some."""


class Method:
    """A continual-learning method. Every hook does nothing unless it is overridden.

    Hooks run inside the agent's random stream: draw with torch's and NumPy's global functions.
    """

    Options: ClassVar[type[Options]] = Options
    """What a card may set."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Checked before training: ``"replay"`` (an off-policy algorithm: SAC, TD3), ``"optimizers"`` (actor and
    critic have one each: SAC, TD3), ``"tasks"`` (the networks are told the task: an identity or heads)."""

    def __init__(self, learner: Learner, options: Any) -> None:
        """Take the learner, whose networks are freshly built, and the card's options.

        Raises:
            CardError: the options do not go with the learner or with one another.
        """
        self.learner = learner

    def on_task_start(self, task: TaskInfo) -> None:
        """A visit begins; the card's resets have been made."""

    def on_gradients(self, part: Part) -> None:
        """SB3 is about to step an optimizer: change the ``.grad`` of a part's parameters in place."""

    def on_task_end(self, task: TaskInfo) -> None:
        """A visit is over; the learner's memory still holds its transitions."""

    def on_transitions(self, batch: Transitions) -> None:
        """Environment steps were taken; their observations are as the environment gave them."""

    def warmup(self, tasks: Ints) -> Ints | None:
        """Say who acts in a visit's first ``learning_starts`` steps.

        Args:
            tasks: [N] identities of the rows under training.

        Returns:
            [N] identities of the tasks whose policy acts, or None for uniform random actions.
        """
        return None

    @contextmanager
    def view(self, task: int) -> Iterator[None]:
        """Within the block, make the networks those that act on task ``task`` when they are judged."""
        yield

    @property
    def stored_bytes(self) -> int:
        """What is kept of past tasks, beside the learner's own memory."""
        return 0

    def state_dict(self) -> dict[str, Any]:
        """Return all that the method remembers: tensors, arrays, plain values, nested dicts and lists."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
