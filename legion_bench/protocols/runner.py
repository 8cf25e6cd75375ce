"""The one training loop: act, step, observe, update, for every agent alike."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Protocol

import numpy as np

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.envs.stream import StreamEnv
from legion_bench.errors import AgentError
from legion_bench.protocols.evaluate import Evaluator
from legion_bench.protocols.schedule import Phase, phases
from legion_bench.seeding import derive
from legion_bench.types import (
    Actions,
    Agent,
    EvaluationRecord,
    Floats,
    Ints,
    Metrics,
    TaskInfo,
    TrainingRecord,
    Transitions,
)


class Recorder(Protocol):
    """Where a run's records go, e.g. a run folder."""

    def evaluated(self, records: Iterable[EvaluationRecord]) -> None:
        """Keep the episodes of one evaluation."""

    def trained(self, record: TrainingRecord) -> None:
        """Keep one progress record."""


Watch = Callable[[int, TaskInfo | None, float | None], None]
"""Told of progress: environment steps trained, the visit under way, and after an
evaluation the mean success over tasks."""


def unwatched(step: int, visit: TaskInfo | None, success: float | None) -> None:
    """Watch nothing."""


def train(
    protocol: ProtocolCard,
    stream: StreamCard,
    agent: Agent,
    seed: int,
    recorder: Recorder,
    watch: Watch = unwatched,
) -> None:
    """Take an agent through a stream, evaluating it as the protocol says.

    Args:
        protocol: evaluation schedule.
        stream: tasks and budgets.
        agent: a freshly built agent.
        seed: the run's seed; decides placements, not the agent's randomness.
        recorder: receives every record as soon as it exists.
        watch: called after every step and evaluation.

    Raises:
        AgentError: the agent returned actions that the environment refuses.
    """
    env_seed = derive(seed, "stream")
    with (
        closing(StreamEnv(stream)) as env,
        closing(Evaluator(stream, protocol.evaluation_episodes, env_seed)) as evaluator,
    ):
        _Loop(agent, env, evaluator, recorder, watch).run(phases(protocol, stream), env_seed)


class _Loop:
    """State of one run: the agent, its environment, the clock."""

    def __init__(
        self, agent: Agent, env: StreamEnv, evaluator: Evaluator, recorder: Recorder, watch: Watch
    ) -> None:
        self._agent, self._env, self._evaluator = agent, env, evaluator
        self._recorder, self._watch = recorder, watch
        self._clock = _Clock()
        self._step = 0

    def run(self, phases: Iterable[Phase], seed: int) -> None:
        self._evaluate(-1, None)
        reset_seed: int | None = seed  # the first reset starts the stream
        for phase in phases:
            with self._clock.measure("agent"):
                self._agent.begin_task(phase.visit)
            observation, _ = self._env.reset(seed=reset_seed)
            reset_seed = None
            for stop in phase.evaluate_at:
                observation = self._train_until(stop, observation, phase.visit)
                if stop == phase.stop:
                    with self._clock.measure("agent"):
                        self._agent.end_task(phase.visit)
                self._evaluate(phase.visit.position, phase.visit)
                self._recorder.trained(self._clock.record(stop, phase.visit))

    def _train_until(self, stop: int, observation: Floats, visit: TaskInfo) -> Floats:
        task = np.array([visit.index])
        while self._step < stop:
            with self._clock.measure("agent"):
                action = self._act(observation[None], task, explore=True)[0]
            with self._clock.measure("environment"):
                following, reward, terminated, truncated, _ = self._env.step(action)
            with self._clock.measure("agent"):
                self._agent.observe(
                    Transitions(
                        observations=observation[None],
                        actions=action[None],
                        rewards=np.array([reward]),
                        next_observations=following[None],
                        terminated=np.array([terminated]),
                        truncated=np.array([truncated]),
                        tasks=task,
                    )
                )
                self._clock.report(self._update())
            self._step += 1
            observation = following
            if (terminated or truncated) and not self._env.visit_over:
                with self._clock.measure("environment"):
                    observation, _ = self._env.reset()
            self._watch(self._step, visit, None)
        return observation

    def _evaluate(self, stream_position: int, visit: TaskInfo | None) -> None:
        def policy(observations: Floats, tasks: Ints) -> Actions:
            return self._act(observations, tasks, explore=False)

        with self._clock.measure("evaluation"):
            records = self._evaluator(policy, self._step, stream_position)
        self._recorder.evaluated(records)
        self._watch(self._step, visit, float(np.mean([record.success for record in records])))

    def _act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return the agent's actions as the environment will execute them."""
        returned = self._agent.act(observations, tasks, explore=explore)
        shape = (len(observations), 4)
        try:
            actions = np.asarray(returned, dtype=np.float32)
        except (TypeError, ValueError, OverflowError) as error:
            raise AgentError(
                f"{type(self._agent).__name__}.act must return an array of shape {shape}: {error}"
            ) from error
        if actions.shape != shape or not np.all(np.abs(actions) <= 1.0):  # False for NaN as well
            what = f"shape {actions.shape}" if actions.shape != shape else str(actions.tolist())
            raise AgentError(
                f"{type(self._agent).__name__}.act must return finite actions of shape {shape}"
                f" in [-1, 1], got {what}"
            )
        return actions

    def _update(self) -> Metrics:
        reported = self._agent.update()
        try:
            return {name: float(value) for name, value in reported.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise AgentError(
                f"{type(self._agent).__name__}.update must return a mapping of names to numbers,"
                f" {{}} for none, got {reported!r}"
            ) from error


class _Clock:
    """Where the time goes, and what updates report, between two progress records."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._reports: dict[str, list[float]] = defaultdict(list)
        self._last_step = 0

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Add the time that the block takes to ``what``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[what] += time.perf_counter() - began

    def report(self, metrics: Metrics) -> None:
        """Take in what one update reported."""
        for name, value in metrics.items():
            self._reports[name].append(value)

    def record(self, step: int, visit: TaskInfo) -> TrainingRecord:
        """Return progress since the last record, and begin anew."""
        seconds, reports = self._seconds, self._reports
        training = seconds["environment"] + seconds["agent"]
        record = TrainingRecord(
            step=step,
            stream_position=visit.position,
            task=visit.name,
            wall_clock=time.perf_counter() - self._began,
            steps_per_second=(step - self._last_step) / training if training else 0.0,
            environment_seconds=seconds["environment"],
            update_seconds=seconds["agent"],
            evaluation_seconds=seconds["evaluation"],
            losses={name: float(np.mean(values)) for name, values in sorted(reports.items())},
        )
        self._seconds, self._reports = defaultdict(float), defaultdict(list)
        self._last_step = step
        return record
