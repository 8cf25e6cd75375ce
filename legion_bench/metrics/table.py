"""Every metric in one table: what it means, and how to compute it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from legion_bench.metrics import continual, curves, metric, transfer
from legion_bench.metrics.metric import Metric, MetricValue, Reference
from legion_bench.metrics.performance import Performance, Undefined, success_rates
from legion_bench.types import EvaluationRecord

NO_REFERENCE = Undefined("needs runs of single tasks to compare with: --reference")
_LAST, _OWN = "the last evaluation of each task", "the evaluations within each task"

METRICS: Mapping[str, Metric] = {
    made.name: made
    for made in (
        Metric(
            name="average_performance",
            title="Average performance",
            definition="Mean success rate over all tasks of the stream after the last one was trained.",
            convention="LEGION: the last evaluation",
            limits=(0.0, 1.0),
            higher_is_better=True,
            headline=True,
            of=metric.of_matrix(continual.average_performance, 1),
        ),
        Metric(
            name="forgetting_cw",
            title="Forgetting (CW)",
            definition="Success rate lost from a task's own end to the stream's end, mean over all N tasks.",
            convention="Continual World: the last 5 evaluations of each task",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            headline=True,
            of=metric.of_matrix(continual.forgetting_cw, 5),
        ),
        Metric(
            name="forgetting_legion",
            title="Forgetting (LEGION)",
            definition="Success rate lost from a task's own end to the stream's end, sum divided by N − 1.",
            convention=f"LEGION: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=metric.of_matrix(continual.forgetting_legion, 1),
        ),
        Metric(
            name="forgetting_coom",
            title="Forgetting (COOM)",
            definition="Success rate lost from a task's own end to the stream's end, mean over i < N − 1.",
            convention="COOM: the last 10 evaluations of each task",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=metric.of_matrix(continual.forgetting_coom, 10),
        ),
        Metric(
            name="forgetting_chaudhry",
            title="Forgetting (Chaudhry)",
            definition="Success rate lost from the best end of a visit so far to the stream's end, mean over"
            " i < N − 1.",
            convention=f"Chaudhry et al. 2018: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=metric.of_matrix(continual.forgetting_chaudhry, 1),
        ),
        Metric(
            name="forgetting_cora",
            title="Forgetting (CORA)",
            definition="Success rate that each later visit costs a task, as a share of its best; mean over"
            " pairs.",
            convention=f"CORA's isolated forgetting: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=metric.of_matrix_and_best(continual.forgetting_cora),
        ),
        Metric(
            name="nbt_libero",
            title="Negative backward transfer (LIBERO)",
            definition="Success rate lost from a task's own end to each later one, mean over these; their sum"
            " divided by N.",
            convention=f"LIBERO: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=False,
            of=metric.of_matrix(continual.nbt_libero, 1),
        ),
        Metric(
            name="backward_transfer_gem",
            title="Backward transfer (GEM)",
            definition="Success rate gained from a task's own end to the stream's end, mean over i < N − 1.",
            convention=f"Lopez-Paz & Ranzato 2017: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=True,
            of=metric.of_matrix(continual.backward_transfer_gem, 1),
        ),
        Metric(
            name="retention",
            title="Retention",
            definition="Share of the success rate at a task's own end that is left at the stream's end, mean"
            " over the tasks solved at their end.",
            convention=f"ours: {_LAST}",
            limits=(0.0, np.inf),
            higher_is_better=True,
            headline=True,
            of=metric.retention,
        ),
        Metric(
            name="min_accuracy",
            title="Minimum accuracy",
            definition="Lowest success rate on a task after its own visit, mean over i < N − 1.",
            convention="De Lange et al. 2023: every evaluation after the visit",
            limits=(0.0, 1.0),
            higher_is_better=True,
            of=metric.of_evaluations(curves.min_accuracy),
        ),
        Metric(
            name="worst_case_accuracy",
            title="Worst-case accuracy",
            definition="Success rate on the last task at the end and minimum accuracy, as 1 to N − 1.",
            convention="De Lange et al. 2023: every evaluation after the visit",
            limits=(0.0, 1.0),
            higher_is_better=True,
            of=metric.of_evaluations(curves.worst_case_accuracy),
        ),
        Metric(
            name="forward_transfer_cw",
            title="Forward transfer (CW)",
            definition="How much of what learning alone leaves to be gained, in mean success while learning,"
            " is gained; mean over tasks.",
            convention=f"Continual World: {_OWN}",
            limits=(-np.inf, 1.0),
            higher_is_better=True,
            headline=True,
            of=metric.of_transfer(transfer.forward_transfer_cw, transfer.improvable),
        ),
        Metric(
            name="forward_transfer_coom",
            title="Forward transfer (COOM)",
            definition="The same of means over tasks: a ratio of means.",
            convention=f"COOM: {_OWN}",
            limits=(-np.inf, 1.0),
            higher_is_better=True,
            of=metric.of_transfer(transfer.forward_transfer_coom, lambda auc: np.ones(len(auc), bool)),
        ),
        Metric(
            name="forward_transfer_meal",
            title="Forward transfer (MEAL)",
            definition="Gain in mean success while learning, as a share of that when alone; mean over tasks.",
            convention=f"MEAL: {_OWN}",
            limits=(-1.0, np.inf),
            higher_is_better=True,
            of=metric.of_transfer(transfer.forward_transfer_meal, transfer.learnable),
        ),
        Metric(
            name="forward_transfer_gem",
            title="Forward transfer (GEM)",
            definition="Success rate just before a task's visit, less that before training; mean over i > 0.",
            convention=f"Lopez-Paz & Ranzato 2017: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=True,
            of=metric.of_matrix(continual.forward_transfer_gem, 1),
        ),
        Metric(
            name="zero_shot_transfer_cora",
            title="Zero-shot transfer (CORA)",
            definition="Success rate that each earlier visit gives a task, as a share of its best; mean over"
            " pairs.",
            convention=f"CORA: {_LAST}",
            limits=(-1.0, 1.0),
            higher_is_better=True,
            of=metric.of_matrix_and_best(continual.zero_shot_transfer_cora),
        ),
        Metric(
            name="fwt_libero",
            title="Forward transfer (LIBERO)",
            definition="Mean success while learning a task, held at its best from there on; mean over tasks.",
            convention=f"LIBERO: {_OWN}",
            limits=(0.0, 1.0),
            higher_is_better=True,
            of=metric.fwt_libero,
        ),
        Metric(
            name="recall_improvement_legion",
            title="Recall improvement (LEGION)",
            definition="Mean success over a later visit to a task, less that over an earlier; mean over pairs"
            " of visits.",
            convention="LEGION's few-shot recall: trapezoids over each visit, from its start",
            limits=(-1.0, 1.0),
            higher_is_better=True,
            of=metric.recall_improvement_legion,
        ),
        Metric(
            name="steps_to_threshold",
            title="Steps to threshold",
            definition=f"Environment steps of a visit until success is {curves.THRESHOLD:g} or more; mean"
            " over visits, if each gets there.",
            convention=f"ours: {_OWN}",
            limits=(0.0, np.inf),
            higher_is_better=False,
            of=metric.steps_to_threshold,
        ),
    )
}
HEADLINES: Mapping[str, Metric] = {name: made for name, made in METRICS.items() if made.headline}
"""The metrics that tables to read show."""


def compute(
    evaluations: Sequence[EvaluationRecord], tasks: Sequence[str], ends: Sequence[int]
) -> dict[str, MetricValue]:
    """Return every metric of one run's evaluation log, by name.

    Args:
        evaluations: the episodes in the order they were logged.
        tasks: task names in stream order.
        ends: environment steps trained by the end of each visit; one number alone if
            all tasks are trained at once. They tell a finished run from one that stopped.

    Raises:
        MetricError: the log contradicts the stream or itself; see
            :func:`legion_bench.metrics.performance.success_rates`.
    """
    return values(success_rates(evaluations, tasks, ends))


def values(performance: Performance, reference: Reference = NO_REFERENCE) -> dict[str, MetricValue]:
    """Return every metric of one run, by name.

    Args:
        performance: its success rates.
        reference: what agents achieve that learn its tasks alone; see
            :mod:`legion_bench.metrics.transfer`.
    """
    return {name: made.value(performance, reference) for name, made in METRICS.items()}
