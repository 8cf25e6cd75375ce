"""Which single-task runs a run's forward transfer is measured against."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from legion_bench.errors import MetricError
from legion_bench.metrics import NO_REFERENCE, Undefined
from legion_bench.metrics.curves import learning_auc
from legion_bench.reports import logs
from legion_bench.results.store import Manifest, Run
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
    """A single-task run, read."""

    run: Run
    auc: Mapping[str, float]
    """Per task: mean success rate over the visit to it, and over visits where there are several."""


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
    for task, auc in zip(run.manifest.stream.tasks, aucs, strict=True):
        found[task].append(float(auc))
    return Alone(run, {task: float(np.mean(values)) for task, values in found.items()})


def reference_of(manifest: Manifest, references: Sequence[Alone]) -> Reference | Undefined:
    """Return what a run is compared with, or why it has none.

    That is the runs of its own agent, else those of the agent which its card extends,
    else of the next in that chain.

    Raises:
        MetricError: there are such runs, but none trained and evaluated the run's tasks alike.
    """
    if not references:
        return NO_REFERENCE
    regime = manifest.protocol.regime
    if regime not in ("lifelong", "single-task"):
        return Undefined(f"the regime {regime!r} trains tasks together, the reference alone")
    chain = (manifest.agent.name, *manifest.agent.extends)
    for name in chain:
        candidates = [one for one in references if one.run.manifest.agent.name == name]
        if candidates:
            return _average(name, manifest, candidates)
    return Undefined(f"no reference run is of {' or '.join(repr(name) for name in chain)}")


def _average(agent: str, manifest: Manifest, candidates: Sequence[Alone]) -> Reference:
    differences = [list(_differences(manifest, one.run.manifest)) for one in candidates]
    fitting = [one for one, found in zip(candidates, differences, strict=True) if not found]
    if not fitting:
        raise MetricError(
            f"{manifest.protocol.name}, {manifest.agent.name}, seed {manifest.seed}: the reference"
            f" {candidates[0].run.path} was made otherwise: {'; '.join(differences[0])}"
        )
    tasks = manifest.stream.tasks
    auc = np.mean([[one.auc[task] for task in tasks] for one in fitting], axis=0)
    mine, theirs = manifest.agent, [one.run.manifest.agent for one in fitting]
    other_card = agent == mine.name and any(
        (card.entry_point, card.parameters) != (mine.entry_point, mine.parameters) for card in theirs
    )
    return Reference(agent, len(fitting), auc, other_card)


def _differences(run: Manifest, reference: Manifest) -> Iterator[str]:
    for part, names in (("stream", _STREAM), ("protocol", _PROTOCOL)):
        for name in names:
            here, there = (getattr(getattr(one, part), name) for one in (run, reference))
            if here != there:
                yield f"{part}.{name} is {there!r} there and {here!r} here"
    lacking = [task for task in dict.fromkeys(run.stream.tasks) if task not in reference.stream.tasks]
    if lacking:
        yield f"stream.tasks lacks {', '.join(lacking)} there"
    elif (
        run.stream.tasks != reference.stream.tasks and run.stream.steps_per_task % run.protocol.evaluate_every
    ):
        yield "stream.tasks has another order there, and so evaluations fall elsewhere within a visit"
