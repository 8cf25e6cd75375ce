"""A run's evaluation log as success rates."""

from __future__ import annotations

import numpy as np

from legion_bench.evaluations import Evaluations
from legion_bench.metrics import Performance, success_rates
from legion_bench.protocols.schedule import spans
from legion_bench.results.store import Run


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


def whole_evaluations(run: Run) -> Evaluations:
    """Return the log without its last evaluation, if the run was stopped while writing that."""
    if not run.evaluations:
        return run.evaluations
    last = np.count_nonzero(run.evaluations.step == run.evaluations.step[-1])
    expected = len(run.manifest.tasks) * run.manifest.protocol.evaluation_episodes
    return run.evaluations if last >= expected else run.evaluations[:-last]
