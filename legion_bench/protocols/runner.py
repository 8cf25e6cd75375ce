"""The one training loop: act, step, observe, update, for every agent alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any, Protocol

import numpy as np

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.metrics.knowledge import purity
from legion_bench.protocols import checks
from legion_bench.protocols.clock import Clock
from legion_bench.protocols.evaluate import Evaluator
from legion_bench.protocols.schedule import Phase, phases
from legion_bench.protocols.training import TrainingEnvs
from legion_bench.seeding import derive
from legion_bench.types import (
    Actions,
    Agent,
    EvaluationRecord,
    Floats,
    Ints,
    Knowledge,
    KnowledgeRecord,
    TaskInfo,
    TrainingRecord,
    Transitions,
)

State = dict[str, Any]
"""All that a run's future depends on: nested dicts and lists of arrays and plain values."""


class Recorder(Protocol):
    """Where a run's records go, e.g. a run folder."""

    def evaluated(self, records: Iterable[EvaluationRecord]) -> None:
        """Keep the episodes of one evaluation."""

    def trained(self, record: TrainingRecord) -> None:
        """Keep one progress record."""

    def known(self, record: KnowledgeRecord, knowledge: Knowledge) -> None:
        """Keep what the agent knew at the end of a visit."""

    def checkpoint(self, step: int, state: State) -> None:
        """Keep what the run can go on from, should it be stopped after this."""


Watch = Callable[[int, TaskInfo | None, float | None], None]
"""Told of progress: environment steps trained, the visit under way, and after an
evaluation the mean success over tasks. A KeyboardInterrupt that it raises stops the run
between two steps, with a checkpoint."""


class Reached(KeyboardInterrupt):
    """A run has come as far as it was asked to."""


def until(watch: Watch, steps: int) -> Watch:
    """Return ``watch``, stopping the run after the first evaluation at ``steps`` or later."""

    def watched(step: int, visit: TaskInfo | None, success: float | None) -> None:
        watch(step, visit, success)
        if success is not None and step >= steps:
            raise Reached

    return watched


Successor = Callable[[int], Agent]
"""Builds the agent that is trained alone on the visit at a position of the stream."""


def unwatched(step: int, visit: TaskInfo | None, success: float | None) -> None:
    """Watch nothing."""


def train(
    protocol: ProtocolCard,
    stream: StreamCard,
    agent: Agent,
    seed: int,
    recorder: Recorder,
    watch: Watch = unwatched,
    *,
    successor: Successor | None = None,
    checkpoint_minutes: float = 10.0,
    state: State | None = None,
) -> None:
    """Take an agent through a stream, evaluating it as the protocol says.

    Args:
        protocol: regime and evaluation schedule.
        stream: tasks and budgets.
        agent: a freshly built agent; in the single-task regime that of the first visit.
        seed: the run's seed; decides placements, not the agent's randomness.
        recorder: receives every record as soon as it exists, and checkpoints of an
            agent that is a :class:`~legion_bench.types.StatefulAgent`.
        watch: called after every step and evaluation.
        successor: called at each later visit of the single-task regime, and in no other.
        checkpoint_minutes: a checkpoint follows the first evaluation, the last, and every
            other that ends so long after the checkpoint before; 0 for all.
        state: of a checkpoint, to go on from it.

    Raises:
        AgentError: the agent returned what the environment or the recorder refuses.
    """
    if (successor is not None) != (protocol.regime == "single-task"):
        raise ValueError(f"a successor goes with the regime 'single-task', not {protocol.regime!r}")
    env_seed = derive(seed, "stream")
    evaluator = Evaluator(stream, protocol.evaluation_episodes, env_seed, protocol.evaluation_robot)
    with closing(evaluator), closing(TrainingEnvs(stream, protocol.slots, env_seed)) as envs:
        loop = _Loop(
            phases(protocol, stream),
            agent,
            successor,
            envs,
            evaluator,
            recorder,
            watch,
            60 * checkpoint_minutes,
            overlap=protocol.overlap,
        )
        if state is not None:
            loop.load_state_dict(state)
        loop.run()


