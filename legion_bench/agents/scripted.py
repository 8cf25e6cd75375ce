"""Hand-written policies: an oracle that shows the tasks can be done.

Our own where we have one (:mod:`legion_bench.agents.scripted_policies`), Meta-World's
otherwise; the only module that imports ``metaworld.policies``. They read Meta-World's
39 values. Of LEGION's 12 those that its tasks' policies need are rebuilt, but for the
gripper's opening, which is estimated from what the policy itself has been commanding.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from metaworld import policies
from metaworld.policies.policy import Policy

from legion_bench.agents.scripted_policies import SCRIPTS, Script
from legion_bench.errors import CardError
from legion_bench.types import LEGION_12, Actions, AgentSetup, Floats, Ints, Metrics, TaskInfo, Transitions

_FULL = 39
_GRIPPER = 3
_OPEN, _CLOSED = 1.0, 0.0
# Steps of full effort after which the fingers have closed on an object.
_CLOSING_STEPS = 15


class ScriptedAgent:
    """Plays the scripted policy of each task; learns nothing."""

    def __init__(self, setup: AgentSetup) -> None:
        """Find the policy of every task.

        Raises:
            CardError: there is none for a task.
        """
        self._scripts = {task.index: script(task.name) for task in setup.tasks}
        self._closing: dict[tuple[int, int, bool], int] = {}

    def begin_task(self, task: TaskInfo) -> None:
        """Nothing to prepare."""

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return scripted actions [N, 4] for observations [N, 12] or [N, 39]; exploring changes nothing."""
        actions = [
            self._scripts[int(task)](observation)
            if len(observation) == _FULL
            else self._act_from_legion(observation, int(task), (slot, int(task), explore))
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

    def _act_from_legion(self, observation: Floats, task: int, gripper: tuple[int, int, bool]) -> Floats:
        full = np.zeros(_FULL)
        full[LEGION_12] = observation
        closing = self._closing.get(gripper, 0)
        full[_GRIPPER] = _CLOSED if closing >= _CLOSING_STEPS else _OPEN
        action = self._scripts[task](full)
        # A new episode begins with the hand away from its object, hence not closing.
        self._closing[gripper] = closing + 1 if action[3] >= 1.0 else 0
        return action


def script(task: str) -> Script:
    """Return the policy of a task: from Meta-World's observation [39] to an action [4], not clipped.

    Args:
        task: name without a version, e.g. ``"drawer-close"``.

    Raises:
        CardError: neither we nor Meta-World have a policy for it.
    """
    if task in SCRIPTS:
        return SCRIPTS[task]
    if f"{task}-v3" not in policies.ENV_POLICY_MAP:
        raise CardError(f"agent 'scripted': Meta-World has no policy for task {task!r}")
    kind: Callable[[], Policy] = policies.ENV_POLICY_MAP[f"{task}-v3"]
    policy = kind()

    def act(observation: Floats) -> Floats:
        with warnings.catch_warnings():
            # The policies warn that what they return is clipped, which we know and do.
            warnings.filterwarnings("ignore", message="Constant")
            return np.asarray(policy.get_action(observation), dtype=np.float64)

    return act
