"""Wrappers for learners that want one plain Box, or LEGION's scaled rewards.

Each comes for single and for vector environments, of any autoreset mode, ours or
Gymnasium's ``SyncVectorEnv`` of ours. A time limit needs none of our own: pass
``horizon``, or wrap in :class:`gymnasium.wrappers.TimeLimit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Space
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from legion_bench import language
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.slots import Step
from legion_bench.envs.stream import StreamEnv
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.envs.vector_stream import VectorStreamEnv
from legion_bench.errors import LegionBenchError, unknown
from legion_bench.scaling import RATE, RunningScale
from legion_bench.types import Actions, Floats

_Single = gymnasium.Env[Any, Any]
_Vector = VectorEnv[Any, Any, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Appendix:
    """Numbers appended to an observation, found by what ``info`` calls its task."""

    key: str
    """``"task"`` or ``"instruction"``."""
    width: int
    low: float
    """Their least value; the greatest is 1."""
    find: Callable[[str], Floats]
    """Name or sentence → [width]."""

    def extend(self, space: Space[Any]) -> Box:
        """Return the space of observations with the numbers appended."""
        if not isinstance(space, Box) or len(space.shape) != 1:
            raise LegionBenchError(f"only a Box of one dimension can be appended to, got {space}")
        low = np.concatenate([space.low, np.full(self.width, self.low)])
        high = np.concatenate([space.high, np.ones(self.width)])
        return Box(low, high, dtype=np.float64)


def _one_hot(env: _Single | _Vector, tasks: Sequence[str] | None) -> _Appendix:
    there = _tasks(env)
    if tasks is None:
        if there is None:
            raise LegionBenchError(f"which tasks {env} has cannot be told: name them, e.g. tasks=['reach']")
        tasks = there
    rows = dict(zip(dict.fromkeys(tasks), np.eye(len(set(tasks))), strict=True))

    def find(task: str) -> Floats:
        if task not in rows:
            places = f"{len(rows)} tasks have a place in the one-hot"
            raise LegionBenchError(f"{places}: {unknown('task', task, rows)}")
        return rows[task]

    for task in there or ():
        find(task)
    return _Appendix("task", len(rows), 0.0, find)


def _language() -> _Appendix:
    return _Appendix("instruction", language.DIMENSION, -1.0, cache(language.embedding))


def _tasks(env: _Single | _Vector) -> tuple[str, ...] | None:
    """Return the tasks that an environment of ours goes through; None of any other."""
    inner = env.unwrapped
    if isinstance(inner, (StreamEnv, VectorStreamEnv)):
        return inner.card.tasks
    if isinstance(inner, VectorManipulationEnv):
        return inner.tasks
    return (inner.card.name,) if isinstance(inner, ManipulationEnv) else None


class _Appended(gymnasium.Wrapper[Any, Any, Any, Any]):
    def __init__(self, env: _Single, appendix: _Appendix) -> None:
        super().__init__(env)
        self._appendix = appendix
        self.observation_space = appendix.extend(env.observation_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        self._row = self._appendix.find(info[self._appendix.key])
        return self._append(observation), info

    def step(self, action: ArrayLike) -> tuple[Floats, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._append(observation), reward, terminated, truncated, info

    def _append(self, observation: Floats) -> Floats:
        return np.concatenate([observation, self._row])


class _VectorAppended(VectorWrapper[Any, Any, Any, Any, NDArray[Any]]):
    def __init__(self, env: _Vector, appendix: _Appendix) -> None:
        super().__init__(env)
        self._appendix = appendix
        self.single_observation_space = appendix.extend(env.single_observation_space)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        self._rows = np.zeros((env.num_envs, appendix.width))

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._append(observations, infos), infos

    def step(self, actions: Actions) -> Step:
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        if "final_obs" in infos:
            final = infos["final_obs"] = infos["final_obs"].copy()
            for slot in np.flatnonzero(infos["_final_obs"]):  # before the rows become the next task's
                final[slot] = np.concatenate([final[slot], self._rows[slot]])
        return self._append(observations, infos), rewards, terminations, truncations, infos

    def _append(self, observations: Floats, infos: dict[str, Any]) -> Floats:
        for slot in np.flatnonzero(infos[f"_{self._appendix.key}"]):
            self._rows[slot] = self._appendix.find(infos[self._appendix.key][slot])
        return np.concatenate([observations, self._rows], axis=1)


class OneHotTask(_Appended, RecordConstructorArgs):
    """Append which task it is: [obs] becomes [obs + tasks].

    Example:
        >>> import gymnasium, legion_bench
        >>> env = OneHotTask(gymnasium.make("LegionBench/KukaCurriculum-v0"))
        >>> env.observation_space.shape
        (22,)
    """

    def __init__(self, env: _Single, tasks: Sequence[str] | None = None) -> None:
        """Wrap an environment.

        Args:
            env: whose ``info`` names the task.
            tasks: names in the order of their places; by default the environment's
                distinct tasks, as they come up.

        Raises:
            LegionBenchError: a task of the environment has no place. From ``reset()`` for
                environments that are not ours.
        """
        RecordConstructorArgs.__init__(self, tasks=tasks)
        _Appended.__init__(self, env, _one_hot(env, tasks))


class VectorOneHotTask(_VectorAppended):
    """Append which task it is: [N, obs] becomes [N, obs + tasks]; see :class:`OneHotTask`."""

    def __init__(self, env: _Vector, tasks: Sequence[str] | None = None) -> None:
        """Wrap a vector environment; as :class:`OneHotTask` does, with the same errors."""
        super().__init__(env, _one_hot(env, tasks))


class LanguageEmbedding(_Appended, RecordConstructorArgs):
    """Append the embedding of the task's instruction: [obs] becomes [obs + 384].

    ``reset()`` raises LanguageError for a sentence of one's own without the extra
    ``language``.
    """

    def __init__(self, env: _Single) -> None:
        """Wrap an environment whose ``info`` holds the instruction."""
        RecordConstructorArgs.__init__(self)
        _Appended.__init__(self, env, _language())


class VectorLanguageEmbedding(_VectorAppended):
    """Append the embedding of the task's instruction: [N, obs] becomes [N, obs + 384]."""

    def __init__(self, env: _Vector) -> None:
        """Wrap a vector environment whose infos hold the instructions."""
        super().__init__(env, _language())