class _Loop:
    """State of one run: the agent, its environments, the clock."""

    def __init__(
        self,
        schedule: Sequence[Phase],
        agent: Agent,
        successor: Successor | None,
        envs: TrainingEnvs,
        evaluator: Evaluator,
        recorder: Recorder,
        watch: Watch,
        checkpoint_seconds: float,
        *,
        overlap: bool,
    ) -> None:
        self._schedule, self._agent, self._successor = schedule, agent, successor
        self._envs, self._evaluator = envs, evaluator
        self._recorder, self._watch = recorder, watch
        self._clock = Clock()
        self._overlap, self._owed = overlap, False  # an update, to be made during the next step
        self._step = self._evaluations = 0
        self._checkpoint_seconds = checkpoint_seconds
        self._last_checkpoint: float | None = None

    def run(self) -> None:
        if not self._evaluations:
            self._evaluate(None)
        stops = [(phase, stop) for phase in self._schedule for stop in phase.evaluate_at]
        for phase, stop in stops[self._evaluations - 1 :]:
            if self._step == phase.start:
                self._begin(phase)
            while self._step < stop:
                self._train(phase, stop)
            if stop == phase.stop:
                self._end(phase)
            self._evaluate(phase)

    def _begin(self, phase: Phase) -> None:
        with self._clock.measure("agent"):
            self._hand_over(phase)
            self._agent.begin_task(phase.visit)
        self._envs.begin(phase.tasks)

    def _hand_over(self, phase: Phase) -> None:
        """Let a later visit's own agent take over, if there is one for each."""
        if self._successor is not None and phase.visit.position > 0:
            self._agent = self._successor(phase.visit.position)

    def _train(self, phase: Phase, stop: int) -> None:
        """Take one step in every row; what was observed by ``stop`` is learned from by then."""
        envs, rows = self._envs, phase.rows
        before = envs.observations
        with self._clock.measure("agent"):
            actions = self._act(before, envs.tasks, explore=True)
        if self._owed:
            with self._clock.measure("environment"):
                envs.step_async(actions)
            self._update()
            with self._clock.measure("environment"):
                observations, rewards, terminated, truncated = envs.step_wait()
        else:
            with self._clock.measure("environment"):
                observations, rewards, terminated, truncated = envs.step(actions)
        self._step += rows
        last = self._step == phase.stop
        with self._clock.measure("agent"):
            self._agent.observe(
                Transitions(
                    observations=before,
                    actions=actions,
                    rewards=rewards,
                    next_observations=observations,
                    terminated=terminated,
                    truncated=truncated | last,
                    tasks=envs.tasks,
                )
            )
        self._owed = self._overlap and self._step < stop
        if not self._owed:
            self._update()
        finished = terminated | truncated
        if finished.any() and not last:
            with self._clock.measure("environment"):
                envs.restart(finished)
        self._show(phase, None)

    def _update(self) -> None:
        with self._clock.measure("agent"):
            self._clock.report(checks.metrics(self._agent, self._agent.update()))

    def _end(self, phase: Phase) -> None:
        with self._clock.measure("agent"):
            returned = self._agent.end_task(phase.visit)
        tasks = len({task for phase in self._schedule for task in phase.tasks})
        knowledge = checks.knowledge(self._agent, returned, tasks)
        if knowledge is not None:
            record = KnowledgeRecord(
                step=self._step,
                stream_position=phase.visit.position,
                task=phase.visit.name,
                components=len(np.unique(knowledge.components)),
                purity=purity(knowledge.tasks, knowledge.components),
            )
            self._recorder.known(record, knowledge)

    def _evaluate(self, phase: Phase | None) -> None:
        """Judge the agent, and keep what there is to keep up to here."""

        def policy(observations: Floats, tasks: Ints) -> Actions:
            return self._act(observations, tasks, explore=False)

        with self._clock.measure("evaluation"):
            records = self._evaluator(policy, self._step, phase)
        self._recorder.evaluated(records)
        if phase is not None:
            footprint = checks.footprint(self._agent)
            self._recorder.trained(self._clock.record(self._step, phase.visit, footprint))
        self._evaluations += 1
        self._show(phase, float(np.mean([record.success for record in records])))
        if self._step == self._schedule[-1].stop or self._checkpoint_is_due():
            self._checkpoint()

    def _show(self, phase: Phase | None, success: float | None) -> None:
        try:
            self._watch(self._step, None if phase is None else phase.visit, success)
        except KeyboardInterrupt:
            self._checkpoint()
            raise

    def _act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        returned = self._agent.act(observations, tasks, explore=explore)
        return checks.actions(self._agent, returned, len(observations))

    def _checkpoint_is_due(self) -> bool:
        last = self._last_checkpoint
        return last is None or time.monotonic() - last >= self._checkpoint_seconds

    def _checkpoint(self) -> None:
        if not checks.is_stateful(self._agent):
            return
        state = {
            "step": self._step,
            "evaluations": self._evaluations,
            "owed": self._owed,
            "agent": self._agent.state_dict(),
            "environments": self._envs.state_dict(),
            "clock": self._clock.state_dict(),
        }
        self._recorder.checkpoint(self._step, state)
        self._last_checkpoint = time.monotonic()

    def load_state_dict(self, state: State) -> None:
        """Go on from a checkpoint."""
        self._step, self._evaluations, self._owed = state["step"], state["evaluations"], state["owed"]
        # A visit begins with its first step: until then, the agent is that of the visit before.
        self._hand_over(next(phase for phase in self._schedule if self._step <= phase.stop))
        assert checks.is_stateful(self._agent)
        self._agent.load_state_dict(state["agent"])
        self._envs.load_state_dict(state["environments"])
        self._clock.load_state_dict(state["clock"])
        self._last_checkpoint = time.monotonic()
