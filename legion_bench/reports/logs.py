"""A run's evaluation log as success rates."""

from __future__ import annotations

from itertools import chain, takewhile

import numpy as np

from legion_bench.errors import MetricError
from legion_bench.evaluations import Evaluations
from legion_bench.metrics import Performance, success_rates
from legion_bench.protocols.schedule import evaluation_steps, spans
from legion_bench.results.store import Run


def performance(run: Run) -> Performance:
    """Return a run's success rates, those of whole evaluations.

    Raises:
        MetricError: the log cannot be used; it lacks an evaluation of the schedule, say.
    """
    protocol, stream = run.manifest.protocol, run.manifest.stream
    trained = spans(protocol, stream)
    found = success_rates(
        whole_evaluations(run),
        stream.tasks,
        [span.stop for span in trained],
        single_task=protocol.regime == "single-task",
    )
    if found.episodes != protocol.evaluation_episodes:
        raise MetricError(
            f"it has {found.episodes} episodes per task and evaluation, the protocol asks for"
            f" {protocol.evaluation_episodes}"
        )
    planned = chain.from_iterable(evaluation_steps(span, protocol.evaluate_every) for span in trained)
    made, last = set(found.steps.tolist()), found.steps[-1]
    missing = [step for step in takewhile(lambda step: step <= last, planned) if step not in made]
    if missing:
        more = f", and {len(missing) - 1} later" if len(missing) > 1 else ""
        raise MetricError(f"the evaluation at step {missing[0]} is missing{more}")
    return found


def first_disorder(evaluations: Evaluations) -> int | None:
    """Return the first line, from 1, that repeats an episode or comes too late; None if there is none."""
    late = np.zeros(max(len(evaluations) - 1, 0), np.bool_)
    equal = ~late
    for column in (evaluations.step, evaluations.task_position, evaluations.episode):
        late |= equal & (column[1:] < column[:-1])
        equal &= column[1:] == column[:-1]
    wrong = np.flatnonzero(late | equal)
    return int(wrong[0]) + 2 if len(wrong) else None


def whole_evaluations(run: Run) -> Evaluations:
    """Return the log without its last evaluation, if the run was stopped while writing that."""
    if not run.evaluations:
        return run.evaluations
    last = np.count_nonzero(run.evaluations.step == run.evaluations.step[-1])
    expected = len(run.manifest.tasks) * run.manifest.protocol.evaluation_episodes
    return run.evaluations if last >= expected else run.evaluations[:-last]
