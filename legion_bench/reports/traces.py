"""Runs as reference numbers: what of each is kept to compare later runs with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from legion_bench.errors import MetricError, unknown
from legion_bench.metrics import Performance
from legion_bench.reports import logs
from legion_bench.results.regression import Counts, Numbers, Trace, Traces
from legion_bench.results.store import EVALUATIONS, Manifest, Run
from legion_bench.types import Floats, TrainingRecord


def collect(runs: Iterable[Run], agents: Sequence[str] | None = None) -> Numbers:
    """Return runs as reference numbers to be written.

    Args:
        runs: of one protocol.
        agents: of these alone; None for all.

    Raises:
        MetricError: an agent has no run; runs are of several protocols, one is not complete, two have the
            same agent and seed, or different cards.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.manifest.agent.name, []).append(run)
    for name in agents or ():
        if name not in groups:
            raise MetricError(f"{unknown('agent', name, groups)}, among the runs")
    groups = {name: group for name, group in groups.items() if agents is None or name in agents}
    every = [run for group in groups.values() for run in sorted(group, key=lambda run: run.manifest.seed)]
    first = every[0].manifest
    for run in every:
        check_cards(run, first)
        if not logs.performance(run).complete:
            raise MetricError(f"{run.path} is not complete: reference numbers are of whole runs")
    for one, other in pairwise(every):
        if one.manifest.agent.name != other.manifest.agent.name:
            continue
        if one.manifest.seed == other.manifest.seed:
            raise MetricError(f"{one.path} and {other.path} have the same seed: leave one out")
        if one.manifest.agent != other.manifest.agent:
            raise MetricError(f"{one.path} and {other.path} have different agent cards: leave one out")
    return Numbers(
        protocol=first.protocol,
        stream=first.stream,
        tasks=first.tasks,
        steps=tuple(logs.performance(every[0]).steps.tolist()),
        agents=tuple(
            Traces(
                agent=group[0].manifest.agent,
                runs=tuple(trace_of(run) for run in every if run.manifest.agent.name == name),
            )
            for name, group in sorted(groups.items())
        ),
    )


def check_cards(run: Run, there: Manifest | Numbers) -> None:
    """Raise unless a run has the cards of another run, or of reference numbers.

    Raises:
        MetricError: protocol, stream or tasks differ.
    """
    for part in ("protocol", "stream", "tasks"):
        if getattr(run.manifest, part) != getattr(there, part):
            raise MetricError(
                f"{run.path} has another {part} card than {there.protocol.name!r} there: its numbers cannot"
                " be compared; where that is meant, make them anew with `legion-bench reference make`"
            )


def trace_of(run: Run) -> Trace:
    """Return what is kept of a run; an unfinished one has fewer evaluations."""
    performance = logs.performance(run)
    learned = next((record for record in run.training if record.losses), None)
    last = performance.steps[-1]
    return Trace(
        seed=run.manifest.seed,
        evaluations_sha256=hashlib.sha256((run.path / EVALUATIONS).read_bytes()).hexdigest(),
        success=tuple(map(tuple, performance.success.tolist())),
        returns=tuple(map(tuple, _returns(run, performance).tolist())),
        counts=tuple(_counts(record) for record in run.training if record.step <= last),
        losses={} if learned is None else learned.losses,
        versions=run.manifest.versions,
        git=run.manifest.git,
        hardware=run.manifest.hardware,
    )


def _counts(record: TrainingRecord) -> Counts:
    return Counts(record.step, record.gradient_updates, record.parameters, record.stored_bytes)


def _returns(run: Run, performance: Performance) -> Floats:
    """Return mean returns [K, N]."""
    log = logs.whole_evaluations(run)
    rows = np.searchsorted(performance.steps, log.step.astype(np.int64))
    sums = np.zeros(performance.success.shape)
    np.add.at(sums, (rows, log.task_position.astype(np.int64)), log.episode_return)
    firsts = [performance.tasks.index(task) for task in performance.tasks]
    return sums[:, firsts] / performance.episodes
