"""A run's evaluation log as success rates."""

from __future__ import annotations

from legion_bench.metrics import Performance, success_rates
from legion_bench.protocols.schedule import spans
from legion_bench.results.store import Run
from legion_bench.types import EvaluationRecord


def performance(run: Run) -> Performance:
    """Return a run's success rates, those of whole evaluations.

    Raises:
        MetricError: the log cannot be used.
    """
    protocol, stream = run.manifest.protocol, run.manifest.stream
    return success_rates(
        whole_evaluations(run),
        stream.tasks,
        [span.stop for span in spans(protocol, stream)],
        single_task=protocol.regime == "single-task",
    )


def whole_evaluations(run: Run) -> tuple[EvaluationRecord, ...]:
    """Return the log without its last evaluation, if the run was stopped while writing that."""
    if not run.evaluations:
        return ()
    step = run.evaluations[-1].step
    last = sum(record.step == step for record in run.evaluations)
    expected = len(run.manifest.tasks) * run.manifest.protocol.evaluation_episodes
    return run.evaluations if last >= expected else run.evaluations[:-last]