class _Scales:
    """One running scale per task, made when the task comes up, for N slots."""

    def __init__(self, slots: int, rate: float) -> None:
        self._slots, self._rate = slots, rate
        self.tasks = np.full(slots, None, dtype=object)
        """Which task the next reward of each slot belongs to."""
        self.restart()

    def restart(self) -> None:
        """Forget every reward."""
        self._by_task: dict[str, RunningScale] = {}

    def scale(self, rewards: Floats, active: NDArray[np.bool_]) -> Floats:
        """Return rewards [N], divided where ``active`` [N]."""
        scaled = np.array(rewards, dtype=np.float64)
        for task in dict.fromkeys(self.tasks[active]):
            slots = active & (self.tasks == task)
            scale = self._by_task.setdefault(task, RunningScale(self._slots, self._rate))
            scaled[slots] = scale.scale(scaled[slots], slots)
        return scaled


class RunningRewardScale(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Divide rewards by their running standard deviation, task by task, as LEGION does.

    Around ``reward="v1"`` it gives what ``reward="legion"`` gives; here the rate can be
    chosen, and the reward to scale. It lasts across episodes; ``reset(seed=...)``
    starts it anew.
    """

    def __init__(self, env: _Single, rate: float = RATE) -> None:
        """Wrap an environment.

        Args:
            env: whose ``info`` names the task.
            rate: weight of the newest reward, in (0, 1].
        """
        RecordConstructorArgs.__init__(self, rate=rate)
        gymnasium.Wrapper.__init__(self, env)
        self._scales = _Scales(1, rate)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode; with a seed, forget every reward."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._scales.restart()
        self._scales.tasks[:] = info["task"]
        return observation, info

    def step(self, action: ArrayLike) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Advance, and scale the reward."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        scaled = self._scales.scale(np.array([reward]), np.ones(1, np.bool_))
        return observation, float(scaled[0]), terminated, truncated, info


class VectorRunningRewardScale(VectorWrapper[Any, Any, Any, Any, NDArray[Any]]):
    """Divide rewards by their running standard deviation, task by task and slot by slot.

    See :class:`RunningRewardScale`. Steps that a slot sits out for an autoreset do not count.
    """

    def __init__(self, env: _Vector, rate: float = RATE) -> None:
        """Wrap a vector environment; arguments as of :class:`RunningRewardScale`."""
        super().__init__(env)
        self._scales = _Scales(env.num_envs, rate)
        self._sits_out = env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        self._over = np.zeros(env.num_envs, np.bool_)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start episodes; with a seed, forget every reward."""
        observations, infos = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._scales.restart()
        self._follow(infos)
        self._over &= ~infos["_task"]
        return observations, infos

    def step(self, actions: Actions) -> Step:
        """Advance, and scale the rewards."""
        observations, rewards, terminations, truncations, infos = self.env.step(actions)
        rewards = self._scales.scale(rewards, ~self._over)
        if self._sits_out:
            self._over = terminations | truncations
        self._follow(infos)
        return observations, rewards, terminations, truncations, infos

    def _follow(self, infos: dict[str, Any]) -> None:
        """Note which task each slot is in now."""
        told = infos["_task"]
        self._scales.tasks[told] = infos["task"][told]
