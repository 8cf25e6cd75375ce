"""Meta-World's hand-written policies: an oracle that shows the tasks can be done.

The only module that imports ``metaworld.policies``. Those policies read Meta-World's
39 values; all that the supported ones need is in our 12, but for the gripper's
opening, which is estimated from what the policy itself has been commanding.
"""

from __future__ import annotations

import warnings

import numpy as np
from metaworld import policies
from metaworld.policies.policy import Policy

from legion_bench.errors import CardError
from legion_bench.types import LEGION_12, Actions, AgentSetup, Floats, Ints, Metrics, TaskInfo, Transitions

_GRIPPER = 3
_OPEN, _CLOSED = 1.0, 0.0
# Steps of full effort after which the fingers have closed on an object.
_CLOSING_STEPS = 15


class ScriptedAgent:
    """Plays Meta-World's scripted policy of each task; learns nothing."""

    def __init__(self, setup: AgentSetup) -> None:
        """Find the policy of every task.

        Raises:
            CardError: Meta-World has no policy of that name.
        """
        self._policies = {task.index: _policy(task.name) for task in setup.tasks}
        self._closing: dict[tuple[int, int, bool], int] = {}

    def begin_task(self, task: TaskInfo) -> None:
        """Nothing to prepare."""

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return scripted actions [N, 4]; exploring changes nothing."""
        actions = [
            self._act(observation, int(task), (slot, int(task), explore))
            for slot, (observation, task) in enumerate(zip(observations, tasks, strict=True))
        ]
        return np.clip(np.array(actions, dtype=np.float32), -1.0, 1.0)

    def observe(self, batch: Transitions) -> None:
        """Nothing to remember."""

    def update(self) -> Metrics:
        """Nothing to learn."""
        return {}

    def end_task(self, task: TaskInfo) -> None:
        """Nothing to keep."""

    def _act(self, observation: Floats, task: int, gripper: tuple[int, int, bool]) -> Floats:
        full = np.zeros(39)
        full[LEGION_12] = observation
        closing = self._closing.get(gripper, 0)
        full[_GRIPPER] = _CLOSED if closing >= _CLOSING_STEPS else _OPEN
        with warnings.catch_warnings():
            # The policies warn that what they return is clipped, which we know and do.
            warnings.filterwarnings("ignore", message="Constant")
            action = np.asarray(self._policies[task].get_action(full), dtype=np.float64)
        # A new episode begins with the hand away from its object, hence not closing.
        self._closing[gripper] = closing + 1 if action[3] >= 1.0 else 0
        return action


def _policy(task: str) -> Policy:
    name = "Sawyer" + "".join(word.capitalize() for word in task.split("-")) + "V3Policy"
    if not hasattr(policies, name):
        raise CardError(f"agent 'scripted': Meta-World has no policy {name} for task {task!r}")
    policy: Policy = getattr(policies, name)()
    return policy
