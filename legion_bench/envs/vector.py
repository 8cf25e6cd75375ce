"""Many environments stepped together: what ``gymnasium.make_vec`` gives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Unpack

import numpy as np
from gymnasium.error import NoAsyncCallError, ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike, NDArray

from legion_bench.cards import load_task
from legion_bench.envs.engine import Engine
from legion_bench.envs.generators import generator_state, load_generator
from legion_bench.envs.options import Asked, check_count, options_for
from legion_bench.envs.placements import Placements
from legion_bench.envs.slots import SlotsEnv, Step, reset_mask, slot_seeds
from legion_bench.envs.spaces import check_actions
from legion_bench.errors import LegionBenchError
from legion_bench.scaling import RunningScale
from legion_bench.seeding import MAX_SEED
from legion_bench.types import Actions, Bools, Floats


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

        self._threads = min(threads, self.num_envs)
        self._engines: list[tuple[Engine, NDArray[np.intp]]] = []
        """By task, with the slots that it plays."""
        for name, card in cards.items():
            slots = np.flatnonzero([name == other for other in names])
            self._engines.append((Engine(card.scene, options[name], len(slots), self._threads), slots))
        self._places = {
            int(slot): (engine, place) for engine, slots in self._engines for place, slot in enumerate(slots)
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
        turns = self._steer(actions)
        self._hand_out(turns, range(1, self._threads))
        try:
            self._play(turns, 0)  # this thread takes part
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
        self._hand_out(self._steer(actions), range(self._threads))

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

    def _steer(self, actions: ArrayLike) -> list[Iterator[int]]:
        """Tell engines what to do; return the slots that each has to play."""
        checked, active = self._checked(actions)
        turns = []
        for engine, slots in self._engines:
            engine.steer(checked[slots])
            turns.append(iter(np.flatnonzero(active[slots]).tolist()))
        return turns

    def _hand_out(self, turns: list[Iterator[int]], simulators: range) -> None:
        """Let other threads play, one for each of these simulators."""
        if simulators and self._pool_of != os.getpid():
            self._pool = ThreadPoolExecutor(self._threads, "legion-bench-physics")
            self._pool_of = os.getpid()
        self._pending = []
        for simulator in simulators:
            assert self._pool is not None
            self._pending.append(self._pool.submit(self._play, turns, simulator))

    def _play(self, turns: list[Iterator[int]], simulator: int) -> None:
        """Play slots until none is left.

        Threads take them from the same iterators, which the interpreter's lock allows, so
        that one which comes late or finds its core busy takes fewer.
        """
        for (engine, _), slots in zip(self._engines, turns, strict=True):
            engine.simulators[simulator].play(slots)

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
        """Turn what engines say into what a step returns."""
        for engine, slots in self._engines:
            outcome = engine.judge()
            self._observations[slots] = outcome.observations
            self._rewards[slots] = outcome.rewards
            self._successes[slots] = outcome.successes
            self._failures[slots] = outcome.failures
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

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides what follows, in the middle of episodes too.

        Nested dicts with string keys, lists, NumPy arrays and plain values.

        Raises:
            gymnasium.error.AlreadyPendingCallError: a step is under way.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        self._check_idle()
        return {
            "tasks": list(self.tasks),
            "engines": [engine.state_dict() for engine, _ in self._engines],
            "placements": [placements.state_dict() for placements in self._placements],
            "scale": None if self._scale is None else self._scale.state_dict(),
            "generator": generator_state(self.np_random),
            **{name: array.copy() for name, array in self._progress().items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned.

        Args:
            state: of an environment built with the same arguments, but for threads.

        Raises:
            ValueError: it is of other tasks or another number of slots.
            gymnasium.error.AlreadyPendingCallError: a step is under way.
            gymnasium.error.ClosedEnvironmentError: after ``close()``.
        """
        self._check_idle()
        if len(state["tasks"]) != self.num_envs:
            raise ValueError(
                f"the state is of {len(state['tasks'])} slots, but the environment has {self.num_envs}"
            )
        for slot, (theirs, ours) in enumerate(zip(state["tasks"], self.tasks, strict=True)):
            if theirs != ours:
                raise ValueError(
                    f"slot {slot}: the state is of {theirs!r}, but the environment plays {ours!r}"
                )
        for (engine, _), kept in zip(self._engines, state["engines"], strict=True):
            engine.load_state_dict(kept)
        for placements, kept in zip(self._placements, state["placements"], strict=True):
            placements.load_state_dict(kept)
        if self._scale is not None:
            self._scale.load_state_dict(state["scale"])
        load_generator(self.np_random, state["generator"])
        for name, array in self._progress().items():
            array[:] = state[name]

    def _progress(self) -> dict[str, NDArray[Any]]:
        """Return how far slots are, an array [N, …] each."""
        return {
            "steps": self._steps,
            "over": self._over,
            "begun": self._begun,
            "observations": self._observations,
            "successes": self._successes,
            "failures": self._failures,
            "physics_errors": self.physics_errors,
        }

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads and free the renderers."""
        if self._pool is not None and self._pool_of == os.getpid():
            self._pool.shutdown()
        for engine, _ in self._engines:
            engine.close()

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
