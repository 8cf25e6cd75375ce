"""A stream of tasks as one Gymnasium environment: ``LegionBench/KukaCurriculum-v0``."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any, Unpack

import gymnasium
import msgspec
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import StreamCard, checked_stream, convert, load_stream
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.options import Asked, stream_options
from legion_bench.envs.spaces import action_space, observation_space
from legion_bench.seeding import MAX_SEED, derive
from legion_bench.types import Floats, TaskInfo


class Course:
    """Where in a stream one is: the visit under way, and the steps it has had."""

    def __init__(self, card: StreamCard) -> None:
        """Stand at the beginning of the first visit."""
        self.visits = card.visits()
        self._budget = card.steps_per_task
        self.restart()

    def restart(self) -> None:
        """Go back to the beginning of the first visit."""
        self._position, self._steps = 0, 0
        self._begun: set[str] = set()

    def count(self, steps: int) -> bool:
        """Take in environment steps; return whether they used up the visit's budget just now."""
        before, self._steps = self._steps, self._steps + steps
        return before < self._budget <= self._steps

    def advance(self) -> None:
        """Go on to the next visit, if there is one and this one's budget is used up."""
        if self.visit_over and not self.finished:
            self._position, self._steps = self._position + 1, 0

    def begin(self) -> bool:
        """Return whether this is the first time since the restart that this is asked of the task.

        It is then that a task's environment is seeded, so that later visits go on drawing.
        """
        first = self.visit.name not in self._begun
        self._begun.add(self.visit.name)
        return first

    @property
    def visit(self) -> TaskInfo:
        """The visit under way."""
        return self.visits[self._position]

    @property
    def visit_over(self) -> bool:
        """True once the visit under way has used up its budget."""
        return self._steps >= self._budget

    @property
    def finished(self) -> bool:
        """True once the last visit has used up its budget."""
        return self.visit_over and self._position + 1 == len(self.visits)

    def info(self) -> dict[str, Any]:
        """Return what every ``info`` of a stream says beside what its task's environment says."""
        return {
            "task_index": self.visit.index,
            "stream_position": self.visit.position,
            "presentation": self.visit.presentation,
            "stream_finished": self.finished,
        }


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

    def __init__(self, stream: str | os.PathLike[str] | StreamCard, **asked: Unpack[Asked]) -> None:
        """Build the environment; scenes are compiled when their task comes up.

        Raises:
            CardError: an unknown stream, task, option, or name given for one.
            ValueError: a horizon or frame size below 1.
        """
        self.card = stream_card(stream)
        self.options = stream_options(self.card, asked)
        self.course = Course(self.card)
        self.render_mode = self.options.render_mode
        self.observation_space = observation_space(self.options.observation)
        self.action_space = action_space()
        self._envs: dict[str, ManipulationEnv] = {}
        self._seed: int | None = None
        self._closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start the next episode, or with a seed the whole stream anew."""
        self._check_open()
        super().reset(seed=seed)
        if seed is not None or self._seed is None:
            self._seed = seed if seed is not None else int(self.np_random.integers(MAX_SEED))
            self.course.restart()
        self.course.advance()
        seeded = task_seed(self._seed, self.course.visit.name) if self.course.begin() else None
        observation, info = self._env().reset(seed=seeded)
        self._episode_over = False
        return observation, info | self.course.info()

    def step(self, action: ArrayLike) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Advance the current task; raises what the single-task environment raises."""
        self._check_open()
        if self._seed is None or self._episode_over:
            raise ResetNeeded("the episode is over or has not begun: call reset() before step()")
        observation, reward, terminated, truncated, info = self._env().step(action)
        truncated = self.course.count(1) or truncated
        self._episode_over = terminated or truncated
        return observation, reward, terminated, truncated, info | self.course.info()

    def render(self) -> NDArray[Any] | None:
        """Return a frame of the current task; see the single-task environments."""
        self._check_open()
        if self._seed is None:
            raise ResetNeeded("no episode has begun: call reset() before render()")
        return self._env().render()

    def close(self) -> None:
        """Close every task's environment; the stream cannot be used afterwards."""
        for env in self._envs.values():
            env.close()
        self._closed = True

    @property
    def visit_over(self) -> bool:
        """True once the visit under way has used up its budget."""
        return self.course.visit_over

    def _env(self) -> ManipulationEnv:
        name = self.course.visit.name
        if name not in self._envs:
            self._envs[name] = ManipulationEnv(name, **asdict(self.options))
        return self._envs[name]

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedEnvironmentError("the environment is closed: make another")


def stream_card(stream: str | os.PathLike[str] | StreamCard) -> StreamCard:
    """Return a stream's card, checked, be it named or made in Python.

    Raises:
        CardError: an unknown stream or task, or a value of the wrong type or range.
    """
    if not isinstance(stream, StreamCard):
        return load_stream(os.fspath(stream) if isinstance(stream, os.PathLike) else stream)
    return checked_stream(convert(StreamCard, msgspec.to_builtins(stream), f"stream {stream.name!r}"))


def task_seed(stream_seed: int, task: str) -> int:
    """Return the seed of a task's environment in a stream that was reset with ``stream_seed``."""
    return derive(stream_seed, "task", task)
