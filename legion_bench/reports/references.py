"""Which single-task references a run's forward transfer is measured against, and how they are made."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from legion_bench.cards import AgentCard, ProtocolCard, StreamCard
from legion_bench.errors import MetricError
from legion_bench.metrics import NO_REFERENCE, Undefined
from legion_bench.metrics.curves import learning_auc
from legion_bench.reports import logs
from legion_bench.results import references as files
from legion_bench.results.store import EVALUATIONS, Manifest, Run
from legion_bench.types import Floats

# What must be the same for a run to be compared with one of single tasks.
_STREAM = (
    "robot",
    "observation",
    "reward",
    "horizon",
    "placement",
    "terminate_on_success",
    "steps_per_task",
)
_PROTOCOL = ("evaluate_every", "evaluation_episodes", "evaluation_robot", "slots", "overlap")


@dataclass(frozen=True)
class Alone:
    """What one single-task run measured."""

    source: str
    """Where it comes from, in words."""
    protocol: ProtocolCard
    stream: StreamCard
    agent: AgentCard
    auc: Mapping[str, float]
    """Per task: mean success rate over the visit to it, and over visits where there are several."""
    shipped: bool = False
    """Whether it comes with the package; else somebody asked for it, and then it must fit."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What a run is compared with."""

    agent: str
    """The agent that learned alone."""
    runs: int
    auc: Floats
    """[N] by position of the run's stream, averaged over the reference's runs."""
    other_card: bool
    """Whether that agent has the run's name, but not its class and parameters."""
    shipped: bool
    """Whether the runs come with the package."""


def alone(run: Run) -> Alone:
    """Return a run as a reference.

    Raises:
        MetricError: it is not under the regime single-task, or not complete.
    """
    regime = run.manifest.protocol.regime
    if regime != "single-task":
        raise MetricError(f"{run.path} is no reference: its regime is {regime!r}, not 'single-task'")
    found: dict[str, list[float]] = defaultdict(list)
    try:
        aucs = learning_auc(logs.performance(run))
    except MetricError as error:
        raise MetricError(f"{run.path} is no reference: {error}") from None
    manifest = run.manifest
    for task, auc in zip(manifest.stream.tasks, aucs, strict=True):
        found[task].append(float(auc))
    means = {task: float(np.mean(values)) for task, values in found.items()}
    return Alone(str(run.path), manifest.protocol, manifest.stream, manifest.agent, means)


def shipped() -> tuple[Alone, ...]:
    """Return the references that come with the package.

    Raises:
        RunError: one of their files is damaged or was edited.
    """
    return tuple(
        Alone(f"{path}, seed {one.seed}", made.protocol, made.stream, made.agent, one.auc, shipped=True)
        for path in files.shipped()
        for made in (files.read(path),)
        for one in made.seeds
    )


def collect(runs: Iterable[Run]) -> tuple[files.SingleTask, ...]:
    """Return runs as references to be written, one per protocol and agent.

    Raises:
        MetricError: a run is not under the regime single-task, or not complete; or two of one
            protocol and agent have the same seed or different cards.
    """
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.manifest.protocol.name, run.manifest.agent.name].append(run)
    return tuple(_collected(group) for _, group in sorted(groups.items(), key=lambda item: item[0]))


def _collected(runs: Sequence[Run]) -> files.SingleTask:
    """Return the runs of one protocol and agent as one reference."""
    runs = sorted(runs, key=lambda run: run.manifest.seed)
    for one, other in pairwise(runs):
        if one.manifest.seed == other.manifest.seed:
            raise MetricError(f"{one.path} and {other.path} have the same seed: leave one out")
        for part in ("protocol", "stream", "tasks", "agent"):
            if getattr(one.manifest, part) != getattr(other.manifest, part):
                raise MetricError(
                    f"{one.path} and {other.path} have different {part} cards: give one of them another name,"
                    " or leave it out"
                )
    first = runs[0].manifest
    return files.SingleTask(
        protocol=first.protocol,
        stream=first.stream,
        tasks=first.tasks,
        agent=first.agent,
        seeds=tuple(
            files.Seed(
                seed=run.manifest.seed,
                auc=dict(alone(run).auc),
                evaluations_sha256=hashlib.sha256((run.path / EVALUATIONS).read_bytes()).hexdigest(),
                versions=run.manifest.versions,
                git=run.manifest.git,
            )
            for run in runs
        ),
    )


def reference_of(manifest: Manifest, references: Sequence[Alone]) -> Reference | Undefined:
    """Return what a run is compared with, or why it has none.

    That is the runs of its own agent, else those of the agent which its card extends,
    else of the next in that chain. Shipped references count where they trained and evaluated the
    run's tasks alike.

    Raises:
        MetricError: there are such runs that somebody asked for, but none that did.
    """
    regime = manifest.protocol.regime
    if regime not in ("lifelong", "single-task"):
        return Undefined(f"the regime {regime!r} trains tasks together, the reference alone")
    references = [one for one in references if not (one.shipped and any(_differences(manifest, one)))]
    if not references:
        return NO_REFERENCE
    chain = (manifest.agent.name, *manifest.agent.extends)
    for name in chain:
        candidates = [one for one in references if one.agent.name == name]
        if candidates:
            return _average(name, manifest, candidates)
    return Undefined(f"no reference run is of {' or '.join(repr(name) for name in chain)}")


def _average(agent: str, manifest: Manifest, candidates: Sequence[Alone]) -> Reference:
    differences = [list(_differences(manifest, one)) for one in candidates]
    fitting = [one for one, found in zip(candidates, differences, strict=True) if not found]
    if not fitting:
        raise MetricError(
            f"{manifest.protocol.name}, {manifest.agent.name}, seed {manifest.seed}: the reference"
            f" {candidates[0].source} was made otherwise: {'; '.join(differences[0])}"
        )
    tasks = manifest.stream.tasks
    auc = np.mean([[one.auc[task] for task in tasks] for one in fitting], axis=0)
    mine, theirs = manifest.agent, [one.agent for one in fitting]
    other_card = agent == mine.name and any(
        (card.entry_point, card.parameters) != (mine.entry_point, mine.parameters) for card in theirs
    )
    return Reference(agent, len(fitting), auc, other_card, shipped=all(one.shipped for one in fitting))


def _differences(manifest: Manifest, reference: Alone) -> Iterator[str]:
    protocol, stream = manifest.protocol, manifest.stream
    parts = (
        (stream, reference.stream, "stream", _STREAM),
        (protocol, reference.protocol, "protocol", _PROTOCOL),
    )
    for mine, theirs, part, names in parts:
        for name in names:
            here, there = getattr(mine, name), getattr(theirs, name)
            if here != there:
                yield f"{part}.{name} is {there!r} there and {here!r} here"
    lacking = [task for task in dict.fromkeys(stream.tasks) if task not in reference.stream.tasks]
    if lacking:
        yield f"stream.tasks lacks {', '.join(lacking)} there"
    elif stream.tasks != reference.stream.tasks and stream.steps_per_task % protocol.evaluate_every:
        yield "stream.tasks has another order there, and so evaluations fall elsewhere within a visit"
