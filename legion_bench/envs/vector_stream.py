"""A stream of tasks for many slots at once: what ``gymnasium.make_vec`` gives for a stream."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Unpack

import numpy as np
from gymnasium.error import NoAsyncCallError, ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import StreamCard
from legion_bench.envs.options import Asked, check_count, stream_options
from legion_bench.envs.slots import SlotsEnv, Step, reset_mask, slot_seeds
from legion_bench.envs.spaces import check_actions
from legion_bench.envs.stream import Course, stream_card, task_seed
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.seeding import MAX_SEED
from legion_bench.types import Floats


class VectorStreamEnv(SlotsEnv):
    """N slots that go through a stream of tasks side by side.

    Slot i does what a :class:`~legion_bench.envs.stream.StreamEnv` with seed
    ``seed + i`` does, as long as both play as many steps per visit. The budget of a
    visit counts environment steps of all slots together, those sat out for an autoreset
    left out; at the first vector step that reaches it every slot is truncated. The
    next task begins when the autoreset mode says: at the next step, within the
    same step (``final_obs`` and ``final_info`` then are the old task's), or at the user's
    ``reset()``. After the last visit the stream stays on its last task.

    One :class:`~legion_bench.envs.vector.VectorManipulationEnv` per distinct task is
    built when its task comes up and then kept in :attr:`envs`; :attr:`env_idx` says which
    one acts.

    Example:
        >>> import gymnasium, legion_bench
        >>> envs = gymnasium.make_vec("LegionBench/KukaCW10-v0", num_envs=8)
        >>> observations, infos = envs.reset(seed=0)
        >>> observations.shape, infos["task"][0]
        ((8, 39), 'hammer')
    """

    def __init__(
        self,
        stream: str | os.PathLike[str] | StreamCard,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        **asked: Unpack[Asked],
    ) -> None:
        """Build the environment; scenes are compiled when their task comes up.

        Args:
            stream: card name, path or card.
            num_envs: N.
            autoreset_mode: what follows an episode's end; one of Gymnasium's.
            threads: how many share the physics. One per idle core, at most N.
            **asked: options that override the card; as of the single-task environments.

        Raises:
            CardError: an unknown stream, task, option, or name given for one.
            ValueError: a count below 1, or an unknown autoreset mode.
        """
        check_count("num_envs", num_envs, "slots")
        check_count("threads", threads, "threads")
        self.card = stream_card(stream)
        self.options = stream_options(self.card, asked)
        self.course = Course(self.card)
        super().__init__(num_envs, self.options, autoreset_mode)
        self.envs: list[VectorManipulationEnv | None] = [None] * len(set(self.card.tasks))
        """By task identity; None until the task comes up."""

        self._threads = threads
        self._seeds: list[int] | None = None
        self._over = np.zeros(num_envs, np.bool_)
        self._visit_ended = self._pending = False

    @property
    def env_idx(self) -> int:
        """Which of :attr:`envs` acts: the current task's identity."""
        return self.course.visit.index

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start the next episode in every slot or in those of a mask, or with a seed the stream anew.

        Args:
            seed: None goes on; an integer seeds slot i with ``seed + i``; a list has one
                per slot.
            options: ``{"reset_mask": mask}``, mask [N] of bool, leaves other slots alone.
                Where a visit begins, no slot may be left out.

        Returns:
            Observations [N, obs] of all slots, and infos of those that were reset.
        """
        self._check_idle()
        begins = seed is not None or self._seeds is None or self._visit_ended
        mask = reset_mask(options, self.num_envs)
        if not begins:
            observations, infos = self._env().reset(options=options)
            self._over[mask] = False
            return observations, self._told(infos)
        if not mask.all():
            raise ValueError("reset_mask leaves slots out, but a visit begins for all of them")
        super().reset(seed=int(seed) if isinstance(seed, (int, np.integer)) else None)
        if seed is not None or self._seeds is None:
            self._seeds = self._slot_seeds(seed)
            self.course.restart()
        return self._begin_visit()

    def step(self, actions: ArrayLike) -> Step:
        """Advance every slot by 12.5 ms of simulated time.

        Raises and returns what :meth:`step_async` and :meth:`step_wait` do.
        """
        if self._steppable():
            return self._result(self._env().step(actions))
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: ArrayLike) -> None:
        """Begin a step and return.

        Args:
            actions: [N, 4] in [-1, 1].

        Raises:
            ValueError: another shape, NaN, or out of range; names the slot.
            gymnasium.error.ResetNeeded: before the first reset, or with autoreset
                disabled past an episode's or a visit's end.
            gymnasium.error.AlreadyPendingCallError: a step is under way.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        if self._steppable():
            self._env().step_async(actions)
        else:
            check_actions(actions, (self.num_envs, 4))
        self._pending = True

    def step_wait(self) -> Step:
        """Finish the step that :meth:`step_async` began.

        Returns:
            Observations [N, obs], rewards [N], terminations [N], truncations [N] and infos.

        Raises:
            gymnasium.error.NoAsyncCallError: no step is under way.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        self._check_open()
        if not self._pending:
            raise NoAsyncCallError("no step is under way: call step_async() first", "step")
        if not self._visit_ended:
            step = self._env().step_wait()
            self._pending = False
            return self._result(step)
        self._pending = False
        observations, infos = self._begin_visit()
        terminations, truncations = (np.zeros(self.num_envs, np.bool_) for _ in range(2))
        return observations, np.zeros(self.num_envs), terminations, truncations, infos

    def render(self) -> tuple[NDArray[Any], ...] | None:
        """Return a frame of the current task per slot, or None without a render mode."""
        self._check_idle()
        if self._seeds is None:
            raise ResetNeeded("no episode has begun: call reset() before render()")
        return self._env().render()

    def close_extras(self, **kwargs: Any) -> None:
        """Close every task's environment."""
        for env in self.envs:
            if env is not None:
                env.close()

    def _steppable(self) -> bool:
        """Return whether the current task's environment takes the step; False if a visit begins."""
        self._check_idle()
        disabled = self.autoreset_mode is AutoresetMode.DISABLED
        if self._seeds is None or (disabled and self._visit_ended):
            raise ResetNeeded("the visit is over or has not begun: call reset() before step()")
        return not self._visit_ended

    def _begin_visit(self) -> tuple[Floats, dict[str, Any]]:
        """Reset every slot, in the next visit if this one is over; return all observations and infos."""
        assert self._seeds is not None
        self.course.advance()
        name = self.course.visit.name
        seeds = [task_seed(seed, name) for seed in self._seeds] if self.course.begin() else None
        observations, infos = self._env().reset(seed=seeds)
        self._over[:] = self._visit_ended = False
        return observations, self._told(infos)

    def _result(self, step: Step) -> Step:
        """Turn a step of the current task's environment into one of the stream."""
        observations, rewards, terminations, truncations, infos = step
        self._visit_ended = self.course.count(int((~self._over).sum()))
        truncations |= self._visit_ended
        infos = self._told(infos)
        over = terminations | truncations
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._over = over
        elif self.autoreset_mode is AutoresetMode.SAME_STEP and over.any():
            observations, infos = self._reset_at_once(over, observations, infos)
        return observations, rewards, terminations, truncations, infos

    def _reset_at_once(
        self, over: NDArray[np.bool_], ended: Floats, infos: dict[str, Any]
    ) -> tuple[Floats, dict[str, Any]]:
        """Reset what is over; hand out what it ended with as Gymnasium does."""
        if self._visit_ended:
            observations, fresh = self._begin_visit()
        else:
            observations, fresh = self._env().reset(options={"reset_mask": over})
            fresh = self._told({key: value for key, value in fresh.items() if not key.startswith("_")})
        final = np.full(self.num_envs, None, dtype=object)
        for slot in np.flatnonzero(over):
            final[slot] = ended[slot].copy()
        final_info = {key: over.copy() if key.startswith("_") else value for key, value in infos.items()}
        fresh |= {
            "final_obs": final,
            "_final_obs": over,
            "final_info": final_info,
            "_final_info": over.copy(),
        }
        return observations, fresh

    def _told(self, infos: dict[str, Any]) -> dict[str, Any]:
        """Return infos of the current task with those of the stream, an array and a mask per key."""
        for key, value in self.course.info().items():
            infos[key] = np.full(self.num_envs, value)
        mask = infos.get("_task", np.ones(self.num_envs, np.bool_))
        return infos | {f"_{key}": mask.copy() for key in infos if not key.startswith("_")}

    def _env(self) -> VectorManipulationEnv:
        env = self.envs[self.env_idx]
        if env is None:
            # Only the stream knows when a visit is over, before anything is reset within a step.
            same = self.autoreset_mode is AutoresetMode.SAME_STEP
            env = self.envs[self.env_idx] = VectorManipulationEnv(
                self.course.visit.name,
                self.num_envs,
                autoreset_mode=AutoresetMode.DISABLED if same else self.autoreset_mode,
                threads=self._threads,
                **asdict(self.options),
            )
        return env

    def _slot_seeds(self, seed: int | Sequence[int] | None) -> list[int]:
        if seed is None:
            seed = int(self.np_random.integers(MAX_SEED))
        seeds = slot_seeds(seed, self.num_envs)
        known = [one for one in seeds if one is not None]
        if len(known) != self.num_envs:
            raise ValueError(f"a stream begins in all slots at once: seed must hold no None, got {seed!r}")
        return known

    @property
    def _under_way(self) -> bool:
        return self._pending
