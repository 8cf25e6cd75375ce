"""Judge a frozen policy on every task of a stream, apart from its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legion_bench.cards import Robot, StreamCard
from legion_bench.envs.options import Asked, stream_options
from legion_bench.envs.stream import task_seed
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.protocols.schedule import Phase
from legion_bench.seeding import derive
from legion_bench.types import EvaluationRecord, Floats, Ints

Policy = Callable[[Floats, Ints], NDArray[Any]]
"""Observations [N, obs] and task identities [N] → actions [N, 4]."""


class Evaluator:
    """All episodes of all of a stream's distinct tasks, played at once.

    With a fixed placement, evaluation uses the placement that is trained on (as LEGION
    does). Otherwise it uses a set of its own, one per episode, the same at every
    evaluation. Success does not end an episode, and rewards are not scaled.
    """

    def __init__(self, stream: StreamCard, episodes: int, seed: int, robot: Robot | None = None) -> None:
        """Build the environments.

        Args:
            stream: the stream trained on.
            episodes: episodes per task and evaluation.
            seed: the seed that the training stream is reset with.
            robot: to evaluate on; the stream's by default.
        """
        tasks = [visit for visit in stream.visits() if visit.presentation == 1]
        self._slots = [(task, episode) for task in tasks for episode in range(episodes)]
        self._indices = np.array([task.index for task, _ in self._slots])
        self._seeds = [_episode_seed(stream, task.name, episode, seed) for task, episode in self._slots]
        changes: Asked = {"split": "evaluation", "terminate_on_success": False}
        if stream.reward == "legion":
            changes["reward"] = "v1"
        if robot is not None:
            changes["robot"] = robot
        self._envs = VectorManipulationEnv(
            [task.name for task, _ in self._slots], **{**asdict(stream_options(stream, {})), **changes}
        )

    def __call__(self, policy: Policy, step: int, phase: Phase | None) -> list[EvaluationRecord]:
        """Play all episodes; return their records ordered by task, then episode.

        Args:
            policy: the policy, frozen; called with all slots of one step at once.
            step: environment steps trained so far.
            phase: what is being trained, None before training.
        """
        count = len(self._slots)
        successes, returns, lengths = np.zeros(count, np.bool_), np.zeros(count), np.zeros(count, np.int64)
        playing = np.ones(count, np.bool_)
        observations, _ = self._envs.reset(seed=self._seeds)
        while playing.any():
            actions = policy(observations, self._indices)
            observations, rewards, terminated, truncated, infos = self._envs.step(actions)
            successes |= playing & (infos["success"] >= 1)
            returns += np.where(playing, rewards, 0.0)
            lengths += playing
            playing &= ~(terminated | truncated)
        return [
            EvaluationRecord(
                step=step,
                stream_position=-1 if phase is None else phase.visit.position,
                task_position=task.position,
                task=task.name,
                presentation=0 if phase is None else phase.begun.count(task.name),
                episode=episode,
                success=int(success),
                episode_return=float(total),
                length=int(length),
            )
            for (task, episode), success, total, length in zip(
                self._slots, successes, returns, lengths, strict=True
            )
        ]

    def close(self) -> None:
        """Close the environments."""
        self._envs.close()


def _episode_seed(stream: StreamCard, task: str, episode: int, seed: int) -> int:
    if stream.placement == "fixed":
        return task_seed(seed, task)
    return derive(seed, "evaluation", task, episode)
