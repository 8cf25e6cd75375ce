"""Runs against reference numbers: does the code still measure what it measured?

Each agent's runs are judged by what they have in common with the reference, so a run that was stopped
after some evaluations is judged by those:

- **identical**: the same evaluation log, byte for byte (of an unfinished run, the same numbers). Same seed,
  card and versions on a like machine make it so.
- **counts** of gradient updates, parameters and stored bytes do not depend on rounding: equal, seed by seed.
- **returns before learning** and the **first losses** depend little on rounding: close, seed by seed.
- **means** over runs of what learning achieved lie in a band (:func:`legion_bench.metrics.equivalence.band`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from legion_bench.errors import MetricError, unknown
from legion_bench.metrics import Performance
from legion_bench.metrics.equivalence import QUANTITIES, Sample, band, deviation, floors, outside, quantities
from legion_bench.protocols.schedule import spans
from legion_bench.reports.traces import check_cards, trace_of
from legion_bench.results.regression import Counts, Numbers, Trace, Traces
from legion_bench.results.store import Run
from legion_bench.types import Floats

FALSE_ALARMS = 0.005
"""How likely any of a check's bands is left by chance; as much again is for the two tolerances."""
RETURN_TOLERANCE = 0.001
"""Of returns before learning, in units of the agent's mean return on the task."""
LOSS_TOLERANCE = 0.2
"""Of the first losses, in units of their mean size over the agent's seeds. docs/regression.md says what
other rounding makes of them."""
# Whose returns on a task become 0 and 1.
_LIMITS = ("random", "scripted")

Verdict = Literal["identical", "inside", "OUTSIDE"]


@dataclass(frozen=True)
class Row:
    """One comparison."""

    agent: str
    quantity: str
    measured: float
    reference: float
    low: float
    high: float
    verdict: Verdict
    where: str
    """What was compared, in words: seeds, steps, or where the largest deviation is."""


def cells(row: Row) -> tuple[str, ...]:
    """Return a row as a table prints it: agent, quantity, measured, reference, band, verdict, of what."""
    band_ = f"{row.low:.3g} to {row.high:.3g}"
    return (
        row.agent,
        row.quantity,
        f"{row.measured:.3g}",
        f"{row.reference:.3g}",
        band_,
        row.verdict,
        row.where,
    )


def check(runs: Sequence[Run], numbers: Numbers) -> tuple[Row, ...]:
    """Compare runs with reference numbers, agent by agent.

    Raises:
        MetricError: a run is of another protocol, card or of an agent that the reference lacks; two have
            one seed; its log cannot be used, or is of a run that failed.
    """
    agents = {traces.agent.name: traces for traces in numbers.agents}
    groups: dict[str, list[Trace]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.manifest.agent.name, run.manifest.seed)):
        name = run.manifest.agent.name
        check_cards(run, numbers)
        if name not in agents:
            raise MetricError(f"{run.path}: {unknown('agent', name, agents)}, in the reference numbers")
        if run.manifest.agent != agents[name].agent:
            raise MetricError(
                f"{run.path} has another agent card than {name!r} there: make the reference anew"
            )
        if run.manifest.status == "failed":
            raise MetricError(f"{run.path} failed: {run.manifest.error}")
        if any(trace.seed == run.manifest.seed for trace in groups[name]):
            raise MetricError(f"{run.path} is the second of {name!r} with seed {run.manifest.seed}")
        groups[name].append(trace_of(run))
    return tuple(_rows(groups, agents, numbers))


def other_versions(runs: Iterable[Run], numbers: Numbers) -> tuple[str, ...]:
    """Return which packages, in words, runs were made with in other versions than any reference run."""
    there: dict[str, set[str]] = {}
    here: dict[str, set[str]] = {}
    made = [run.versions for traces in numbers.agents for run in traces.runs]
    for found, several in ((there, made), (here, [run.manifest.versions for run in runs])):
        for versions in several:
            for package, version in versions.items():
                found.setdefault(package, set()).add(version)
    return tuple(
        f"{package} {', '.join(sorted(versions))}, there {', '.join(sorted(there.get(package, {'none'})))}"
        for package, versions in sorted(here.items())
        if versions - there.get(package, set())
    )


def _rows(groups: dict[str, list[Trace]], agents: dict[str, Traces], numbers: Numbers) -> Iterator[Row]:
    share = FALSE_ALARMS / len(groups)  # Bonferroni's, for all agents of a check
    for name, group in groups.items():
        runs = agents[name].runs
        pairs = [(trace, there) for trace in group for there in runs if trace.seed == there.seed]
        same = len(pairs) == len(group) and all(_identical(*pair) for pair in pairs)
        if pairs:
            yield _compare_counts(name, pairs)
        if pairs and not same:
            yield _compare_returns(name, pairs, runs)
            # Not of runs that were stopped before their first update.
            learned = [
                pair for pair in pairs if pair[0].losses or len(pair[0].success) == len(pair[1].success)
            ]
            if _shared_losses(runs) and learned:
                yield _compare_losses(name, learned, runs)
        yield from _compare_means(name, group, numbers, share, same=same)


def _compare_means(
    name: str, group: Sequence[Trace], numbers: Numbers, false_alarms: float, *, same: bool
) -> Iterator[Row]:
    """Compare means over an agent's runs, up to where the shortest of them ends."""
    length = min(len(trace.success) for trace in group)
    samples, limits = sample(numbers, length), _limits(numbers)
    measured = np.mean([_quantities(trace, numbers, length, limits) for trace in group], axis=0)
    reference = samples[name].values.mean(axis=0)
    low, high = band(samples, name, len(group), false_alarms)
    left = outside(measured, (low, high))
    seeds = ", ".join(str(trace.seed) for trace in group)
    where = f"{'seed' if len(group) == 1 else 'seeds'} {seeds}, to step {numbers.steps[length - 1]:,}"
    for at, quantity in enumerate(QUANTITIES):
        if np.isnan(reference[at]):
            continue
        verdict: Verdict = "identical" if same else "OUTSIDE" if left[at] else "inside"
        value, mean, least, most = (float(of[at]) for of in (measured, reference, low, high))
        yield Row(name, quantity, value, mean, least, most, verdict, where)


