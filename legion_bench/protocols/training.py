"""The environments that are trained in: some for each task, those of a phase acting together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from legion_bench.cards import StreamCard
from legion_bench.envs.options import stream_options
from legion_bench.envs.slots import Step
from legion_bench.envs.stream import task_seed
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.types import Actions, Bools, Floats, Ints

Outcome = tuple[Floats, Floats, Bools, Bools]
"""Of a step: observations [rows, obs] before any reset, rewards, terminations and truncations [rows]."""


class TrainingEnvs:
    """So many slots of each task of a stream, of which some tasks are active.

    Rows are those of the active tasks, by identity, then slot. A task's environments
    are built and seeded when it first becomes active, with a seed that depends on
    the run and the task alone; afterwards they go on drawing placements.
    """

    def __init__(self, stream: StreamCard, slots: int, seed: int) -> None:
        """Say what is to be trained; scenes are compiled when their task comes up.

        Args:
            stream: robot, tasks and options.
            slots: environments per task.
            seed: slot i of a task gets ``task_seed(seed, task) + i``.
        """
        self._options = asdict(stream_options(stream, {}))
        self._slots, self._seed = slots, seed
        self._identities = {name: identity for identity, name in enumerate(dict.fromkeys(stream.tasks))}
        self._envs: dict[str, VectorManipulationEnv] = {}
        self._active: tuple[str, ...] = ()
        self.tasks: Ints = np.empty(0, np.int64)
        """[rows] identities of the active tasks."""
        self.observations: Floats = np.empty((0, 0))
        """[rows, obs] on which to act next; where an episode is over, its last."""

    def begin(self, tasks: Sequence[str]) -> None:
        """Make these the active tasks, with a new episode in every slot."""
        self._activate(tasks)
        parts = []
        for name in self._active:
            new = name not in self._envs
            seed = task_seed(self._seed, name) if new else None
            parts.append(self._env(name).reset(seed=seed)[0])
        self.observations = np.concatenate(parts)

    def step(self, actions: Actions) -> Outcome:
        """Advance every row.

        Args:
            actions: [rows, 4] in [-1, 1].
        """
        return self._joined(
            [
                self._env(name).step(actions[part])
                for name, part in zip(self._active, self._parts(), strict=True)
            ]
        )

    def step_async(self, actions: Actions) -> None:
        """Begin what :meth:`step` does, in other threads, and return."""
        for name, part in zip(self._active, self._parts(), strict=True):
            self._env(name).step_async(actions[part])

    def step_wait(self) -> Outcome:
        """Finish what :meth:`step_async` began."""
        return self._joined([self._env(name).step_wait() for name in self._active])

    def restart(self, finished: Bools) -> None:
        """Begin a new episode in the rows [rows] that finished theirs."""
        self.observations = self.observations.copy()
        for name, part in zip(self._active, self._parts(), strict=True):
            mask = finished[part]
            if mask.any():
                self.observations[part], _ = self._env(name).reset(options={"reset_mask": mask})

    def close(self) -> None:
        """Close every environment."""
        for env in self._envs.values():
            env.close()

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides what happens next."""
        return {
            "active": self._active,
            "observations": self.observations.copy(),
            "envs": {name: env.state_dict() for name, env in self._envs.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._activate(state["active"])
        self.observations = state["observations"]
        for name, env in state["envs"].items():
            self._env(name).load_state_dict(env)

    def _joined(self, steps: Sequence[Step]) -> Outcome:
        observations, rewards, terminated, truncated = (
            np.concatenate([step[value] for step in steps]) for value in range(4)
        )
        self.observations = observations
        return observations, rewards, terminated, truncated

    def _activate(self, tasks: Sequence[str]) -> None:
        self._active = tuple(tasks)
        self.tasks = np.repeat([self._identities[task] for task in tasks], self._slots)

    def _parts(self) -> list[slice]:
        """Return each active task's rows."""
        return [slice(place * self._slots, (place + 1) * self._slots) for place in range(len(self._active))]

    def _env(self, name: str) -> VectorManipulationEnv:
        if name not in self._envs:
            self._envs[name] = VectorManipulationEnv(
                name, self._slots, autoreset_mode=AutoresetMode.DISABLED, **self._options
            )
        return self._envs[name]
