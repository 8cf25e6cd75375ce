"""The words of legion-bench as frozen records, shared by every floor of the house.

Structs are what files hold (msgspec checks them on the way in); dataclasses are
what lives in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

if TYPE_CHECKING:
    from gymnasium.spaces import Box

Floats = npt.NDArray[np.float64]
Actions = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# LEGION's twelve observed values, by their place in Meta-World's thirty-nine.
LEGION_12 = np.array([0, 1, 2, 4, 5, 6, 11, 12, 13, 36, 37, 38])

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""What an array of integers can hold."""

Metrics = Mapping[str, float]
"""What one update reports: name of a loss or statistic → its value."""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """One visit to one task of a stream, as an agent is told about it."""

    name: str
    """Task name, e.g. ``"drawer-close"``."""
    index: int
    """Identity of the task among the stream's distinct tasks, from 0."""
    position: int
    """Place in the stream, from 0."""
    presentation: int
    """Which visit to this task it is, from 1."""
    instruction: str
    """The task in one English sentence."""


@dataclass(frozen=True, slots=True)
class AgentSetup:
    """Everything an agent may know when it is built."""

    observation_space: Box
    action_space: Box
    tasks: tuple[TaskInfo, ...]
    """The visits to come, in stream order."""
    steps_per_task: int
    """Environment steps of each visit."""
    seed: int
    """Seed of the agent's own randomness, in [0, 2**31)."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """N environment steps, one per slot of the training environment."""

    observations: Floats
    """[N, obs] before the step."""
    actions: Actions
    """[N, 4] as executed, in [-1, 1]."""
    rewards: Floats
    """[N]"""
    next_observations: Floats
    """[N, obs] after the step, before any reset."""
    terminated: Bools
    """[N] the task itself ended: the future is worth nothing."""
    truncated: Bools
    """[N] the horizon or the visit ended: bootstrap from the next observation."""
    tasks: Ints
    """[N] task identities (:attr:`TaskInfo.index`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """What an agent that sorts its experience into components knows at the end of a visit."""

    latents: npt.NDArray[np.float32]
    """[M, z] of transitions drawn from its memory."""
    tasks: Ints
    """[M] the identity of the task that each came from."""
    components: Ints
    """[M] the component, in [0, K), that each most likely belongs to."""
    means: Floats
    """[K, z]"""
    variances: Floats
    """[K, z]"""
    weights: Floats
    """[K] expected share of each component; what is missing to 1 is for components unseen."""


class Agent(Protocol):
    """A learner. Any class with these methods takes part; no base class is needed.

    It is built as ``YourAgent(setup, **parameters)``, where the parameters are
    those of its card. The runner then calls, for each visit of the stream,
    ``begin_task``, the loop *act, step, observe, update*, and ``end_task``.
    ``act(explore=False)`` is also called between steps, to evaluate: it must not
    change what is learned.

    An agent that has ``state_dict`` and ``load_state_dict`` as well
    (:class:`StatefulAgent`) can be resumed after a run was stopped; one that has
    ``footprint`` (:class:`MeasuredAgent`) has its cost recorded.
    """

    def begin_task(self, task: TaskInfo) -> None:
        """A visit begins."""

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> npt.NDArray[Any]:
        """Return actions [N, 4] in [-1, 1] for observations [N, obs] of tasks [N].

        Args:
            explore: True while training; False asks for the policy to be judged.
        """

    def observe(self, batch: Transitions) -> None:
        """Take in what happened."""

    def update(self) -> Metrics:
        """Learn from what was observed; called once after each step. May return {}."""

    def end_task(self, task: TaskInfo) -> Knowledge | None:
        """A visit is over; its last evaluation comes right after.

        What is returned is kept in the run folder.
        """


class StatefulAgent(Agent, Protocol):
    """An agent whose runs can be resumed exactly."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides what the agent does next, random states included.

        Nested dicts with string keys, lists, torch tensors, NumPy arrays and plain
        values: nothing that needs code to be read.
        """

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the agent that ``state_dict`` described, having been built from the same setup."""


class Footprint(msgspec.Struct, frozen=True):
    """What an agent has cost so far, and what it keeps."""

    gradient_updates: int
    """Gradient steps since the agent was built; one batch that trains several networks counts once."""
    parameters: int
    """Numbers in all networks that are trained."""
    stored_bytes: int
    """Memory of what is kept of past experience now: replay, and whatever a method keeps of past tasks."""


class MeasuredAgent(Agent, Protocol):
    """An agent that says what it costs."""

    def footprint(self) -> Footprint:
        """Return it; asked after each evaluation but the first."""


class StackedAgent(Agent, Protocol):
    """One of several agents that learn together, each run in a thread of its own.

    Its class has a class method ``stack(setups, **parameters)`` that returns them.
    """

    def leave(self, error: BaseException) -> None:
        """Let the others stop, since this one has, because of ``error``."""


class EvaluationRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One evaluation episode: one line of ``evaluations.jsonl``."""

    step: Int64
    """Environment steps trained so far; 0 before training."""
    stream_position: Int64
    """Position of the stream being trained; -1 before training."""
    task_position: Int64
    """Position of the evaluated task: its first in the stream."""
    task: str
    presentation: Int64
    """Visits to the evaluated task that the agent has begun so far; 0 if it was never trained."""
    episode: Int64
    success: Int64
    """1 if ``info["success"]`` was 1 at any step of the episode, else 0."""
    episode_return: float = msgspec.field(name="return")
    """Undiscounted sum of rewards."""
    length: Int64
    """Environment steps of the episode."""


class KnowledgeRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Knowledge at a visit's end in two numbers: one line of ``knowledge.jsonl``."""

    step: Int64
    stream_position: Int64
    task: str
    components: Int64
    """Components that at least one latent belongs to."""
    purity: float
    """Share of latents that come from the commonest task of their component."""


class TrainingRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Progress since the last such record: one line of ``training.jsonl``."""

    step: Int64
    stream_position: Int64
    task: str
    wall_clock: float
    """Seconds since the run began."""
    steps_per_second: float
    """Environment steps per second of training, evaluation left out."""
    environment_seconds: float
    update_seconds: float
    """Seconds in the agent, all its methods together."""
    evaluation_seconds: float
    losses: dict[str, float | None]
    """Mean of what ``update`` reported; null where that was not finite."""
    gradient_updates: Int64 | None = None
    """Of the agent's :class:`Footprint`, as the next two; null if it tells none."""
    parameters: Int64 | None = None
    stored_bytes: Int64 | None = None
    peak_memory_bytes: Int64 | None = None
    """Most memory that was ever resident, of the process that trains, whatever else it does; null
    where the system does not tell. A resumed run is a new process."""
