"""Many environments stepped together: what ``gymnasium.make_vec`` gives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from gymnasium.error import NoAsyncCallError, ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import TaskCard, load_task
from legion_bench.envs.engine import Engine
from legion_bench.envs.options import Asked, Options, check_count, options_for
from legion_bench.envs.placements import Placements
from legion_bench.envs.scaling import RunningScale
from legion_bench.envs.slots import SlotsEnv, Step, reset_mask, slot_seeds
from legion_bench.envs.spaces import check_actions
from legion_bench.errors import LegionBenchError
from legion_bench.seeding import MAX_SEED
from legion_bench.types import Actions, Bools, Floats


@dataclass(frozen=True, slots=True)
class _Share:
    """The slots that one engine plays."""

    engine: Engine
    slots: NDArray[np.intp]


class VectorManipulationEnv(SlotsEnv):
    """N slots of one or several manipulation tasks, stepped together.

    Slot i does what a :class:`~legion_bench.envs.manipulation.ManipulationEnv` of its
    task does, to the last bit, with seed ``seed + i``. Physics runs slot by slot;
    observations and rewards are computed over all slots of a task at once, if the
    task is one of :data:`~legion_bench.envs.rewards.LAWS`, else by Meta-World's own
    code. ``step_async`` starts the physics and returns, so that a learner can work
    until ``step_wait``.

    Example:
        >>> import gymnasium, legion_bench
        >>> envs = gymnasium.make_vec("LegionBench/KukaPush-v0", num_envs=16)
        >>> observations, infos = envs.reset(seed=0)
        >>> observations.shape
        (16, 12)
    """

    def __init__(
        self,
        task: str | Sequence[str],
        num_envs: int | None = None,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        **asked: Unpack[Asked],
    ) -> None:
        """Compile one scene per distinct task and thread.

        Args:
            task: one task's name for all slots, or one name per slot.
            num_envs: N; may be left out if there is a name per slot.
            autoreset_mode: what follows an episode's end; one of Gymnasium's.
            threads: how many share the physics. One per idle core, at most N.
            **asked: options as of :class:`~legion_bench.envs.manipulation.ManipulationEnv`.

        Raises:
            CardError: an unknown task, option, or name given for one.
            ValueError: fewer than one slot or thread, or as many names as there are no slots.
        """
        names = _names(task, num_envs)
        check_count("threads", threads, "threads")
        cards = {name: load_task(name) for name in names}
        options = {name: options_for(card, asked) for name, card in cards.items()}
        any_options = options[names[0]]
        super().__init__(len(names), any_options, autoreset_mode)
        self.tasks = names
        self.physics_errors = np.zeros(self.num_envs, np.int64)
        """[N] episodes that ended because the simulation became unstable."""

        self._workloads = _share_out(names, cards, options, min(threads, self.num_envs))
        self._places = {
            int(slot): (share.engine, place)
            for workload in self._workloads
            for share in workload
            for place, slot in enumerate(share.slots)
        }
        self._pool: ThreadPoolExecutor | None = None
        self._pool_of = -1  # process: threads do not survive a fork
        self._pending: list[Future[None]] | None = None
        self._placements = [Placements(options[name]) for name in names]
        self._horizons = np.array([options[name].horizon for name in names])
        self._terminating = any_options.terminate_on_success
        self._scale = RunningScale(self.num_envs) if any_options.reward == "legion" else None
        self._steps = np.zeros(self.num_envs, np.int64)
        self._over = np.zeros(self.num_envs, np.bool_)
        self._begun = np.zeros(self.num_envs, np.bool_)
        self._observations = np.zeros(self.observation_space.shape or ())
        self._rewards = np.zeros(self.num_envs)
        self._successes, self._failures = (np.zeros(self.num_envs, np.bool_) for _ in range(2))
        self._told = {
            "task": np.array(names, dtype=object),
            "instruction": np.array([cards[name].instruction for name in names], dtype=object),
        }

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Start an episode in every slot, or in those of a mask.

        Args:
            seed: None goes on; an integer seeds slot i with ``seed + i``; a list has one
                per slot.
            options: ``{"reset_mask": mask}``, mask [N] of bool, leaves other slots alone.

        Returns:
            Observations [N, obs] of all slots, and infos of those that were reset.
        """
        self._check_idle()
        slots = np.flatnonzero(reset_mask(options, self.num_envs))
        if not self._begun[np.setdiff1d(np.arange(self.num_envs), slots)].all():
            raise ResetNeeded("the first reset must be of all slots: leave the reset_mask out")
        seeds = slot_seeds(seed, self.num_envs)
        if isinstance(seed, (int, np.integer)):
            super().reset(seed=int(seed))
        for slot in slots:
            self._reset(int(slot), seeds[slot])
        return self._observations.copy(), self._infos(slots)

    def step(self, actions: ArrayLike) -> Step:
        """Advance every slot by 12.5 ms of simulated time.

        Raises and returns what :meth:`step_async` and :meth:`step_wait` do.
        """
        checked, active = self._checked(actions)
        self._begin(self._workloads[1:], checked, active)
        try:
            self._simulate(self._workloads[0], checked, active)  # this thread's share
            return self.step_wait()
        except BaseException:  # Ctrl-C, say: nobody will ask for the rest of this step
            if self._pending is not None:
                wait(self._pending)
                self._pending = None
            raise

    def step_async(self, actions: ArrayLike) -> None:
        """Begin a step and return.

        Args:
            actions: [N, 4] in [-1, 1].

        Raises:
            ValueError: another shape, NaN, or out of range; names the slot.
            gymnasium.error.ResetNeeded: before the first reset, or with autoreset
                disabled past an episode's end; names the slot.
            gymnasium.error.AlreadyPendingCallError: a step is under way.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        self._begin(self._workloads, *self._checked(actions))

    def step_wait(self) -> Step:
        """Finish the step that :meth:`step_async` began.

        Returns:
            Observations [N, obs], rewards [N], terminations [N], truncations [N] and infos.

        Raises:
            gymnasium.error.NoAsyncCallError: no step is under way.
        """
        self._check_open()
        if self._pending is None:
            raise NoAsyncCallError("no step is under way: call step_async() first", "step")
        wait(self._pending)  # all of them, and before anything else may begin, Ctrl-C or not
        pending, self._pending = self._pending, None
        for future in pending:
            future.result()
        return self._result()

    def _begin(self, workloads: list[list[_Share]], actions: Actions, active: Bools) -> None:
        """Hand workloads to other threads."""
        if workloads and self._pool_of != os.getpid():
            self._pool = ThreadPoolExecutor(len(self._workloads), "legion-bench-physics")
            self._pool_of = os.getpid()
        self._pending = []
        for workload in workloads:
            assert self._pool is not None
            self._pending.append(self._pool.submit(self._simulate, workload, actions, active))

    def _checked(self, actions: ArrayLike) -> tuple[Actions, Bools]:
        """Return sound actions [N, 4], and which slots they are for [N]."""
        self._check_idle()
        checked = check_actions(actions, (self.num_envs, 4))
        waiting = ~self._begun
        if self.autoreset_mode is AutoresetMode.DISABLED:
            waiting = waiting | self._over
        if waiting.any():
            raise ResetNeeded(
                f"slot {int(np.flatnonzero(waiting)[0])}: the episode is over or has not begun:"
                " call reset() before step()"
            )
        # With autoreset on the next step, slots that are over sit this one out.
        return checked, ~self._over

    def _result(self) -> Step:
        """Turn what the engines wrote into what a step returns."""
        resetting, active = self._over, ~self._over
        self._steps += active
        rewards = self._rewards.copy()
        if self._scale is not None:
            rewards[active] = self._scale.scale(rewards[active], active)
        successes, failures = self._successes & active, self._failures & active
        terminations = successes & self._terminating
        truncations = active & (failures | (self._steps == self._horizons))
        self.physics_errors += failures
        rewards[resetting], self._successes, self._failures = 0.0, successes, failures
        self._over = terminations | truncations
        for slot in np.flatnonzero(resetting):
            self._reset(int(slot), None)
        infos = self._infos(np.arange(self.num_envs))
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
            infos = self._reset_at_once(infos)
        return self._observations.copy(), rewards, terminations, truncations, infos

    def render(self) -> tuple[NDArray[Any], ...] | None:
        """Return a frame per slot, or None without a render mode."""
        self._check_idle()
        if self.render_mode is None:
            return None
        if not self._begun.all():
            raise ResetNeeded("there is nothing to see yet: call reset() before render()")
        frames = (
            engine.render(place) for engine, place in map(self._places.__getitem__, range(self.num_envs))
        )
        return tuple(frame for frame in frames if frame is not None)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads and free the renderers."""
        if self._pool is not None and self._pool_of == os.getpid():
            self._pool.shutdown()
        for workload in self._workloads:
            for share in workload:
                share.engine.close()

    def _simulate(self, workload: list[_Share], actions: Actions, active: Bools) -> None:
        """Play a workload's slots, writing to its own rows of the results."""
        for share in workload:
            slots = share.slots
            playing = np.flatnonzero(active[slots])
            if len(playing):
                outcome = share.engine.step(actions[slots], playing.tolist())
                rows = slots[playing]
                self._observations[rows] = outcome.observations[playing]
                self._rewards[rows] = outcome.rewards[playing]
                self._successes[rows] = outcome.successes[playing]
                self._failures[rows] = outcome.failures[playing]

    def _reset(self, slot: int, seed: int | None) -> None:
        placements = self._placements[slot]
        if seed is None and not placements.seeded:
            seed = int(self.np_random.integers(MAX_SEED))
        if seed is not None:
            placements.restart(seed)
            if self._scale is not None:
                self._scale.restart(slot)
        engine, place = self._places[slot]
        self._observations[slot] = engine.reset(place, placements.next())
        self._steps[slot], self._begun[slot], self._over[slot] = 0, True, False
        self._successes[slot] = self._failures[slot] = False

    def _reset_at_once(self, infos: dict[str, Any]) -> dict[str, Any]:
        """Reset what is over; hand out what it ended with as Gymnasium does."""
        over = self._over.copy()
        final = np.full(self.num_envs, None, dtype=object)
        for slot in np.flatnonzero(over):
            final[slot] = self._observations[slot].copy()
        masks = {f"_{key}": over.copy() for key in infos if not key.startswith("_")}
        ended = {**infos, **masks}
        for slot in np.flatnonzero(over):
            self._reset(int(slot), None)
        infos = self._infos(np.arange(self.num_envs))
        final_infos = {
            "final_obs": final,
            "_final_obs": over,
            "final_info": ended,
            "_final_info": over.copy(),
        }
        return infos | final_infos

    def _infos(self, slots: NDArray[np.intp]) -> dict[str, Any]:
        """Return infos in Gymnasium's form: an array and a mask per key."""
        mask = np.zeros(self.num_envs, np.bool_)
        mask[slots] = True
        values = {
            **{key: told.copy() for key, told in self._told.items()},
            "success": self._successes.astype(np.float64),
            "physics_error": self._failures.copy(),
        }
        return values | {f"_{key}": mask.copy() for key in values}

    @property
    def _under_way(self) -> bool:
        return self._pending is not None


def _names(task: str | Sequence[str], num_envs: int | None) -> tuple[str, ...]:
    if isinstance(task, str):
        check_count("num_envs", 1 if num_envs is None else num_envs, "slots")
        return (task,) * (num_envs or 1)
    names = tuple(task) if isinstance(task, Sequence) else (task,)
    check_count("num_envs", len(names) if num_envs is None else num_envs, "slots")
    if num_envs not in (None, len(names)):
        raise LegionBenchError(
            f"num_envs is {num_envs}, but the list of tasks, one per slot, has {len(names)}"
        )
    return names


def _share_out(
    names: Sequence[str], cards: dict[str, TaskCard], options: dict[str, Options], workers: int
) -> list[list[_Share]]:
    """Cut the slots, sorted by task, into one workload per worker."""
    order = sorted(range(len(names)), key=lambda slot: names[slot])
    workloads = []
    for part in np.array_split(np.array(order), workers):
        shares = []
        for name in dict.fromkeys(names[slot] for slot in part):
            slots = np.array([slot for slot in part if names[slot] == name])
            shares.append(_Share(Engine(cards[name].scene, options[name], len(slots)), slots))
        workloads.append(shares)
    return workloads
