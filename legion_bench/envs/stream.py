"""A stream of tasks as one Gymnasium environment: ``LegionBench/KukaCurriculum-v0``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Unpack

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import StreamCard, load_stream
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.options import Asked, stream_options
from legion_bench.envs.spaces import action_space, observation_space
from legion_bench.seeding import MAX_SEED, derive
from legion_bench.types import Floats


class StreamEnv(gymnasium.Env[Any, Any]):
    """Tasks one after another, each for its budget of environment steps.

    When a visit's budget is used up, the episode is truncated, and the next reset
    starts the next task. Spaces, rewards and physics are those of
    :class:`~legion_bench.envs.manipulation.ManipulationEnv`. Every ``info`` carries
    ``task``, ``task_index`` (identity among the distinct tasks), ``stream_position``,
    ``presentation`` (which visit to this task, from 1), ``instruction`` and
    ``stream_finished``.

    ``reset(seed=...)`` starts the stream anew, with placements that depend on the
    seed and the task alone; ``reset()`` starts the next episode. After the last
    visit the stream stays on its last task, with ``stream_finished`` True.

    ## Arguments

    `stream` (card name, path or :class:`~legion_bench.cards.StreamCard`), and those of
    the single-task environments, which override what the card says.

    ## Version History

    * v0: first release.
    """

    metadata = ManipulationEnv.metadata

    def __init__(self, stream: str | StreamCard, **asked: Unpack[Asked]) -> None:
        """Build the environment; scenes are compiled when their task comes up.

        Raises:
            CardError: an unknown stream, option, or name given for one.
            ValueError: a horizon or frame size below 1.
        """
        self.card = load_stream(stream) if isinstance(stream, str) else stream
        self.options = stream_options(self.card, asked)
        self.visits = self.card.visits()
        self.render_mode = self.options.render_mode
        self.observation_space = observation_space(self.options.observation)
        self.action_space = action_space()
        self._envs: dict[str, ManipulationEnv] = {}
        self._seed: int | None = None
        self._position, self._steps = 0, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start the next episode, or with a seed the whole stream anew."""
        super().reset(seed=seed)
        if seed is not None or self._seed is None:
            self._seed = seed if seed is not None else int(self.np_random.integers(MAX_SEED))
            self._position, self._steps = 0, 0
            self._seeded: set[str] = set()
        elif self.visit_over and not self._finished:
            self._position, self._steps = self._position + 1, 0
        observation, info = self._env().reset(seed=self._task_seed())
        self._episode_over = False
        return observation, info | self._info()

    def step(self, action: ArrayLike) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Advance the current task; raises what the single-task environment raises."""
        if self._seed is None or self._episode_over:
            raise ResetNeeded("the episode is over or has not begun: call reset() before step()")
        observation, reward, terminated, truncated, info = self._env().step(action)
        self._steps += 1
        truncated = truncated or self._steps == self.card.steps_per_task
        self._episode_over = terminated or truncated
        return observation, reward, terminated, truncated, info | self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """Return a frame of the current task."""
        return self._env().render()

    def close(self) -> None:
        """Close every task's environment."""
        for env in self._envs.values():
            env.close()

    @property
    def visit_over(self) -> bool:
        """True once the visit under way has used up its budget."""
        return self._steps >= self.card.steps_per_task

    @property
    def _finished(self) -> bool:
        return self.visit_over and self._position + 1 == len(self.visits)

    def _env(self) -> ManipulationEnv:
        name = self.visits[self._position].name
        if name not in self._envs:
            self._envs[name] = ManipulationEnv(name, **asdict(self.options))
        return self._envs[name]

    def _task_seed(self) -> int | None:
        """Seed a task's environment at its first reset only, so that its draws go on."""
        assert self._seed is not None
        name = self.visits[self._position].name
        if name in self._seeded:
            return None
        self._seeded.add(name)
        return task_seed(self._seed, name)

    def _info(self) -> dict[str, Any]:
        visit = self.visits[self._position]
        return {
            "task_index": visit.index,
            "stream_position": visit.position,
            "presentation": visit.presentation,
            "stream_finished": self._finished,
        }


def task_seed(stream_seed: int, task: str) -> int:
    """Return the seed of a task's environment in a stream that was reset with ``stream_seed``."""
    return derive(stream_seed, "task", task)