def _identical(trace: Trace, there: Trace) -> bool:
    length = len(trace.success)
    if length == len(there.success):
        return trace.evaluations_sha256 == there.evaluations_sha256
    return (trace.success, trace.returns) == (there.success[:length], there.returns[:length])


def _compare_counts(name: str, pairs: Sequence[tuple[Trace, Trace]]) -> Row:
    differ = [
        f"seed {trace.seed}, step {here.step:,}: {part} {getattr(here, part)}, was {getattr(old, part)}"
        for trace, there in pairs
        for here, old in zip(trace.counts, there.counts, strict=False)
        for part in Counts.__struct_fields__
        if getattr(here, part) != getattr(old, part)
    ]
    return Row(
        name,
        "counts that differ",
        len(differ),
        0,
        0,
        0,
        "OUTSIDE" if differ else "inside",
        differ[0] if differ else "gradient updates, parameters, stored bytes",
    )


def _compare_returns(name: str, pairs: Sequence[tuple[Trace, Trace]], runs: Sequence[Trace]) -> Row:
    """Compare evaluations before the first update, those of the same seed."""
    scale = np.mean([np.abs(run.returns).mean(axis=0) for run in runs], axis=0)
    worst, where = 0.0, ""
    for trace, there in pairs:
        # The first evaluation, and those that the agent tells came before any update.
        length = 1
        while length < len(trace.success) and there.counts[length - 1].gradient_updates == 0:
            length += 1
        apart = deviation(np.array(trace.returns[:length]), np.array(there.returns[:length]), scale)
        if apart.max() >= worst:
            worst = float(apart.max())
            where = f"largest: seed {trace.seed}, task {int(apart.max(axis=0).argmax()) + 1} of the stream"
    return _tolerated(name, "returns before learning", worst, RETURN_TOLERANCE, where)


def _compare_losses(name: str, pairs: Sequence[tuple[Trace, Trace]], runs: Sequence[Trace]) -> Row:
    """Compare the means of losses over the first updates, those of the same seed."""
    names = _shared_losses(runs)
    scale = np.abs([_values(run, names) for run in runs]).mean(axis=0)
    worst, where = 0.0, ""
    for trace, there in pairs:
        if trace.losses.keys() != there.losses.keys():
            return _tolerated(name, "first losses", np.inf, LOSS_TOLERANCE, "other losses than there")
        apart = deviation(_values(trace, names), _values(there, names), scale)
        if apart.max() >= worst:
            worst, where = float(apart.max()), f"largest: seed {trace.seed}, {names[int(apart.argmax())]}"
    return _tolerated(name, "first losses", worst, LOSS_TOLERANCE, where)


def _shared_losses(runs: Sequence[Trace]) -> list[str]:
    """Return the names of losses that all runs of a reference have."""
    return sorted(set.intersection(*(set(run.losses) for run in runs)))


def _values(trace: Trace, names: Sequence[str]) -> Floats:
    return np.array([trace.losses[name] for name in names], np.float64)  # None becomes nan


def _tolerated(name: str, quantity: str, worst: float, tolerance: float, where: str) -> Row:
    verdict: Verdict = "inside" if worst <= tolerance else "OUTSIDE"
    return Row(name, quantity, worst, 0, 0, tolerance, verdict, where)


def sample(numbers: Numbers, length: int) -> dict[str, Sample]:
    """Return each agent's quantities over the first ``length`` evaluations of its reference runs."""
    found, limits = {}, _limits(numbers)
    for traces in numbers.agents:
        values = np.array([_quantities(run, numbers, length, limits) for run in traces.runs])
        performance = _performance(traces.runs[0], numbers, length)
        floor = floors(performance, values.mean(axis=0), RETURN_TOLERANCE)
        found[traces.agent.name] = Sample(values, any(run.losses for run in traces.runs), floor)
    return found


def _limits(numbers: Numbers) -> tuple[Floats, Floats] | None:
    """Return the mean returns [N] of the random and of the scripted agent, if the reference has both."""
    means = {
        traces.agent.name: np.mean([np.mean(run.returns, axis=0) for run in traces.runs], axis=0)
        for traces in numbers.agents
    }
    if not set(_LIMITS) <= set(means):
        return None
    low, high = (means[name] for name in _LIMITS)
    return (low, high) if (high > low).all() else None


def _quantities(trace: Trace, numbers: Numbers, length: int, limits: tuple[Floats, Floats] | None) -> Floats:
    return quantities(_performance(trace, numbers, length), np.array(trace.returns[:length]), limits)


def _performance(trace: Trace, numbers: Numbers, length: int) -> Performance:
    trained = spans(numbers.protocol, numbers.stream)
    ends = tuple(span.stop for span in trained)
    steps = np.array(numbers.steps[:length], np.int64)
    return Performance(
        steps=steps,
        stream_position=np.where(steps == 0, -1, np.searchsorted(ends, steps)),
        success=np.array(trace.success[:length]),
        tasks=numbers.stream.tasks,
        ends=ends,
        episodes=numbers.protocol.evaluation_episodes,
        single_task=numbers.protocol.regime == "single-task",
    )
