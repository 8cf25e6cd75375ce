"""The table of metrics, and computing all of them from a log."""

from __future__ import annotations

import numpy as np
import pytest

from legion_bench.metrics import METRICS, MetricValue, compute

from .logs import DELTA, ends, log

TASKS = ("a", "b", "c")
GOLDEN = np.array([[0.9, 0.0, 0.1], [0.4, 0.8, 0.2], [0.1, 0.5, 0.7]])


def test_golden_values_from_a_log() -> None:
    """Five equal evaluations per visit: both windows see the same matrix."""
    found = compute(log([np.tile(row, (5, 1)) for row in GOLDEN], TASKS), TASKS, ends(TASKS))
    assert {name: value.value for name, value in found.items()} == pytest.approx(
        {
            "average_performance": 1.3 / 3,
            "forgetting_cw": 1.1 / 3,
            "forgetting_legion": 0.55,
            "backward_transfer_gem": -0.55,
        }
    )
    assert all(value.reason is None for value in found.values())


def test_windows_differ_between_conventions() -> None:
    """Only the last evaluation of 'a' reaches 1: LEGION sees that, Continual World a fifth of it."""
    first = np.array([[0.0, 0.0]] * 4 + [[1.0, 0.0]])
    found = compute(log([first, np.zeros((5, 2))], TASKS[:2]), TASKS[:2], ends(TASKS[:2]))
    assert found["forgetting_legion"].value == pytest.approx(1.0)
    assert found["forgetting_cw"].value == pytest.approx(0.2 / 2)


def test_an_undefined_metric_has_a_reason_and_no_value() -> None:
    found = compute(log([np.zeros((4, 3))] * 3, TASKS), TASKS, ends(TASKS))
    assert found["forgetting_cw"].value is None
    assert "needs 5 evaluations" in str(found["forgetting_cw"].reason)
    assert found["forgetting_legion"] == MetricValue(0.0)


def test_a_run_that_stopped_within_its_last_task_has_no_metrics() -> None:
    records = [r for r in log([np.ones((5, 3))] * 3, TASKS) if r.step < 3 * DELTA]
    found = compute(records, TASKS, ends(TASKS))
    assert {value.value for value in found.values()} == {None}
    assert all("ended at step 280" in str(value.reason) for value in found.values())


def test_a_single_task_run_has_an_average_only() -> None:
    found = compute(log([np.full((5, 1), 0.6)], ("a",)), ("a",), ends(("a",)))
    assert [name for name, value in found.items() if value.value is not None] == ["average_performance"]


def test_descriptions_fit_a_table() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.limits[0] < metric.limits[1]
        assert "\n" not in metric.definition + metric.convention + metric.title


def test_tasks_trained_at_once_have_an_average_and_nothing_to_forget() -> None:
    found = compute(log([np.full((5, 3), 0.6)], TASKS), TASKS, [DELTA])
    assert found["average_performance"] == MetricValue(pytest.approx(0.6))
    for name in ("forgetting_cw", "forgetting_legion", "backward_transfer_gem"):
        assert found[name].value is None
        assert "trained at once" in str(found[name].reason)


def test_tasks_trained_at_once_must_be_so_to_the_end() -> None:
    found = compute(log([np.full((5, 3), 0.6)], TASKS), TASKS, [DELTA + 1])
    assert "ended at step 100, before the end of all tasks together" in str(
        found["average_performance"].reason
    )
