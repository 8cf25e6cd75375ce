"""Runs with their metrics, named as a report names them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from legion_bench.cards import canonical
from legion_bench.errors import MetricError, printable
from legion_bench.metrics import METRICS, MetricValue, Performance, Undefined, values
from legion_bench.metrics.cost import Cost, cost
from legion_bench.metrics.curves import Curve
from legion_bench.protocols.schedule import Span, spans
from legion_bench.reports import logs
from legion_bench.reports.references import Alone, Reference, alone, reference_of, shipped
from legion_bench.results.store import EVALUATIONS, Run


@dataclass(frozen=True)
class Measured:
    """A run, what it achieved, and what it is called in a report."""

    run: Run
    folder: str
    """The run's folder, relative to the one that holds all runs of the report."""
    protocol: str
    """The protocol card's name; numbered where cards of that name differ."""
    agent: str
    """The agent card's name; numbered where cards of that name differ."""
    spans: tuple[Span, ...]
    """What the protocol trains, in order."""
    performance: Performance | None
    """None where the log cannot be used; the warnings say why."""
    metrics: Mapping[str, MetricValue]
    """Every metric of :data:`legion_bench.metrics.METRICS`, by name."""
    cost: Cost
    reference: Reference | Undefined
    """What its forward transfer is measured against, or why it has none."""
    warnings: tuple[str, ...]
    """What is wrong with the logs, in words; each begins with the folder."""

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.run.manifest.seed

    @property
    def status(self) -> str:
        """How the run ended."""
        return self.run.manifest.status

    @property
    def averages(self) -> Curve | None:
        """Steps [K] and the mean success rate [K] over stream positions, if the log can be used."""
        if self.performance is None:
            return None
        return self.performance.steps, self.performance.success.mean(axis=1)

    @property
    def steps(self) -> int:
        """Environment steps trained, as far as the logs tell."""
        return self.cost.environment_steps

    @property
    def complete(self) -> bool:
        """Whether every task was trained and evaluated to its end."""
        return self.performance is not None and self.performance.complete

    @property
    def visits(self) -> tuple[str, ...]:
        """Names of the visits of the stream, or of the one span that trains all tasks."""
        return tuple(span.name for span in self.spans)


def measure(run: Run, references: Sequence[Alone] = ()) -> Measured:
    """Return one run with its metrics; a log that cannot be used is a warning.

    Raises:
        MetricError: the reference of the run differs from it in more than it must; see
            :func:`legion_bench.reports.references.reference_of`.
    """
    folder = printable(run.path.name)
    warnings = [printable(warning.replace(str(run.path), folder)) for warning in run.warnings]
    if len(logs.whole_evaluations(run)) < len(run.evaluations):
        step = run.evaluations[-1].step
        warnings.append(f"{folder}: the last evaluation, at step {step}, is incomplete and is left out")
    protocol, stream = run.manifest.protocol, run.manifest.stream
    reference = reference_of(run.manifest, references)
    performance = None
    try:
        performance = logs.performance(run)
        metrics = values(performance, reference if isinstance(reference, Undefined) else reference.auc)
    except MetricError as error:
        line = logs.first_disorder(run.evaluations)
        where = EVALUATIONS if line is None else f"{EVALUATIONS}, line {line}"
        warnings.append(f"{folder}/{where}: {error}; the run has no metrics, and figures leave it out")
        metrics = dict.fromkeys(METRICS, MetricValue(None, str(error)))
    return Measured(
        run=run,
        folder=folder,
        protocol=protocol.name,
        agent=run.manifest.agent.name,
        spans=spans(protocol, stream),
        performance=performance,
        metrics=metrics,
        cost=cost(run.training, run.evaluations, single_task=protocol.regime == "single-task"),
        reference=reference,
        warnings=tuple(warnings),
    )


def measure_all(runs: Sequence[Run], references: Sequence[Run] | None = None) -> tuple[Measured, ...]:
    """Return runs with their metrics, sorted by protocol, agent and seed.

    Runs whose cards share a name but not their contents are never taken for the
    same: “sac” becomes “sac #1” and “sac #2”.

    Args:
        runs: to be measured.
        references: runs of single tasks that their forward transfer is measured against; by default
            the references that come with the package, where they fit.

    Raises:
        MetricError: a reference cannot be one, or differs from its run in more than it must.
        RunError: a file of a reference that comes with the package is damaged or was edited.
    """
    read = shipped() if references is None else [alone(run) for run in references]
    runs = sorted(runs, key=lambda run: run.path)
    manifests = [run.manifest for run in runs]
    protocols = _labels([(m.protocol.name, (m.protocol, m.stream, m.tasks)) for m in manifests])
    agents = _labels([(m.agent.name, m.agent) for m in manifests])
    paths = [run.path.resolve() for run in runs]
    root = os.path.commonpath([path.parent for path in paths]) if paths else ""
    folders = [printable(path.relative_to(root).as_posix()) for path in paths]
    named = [
        replace(
            (found := measure(run, read)),
            folder=folder,
            protocol=protocol,
            agent=agent,
            warnings=tuple(folder + warning.removeprefix(found.folder) for warning in found.warnings),
        )
        for run, folder, protocol, agent in zip(runs, folders, protocols, agents, strict=True)
    ]
    return tuple(sorted(named, key=lambda run: (run.protocol, run.agent, run.run.manifest.seed)))


def to_average(runs: Sequence[Measured]) -> tuple[Measured, ...]:
    """Return the runs that stand for their agent in a figure.

    These are its complete ones, or all that have a usable log where none is complete.
    """
    complete = {run.agent for run in runs if run.complete}
    return tuple(
        run for run in runs if run.complete or (run.performance is not None and run.agent not in complete)
    )


def _labels(cards: Sequence[tuple[str, object]]) -> list[str]:
    """Return each card's name, with a number where several contents share it."""
    contents = [canonical(content) for _, content in cards]
    variants: dict[str, list[bytes]] = {}
    for (name, _), content in zip(cards, contents, strict=True):
        known = variants.setdefault(name, [])
        if content not in known:
            known.append(content)
    return [
        name if len(variants[name]) == 1 else f"{name} #{variants[name].index(content) + 1}"
        for (name, _), content in zip(cards, contents, strict=True)
    ]
