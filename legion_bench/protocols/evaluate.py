"""Judge a frozen policy on every task of a stream, apart from its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legion_bench.cards import StreamCard
from legion_bench.envs.stream import task_env, task_seed
from legion_bench.seeding import derive
from legion_bench.types import EvaluationRecord, Floats, Ints, TaskInfo

Policy = Callable[[Floats, Ints], NDArray[Any]]
"""Observations [N, obs] and task identities [N] → actions [N, 4]."""


@dataclass(slots=True)
class _Outcome:
    """One evaluation episode as it is played."""

    success: int = 0
    episode_return: float = 0.0
    length: int = 0

    def add(self, reward: float, info: dict[str, Any]) -> None:
        self.success = max(self.success, int(info["success"] >= 1))
        self.episode_return += reward
        self.length += 1


class Evaluator:
    """Environments of a stream's distinct tasks, kept for evaluation alone.

    With a fixed placement, evaluation uses the placement that is trained on (as LEGION
    does). With a placement per episode, it uses a set of its own, the same at every
    evaluation.
    """

    def __init__(self, stream: StreamCard, episodes: int, seed: int) -> None:
        """Build one environment per distinct task.

        Args:
            stream: the stream trained on.
            episodes: episodes per task and evaluation.
            seed: the seed that the training stream is reset with.
        """
        self._visits = stream.visits()
        self._tasks = [visit for visit in self._visits if visit.presentation == 1]
        self._indices = np.array([task.index for task in self._tasks])
        self._envs = [task_env(stream, task.name) for task in self._tasks]
        self._seeds = [
            [_episode_seed(stream, task.name, episode, seed) for task in self._tasks]
            for episode in range(episodes)
        ]

    def __call__(self, policy: Policy, step: int, stream_position: int) -> list[EvaluationRecord]:
        """Play all episodes; return their records ordered by task, then episode.

        Args:
            policy: the policy, frozen; called with all tasks of one step at once.
            step: environment steps trained so far.
            stream_position: position being trained, -1 before training.
        """
        records = [
            self._record(task, episode, outcome, step, stream_position)
            for episode, seeds in enumerate(self._seeds)
            for task, outcome in zip(self._tasks, self._play(policy, seeds), strict=True)
        ]
        return sorted(records, key=lambda record: (record.task_position, record.episode))

    def _play(self, policy: Policy, seeds: list[int]) -> list[_Outcome]:
        """Play one episode of every task in lockstep: horizons are equal, none terminates."""
        starts = zip(self._envs, seeds, strict=True)
        observations = np.stack([env.reset(seed=seed)[0] for env, seed in starts])
        outcomes = [_Outcome() for _ in self._envs]
        over = False
        while not over:
            actions = policy(observations.copy(), self._indices)
            for slot, (env, outcome) in enumerate(zip(self._envs, outcomes, strict=True)):
                observations[slot], reward, terminated, truncated, info = env.step(actions[slot])
                outcome.add(reward, info)
                over = terminated or truncated
        return outcomes

    def _record(
        self, task: TaskInfo, episode: int, outcome: _Outcome, step: int, stream_position: int
    ) -> EvaluationRecord:
        begun = [visit.name for visit in self._visits[: stream_position + 1]]
        return EvaluationRecord(
            step=step,
            stream_position=stream_position,
            task_position=task.position,
            task=task.name,
            presentation=begun.count(task.name),
            episode=episode,
            success=outcome.success,
            episode_return=outcome.episode_return,
            length=outcome.length,
        )

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs:
            env.close()


def _episode_seed(stream: StreamCard, task: str, episode: int, seed: int) -> int:
    if stream.placement == "fixed":
        return task_seed(seed, task)
    return derive(seed, "evaluation", task, episode)
