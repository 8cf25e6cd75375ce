"""Start a run: everything is checked before anything is created."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from legion_bench import agents, cards, threads
from legion_bench.cards import AgentCard, ProtocolCard, StreamCard
from legion_bench.errors import CardError, LegionBenchWarning, RunError, StackError
from legion_bench.protocols.checks import is_stateful
from legion_bench.protocols.runner import Reached, Watch, train, until, unwatched
from legion_bench.protocols.schedule import spans
from legion_bench.results import checkpoints, provenance
from legion_bench.results.checkpoints import Checkpoint
from legion_bench.results.folder import RunFolder, Stage, check_free, clear, now, stage
from legion_bench.results.lock import locked
from legion_bench.results.store import Manifest
from legion_bench.seeding import check_seed, derive
from legion_bench.types import Agent, AgentSetup, StackedAgent, TaskInfo

Say = Callable[[str], None]
"""Told in words how a run begins, where that is not from the beginning."""


def unheard(text: str) -> None:
    """Say nothing."""


def run(
    protocol: str,
    agent: str,
    seed: int = 0,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    checkpoint_minutes: float = 10.0,
    stop_after: int | None = None,
    watch: Watch = unwatched,
    say: Say = unheard,
) -> Path:
    """Train one agent under one protocol with one seed; return its run folder.

    A run that was stopped goes on from its last checkpoint, if nothing that decides
    its results has changed.

    Args:
        protocol: card name or path.
        agent: card name, path, entry point or ``package.module:Class``.
        seed: in [0, 2**31).
        out: the run folder; by default ``runs/<protocol>/<agent>/seed-<seed>``.
        overwrite: delete a run that is already there.
        checkpoint_minutes: least time between checkpoints; 0 for one per evaluation.
        stop_after: leave the run unfinished after the first evaluation at so many environment steps or
            more, with a checkpoint; its budget stays what the protocol says.
        watch: told of progress; see :mod:`legion_bench.protocols.runner`.
        say: told what becomes of a run that was stopped.

    Raises:
        LegionBenchError: a wrong name, card, parameter or folder; nothing was created.
    """
    threads.pin()
    job = job_of(protocol, agent, seed, out)
    job.check(overwrite=overwrite)
    learner = job.build(0)
    with locked(job.path):
        checkpoint = None
        # Asked again: another process may have been here until now.
        if job.check(overwrite=overwrite):
            checkpoint = _last_checkpoint(job.path, learner, say)
        if stop_after is None or stop_after >= job.steps:
            job.train(learner, checkpoint, checkpoint_minutes, watch)
            return job.path
        with suppress(Reached):
            job.train(learner, checkpoint, checkpoint_minutes, until(watch, stop_after))
    say(f"the run is not finished: it was to stop after step {stop_after:,}, and goes on when asked again")
    return job.path


def run_stack(
    protocol: str,
    agent: str,
    seeds: Sequence[int],
    out: Path | None = None,
    *,
    overwrite: bool = False,
    checkpoint_minutes: float = 10.0,
    watch: Watch = unwatched,
) -> list[Path]:
    """Train one agent with several seeds at once, their updates in one batch; return the run folders.

    Each seed has environments and a run folder of its own, and its results are those of
    :func:`run` but for the rounding of sums. A stack that was stopped does not go on; each
    of its runs does, by :func:`run`.

    Args:
        protocol: card name or path.
        agent: card name, path, entry point or ``package.module:Class``; the class has
            ``stack``, see :meth:`legion_bench.agents.legion.agent.LegionAgent.stack`.
        seeds: distinct, in [0, 2**31).
        out: holds the run folders ``seed-<seed>``; by default ``runs/<protocol>/<agent>``.
        overwrite: delete runs that are already there.
        checkpoint_minutes: least time between checkpoints; 0 for one per evaluation.
        watch: told of the first seed's progress.

    Raises:
        LegionBenchError: a wrong name, card, parameter or folder; nothing was created.
    """
    threads.pin()
    protocol_card, stream = cards.load_protocol(protocol)
    if protocol_card.regime == "single-task":
        raise CardError(
            f"protocol {protocol_card.name!r}: the regime 'single-task' builds an agent at each visit,"
            " which those that learn together cannot: leave --stack out"
        )
    card = agents.resolve(agent)
    folders = [None if out is None else out / f"seed-{seed}" for seed in seeds]
    jobs = [
        Job(protocol_card, stream, card, seed, folder) for seed, folder in zip(seeds, folders, strict=True)
    ]
    for job in jobs:
        if job.check(overwrite=overwrite):
            raise RunError(
                f"{job.path} holds a run that was stopped, and a stack cannot go on:"
                " finish it by itself, without --stack, or say --overwrite"
            )
    learners = agents.build_stack(card, [_setup(stream, seed) for seed in seeds])
    watches = _watch_together(watch, len(jobs))

    def train_one(job: Job, learner: StackedAgent, watch: Watch) -> None:
        try:
            job.train(learner, None, checkpoint_minutes, watch)
        except BaseException as error:
            learner.leave(error)
            raise

    with ExitStack() as locks:
        for job in jobs:
            locks.enter_context(locked(job.path))
        for job in jobs:  # asked again: other processes may have been here until now
            job.check(overwrite=overwrite)
        with ThreadPoolExecutor(len(jobs), "seed") as pool:
            done = [pool.submit(train_one, *one) for one in zip(jobs, learners, watches, strict=True)]
    failed = [error for future in done if (error := future.exception()) is not None]
    if failed:  # the others stopped because of one, and that is what to tell
        raise next((error for error in failed if not isinstance(error, StackError)), failed[0])
    return [job.path for job in jobs]


def _watch_together(watch: Watch, runs: int) -> list[Watch]:
    """Return a watch for each run of a stack; if ``watch`` stops the first, all stop after the next step.

    Not at once, because then some would already wait in an update for those that stopped.
    """
    stop_after = math.inf

    def leading(step: int, visit: TaskInfo | None, success: float | None) -> None:
        nonlocal stop_after
        try:
            watch(step, visit, success)
        except KeyboardInterrupt:
            stop_after = min(stop_after, step)
        following(step, visit, success)

    def following(step: int, visit: TaskInfo | None, success: float | None) -> None:
        if step > stop_after:
            raise KeyboardInterrupt

    return [leading, *[following] * (runs - 1)]


def job_of(protocol: str, agent: str, seed: int, out: Path | None) -> Job:
    """Return what there is to do for one seed; arguments are those of :func:`run`.

    Raises:
        LegionBenchError: a wrong name, card or seed.
    """
    return Job(*cards.load_protocol(protocol), agents.resolve(agent), seed, out)


class Job:
    """One protocol, agent and seed, and the folder they are for."""

    def __init__(
        self, protocol: ProtocolCard, stream: StreamCard, agent: AgentCard, seed: int, out: Path | None
    ) -> None:
        """Put them together; nothing is created."""
        check_seed(seed)
        self.protocol, self.stream, self.agent, self.seed = protocol, stream, agent, seed
        self.path = out or default_folder(protocol, agent, seed)
        self._manifest = _manifest(protocol, stream, agent, seed)

    def build(self, position: int) -> Agent:
        """Return a fresh agent for the visit at ``position``, where it has one of its own, or for all."""
        alone = self.protocol.regime == "single-task"
        agent = build_agent(self.agent, self.stream, self.seed, position if alone else None)
        self._warn_of_no_updates(agent)
        return agent

    def _warn_of_no_updates(self, agent: Agent) -> None:
        """Say before anything is trained that nothing will be, if the agent tells when it begins."""
        starts = getattr(agent, "learning_starts", 0)
        longest = max(span.stop - span.start for span in spans(self.protocol, self.stream))
        if isinstance(starts, int) and starts >= longest:  # an agent of others may mean something else by it
            warnings.warn(
                f"agent {self.agent.name!r} will never be updated under {self.protocol.name!r}:"
                f" learning_starts is {starts:,}, and no visit has more than {longest:,} environment steps;"
                " take a card that ends in -small, or one of your own that sets it lower",
                LegionBenchWarning,
                stacklevel=3,
            )

    @property
    def steps(self) -> int:
        """Environment steps of the whole run."""
        return spans(self.protocol, self.stream)[-1].stop

    @property
    def stage(self) -> Stage:
        """How far it is; raises RunError if something else is in the folder."""
        return stage(self.path, self._manifest)

    def check(self, *, overwrite: bool) -> bool:
        """Return whether the folder holds a run that may go on; see :func:`check_free`."""
        return check_free(self.path, self._manifest, overwrite=overwrite)

    def train(
        self, agent: Agent, checkpoint: Checkpoint | None, checkpoint_minutes: float, watch: Watch
    ) -> None:
        """Train a freshly built agent, from a checkpoint or from the start; the folder is locked."""
        # Building the agent may have loaded torch.
        manifest = msgspec.structs.replace(self._manifest, threads=threads.describe())
        if checkpoint is None:
            clear(self.path)
        with RunFolder(self.path, manifest, checkpoint) as folder:
            train(
                self.protocol,
                self.stream,
                agent,
                self.seed,
                folder,
                watch,
                successor=self.build if self.protocol.regime == "single-task" else None,
                checkpoint_minutes=checkpoint_minutes,
                state=None if checkpoint is None else checkpoint.state,
            )


def _last_checkpoint(path: Path, agent: Agent, say: Say) -> Checkpoint | None:
    """Return what an unfinished run goes on from, and say so; None if it must start over."""
    if not is_stateful(agent):
        name = type(agent).__name__
        say(f"the run starts over: {name} has no state_dict and load_state_dict of its own to go on from")
        return None
    checkpoint, complaints = checkpoints.newest(path)
    for complaint in complaints:
        say(complaint)
    if checkpoint is None:
        say("the run starts over: it has no checkpoint to go on from")
    else:
        say(f"the run goes on from step {checkpoint.step:,}")
    return checkpoint


def build_agent(card: AgentCard, stream: StreamCard, seed: int, position: int | None = None) -> Agent:
    """Return a fresh agent for a stream, seeded for run ``seed``.

    Args:
        card: the agent.
        stream: what it is told of.
        seed: the run's seed.
        position: of the one visit that it is trained on; None for all of them.
    """
    return agents.build(card, _setup(stream, seed, position))


def _setup(stream: StreamCard, seed: int, position: int | None = None) -> AgentSetup:
    from legion_bench.envs.spaces import action_space, observation_space

    return AgentSetup(
        observation_space=observation_space(stream.observation),
        action_space=action_space(),
        tasks=stream.visits(),
        steps_per_task=stream.steps_per_task,
        seed=derive(seed, "agent", *(() if position is None else (position,))),
    )


def default_folder(protocol: ProtocolCard, agent: AgentCard, seed: int, root: Path = Path("runs")) -> Path:
    """Return where a run goes unless told otherwise."""
    return root / protocol.name / agent.name.replace(":", ".") / f"seed-{seed}"


def _manifest(protocol: ProtocolCard, stream: StreamCard, agent: AgentCard, seed: int) -> Manifest:
    return Manifest(
        status="running",
        seed=seed,
        protocol=protocol,
        stream=stream,
        tasks=tuple(cards.load_task(name) for name in dict.fromkeys(stream.tasks)),
        agent=agent,
        started=now(),
        command=provenance.command(),
        versions=provenance.versions(agent.entry_point),
        git=provenance.git(),
        hardware=provenance.hardware(),
        threads=threads.describe(),
    )
