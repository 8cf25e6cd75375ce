"""The table of metrics, and computing all of them from a log."""

from __future__ import annotations

import numpy as np
import pytest

from legion_bench.metrics import (
    HEADLINES,
    METRICS,
    MetricValue,
    Undefined,
    compute,
    success_rates,
    values,
)

from .logs import DELTA, ends, log

TASKS = ("a", "b", "c")
GOLDEN = np.array([[0.9, 0.0, 0.1], [0.4, 0.8, 0.2], [0.1, 0.5, 0.7]])


def test_golden_values_from_a_log() -> None:
    """Five equal evaluations per visit: both windows see the same matrix."""
    found = compute(log([np.tile(row, (5, 1)) for row in GOLDEN], TASKS), TASKS, ends(TASKS))
    defined = {name: value.value for name, value in found.items() if value.value is not None}
    assert defined == pytest.approx(
        {
            "average_performance": 1.3 / 3,
            "forgetting_cw": 1.1 / 3,
            "forgetting_legion": 0.55,
            "forgetting_chaudhry": 0.55,
            "forgetting_cora": (5 / 9 + 3 / 9 + 3 / 8) / 3,
            "nbt_libero": 0.95 / 3,
            "backward_transfer_gem": -0.55,
            "retention": (1 / 9 + 5 / 8 + 1) / 3,
            "min_accuracy": (0.1 + 0.5) / 2,
            "worst_case_accuracy": 0.7 / 3 + 2 / 3 * 0.3,
            "forward_transfer_gem": 0.1,
            "zero_shot_transfer_cora": (0 / 8 + 1 / 7 + 1 / 7) / 3,
            "fwt_libero": 0.8,
        }
    )
    reasons = {name: value.reason for name, value in found.items() if value.reason}
    assert set(reasons) == set(METRICS) - set(defined)
    assert "needs 10 evaluations" in str(reasons["forgetting_coom"])
    assert "--reference" in str(reasons["forward_transfer_cw"])
    assert reasons["recall_improvement_legion"] == "no task is visited twice"
    assert found["steps_to_threshold"] == MetricValue(
        None,
        "success never reached 0.8 within the visit to 3 c",
        parts={"1 a": 20, "2 b": 20, "3 c": None},
    )


def test_every_metric_is_within_its_limits_and_the_tables_show_four() -> None:
    rng = np.random.default_rng(0)
    tasks = ("a", "b", "a")
    for _ in range(20):
        rates = [rng.integers(0, 11, (10, 3)) / 10 for _ in tasks]
        for visit in rates:
            visit[:, 2] = visit[:, 0]
        run = success_rates(log(rates, tasks), tasks, ends(tasks))
        for name, found in values(run, np.array([0.5, 0.1, 0.5])).items():
            assert found.value is not None or name == "steps_to_threshold", found
            if found.value is not None:
                assert METRICS[name].limits[0] - 1e-12 <= found.value <= METRICS[name].limits[1] + 1e-12
    assert list(HEADLINES) == ["average_performance", "forgetting_cw", "retention", "forward_transfer_cw"]


def test_forward_transfer_names_the_tasks_it_leaves_out() -> None:
    run = success_rates(log([np.full((5, 3), 0.6)] * 3, TASKS), TASKS, ends(TASKS))
    found = values(run, np.array([1.0, 0.2, 0.0]))
    assert found["forward_transfer_cw"] == MetricValue(pytest.approx(0.55), left_out=("1 a",))
    assert found["forward_transfer_meal"] == MetricValue(pytest.approx(0.8), left_out=("3 c",))
    assert found["forward_transfer_coom"] == MetricValue(pytest.approx(1 / 3))
    why = Undefined("no reference run is of 'x'")
    assert values(run, why)["forward_transfer_cw"] == MetricValue(None, str(why))


def test_retention_names_the_tasks_it_leaves_out() -> None:
    two = TASKS[:2]
    never = compute(log([np.array([[0.0, 0.5]]), np.array([[0.0, 0.5]])], two), two, ends(two))
    assert never["zero_shot_transfer_cora"] == MetricValue(1.0, left_out=("1 a",))
    found = compute(log([np.array([[0.0, 0.0]]), np.array([[1.0, 0.5]])], two), two, ends(two))
    assert found["retention"] == MetricValue(1.0, left_out=("1 a",))


def test_recall_is_told_for_each_pair_of_visits() -> None:
    tasks = ("a", "b", "a", "a")
    first, second, third = ([height, 0.5, height, height] for height in (0.0, 0.5, 1.0))
    visits = [np.array([row] * 2) for row in (first, first, second, third)]
    found = compute(log(visits, tasks), tasks, ends(tasks))["recall_improvement_legion"]
    areas = np.array([0.0, (0.0 + 0.5) / 4 + 0.25, (0.5 + 1.0) / 4 + 0.5])
    parts = {f"a {x + 1} → {y + 1}": pytest.approx(areas[y] - areas[x]) for x, y in ((0, 1), (0, 2), (1, 2))}
    assert dict(found.parts) == parts
    assert found.value == pytest.approx(np.mean([areas[1], areas[2], areas[2] - areas[1]]))


def test_agents_of_single_tasks_have_only_what_each_learns_for_itself() -> None:
    run = success_rates(log([np.full((10, 3), 0.9)] * 3, TASKS), TASKS, ends(TASKS), single_task=True)
    found = values(run, np.full(3, 0.8))
    defined = {name for name, value in found.items() if value.value is not None}
    transfers = {"forward_transfer_cw", "forward_transfer_coom", "forward_transfer_meal"}
    assert defined == {"fwt_libero", "steps_to_threshold"} | transfers
    assert "an agent of its own" in str(found["average_performance"].reason)


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
    assert found["retention"].reason == "no task was solved at its own end"


def test_a_run_that_stopped_within_its_last_task_has_no_metrics() -> None:
    records = [r for r in log([np.ones((5, 3))] * 3, TASKS) if r.step < 3 * DELTA]
    found = compute(records, TASKS, ends(TASKS))
    assert {value.value for value in found.values()} == {None}
    assert all("ended at step 280" in str(value.reason) for value in found.values())


def test_a_stream_of_one_task_has_an_average_and_a_speed_of_learning() -> None:
    found = compute(log([np.full((5, 1), 0.9)], ("a",)), ("a",), ends(("a",)))
    defined = [name for name, value in found.items() if value.value is not None]
    assert defined == ["average_performance", "fwt_libero", "steps_to_threshold"]


def test_descriptions_fit_a_table() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.limits[0] < metric.limits[1]
        assert "\n" not in metric.definition + metric.convention + metric.title
    assert METRICS["forward_transfer_cw"].range == "−∞ to 1"
    assert METRICS["forgetting_cw"].range == "−1 to 1"


def test_tasks_trained_at_once_have_an_average_and_nothing_to_forget() -> None:
    found = compute(log([np.full((10, 3), 0.6)], TASKS), TASKS, [DELTA])
    assert found["average_performance"] == MetricValue(pytest.approx(0.6))
    for name in set(METRICS) - {"average_performance", "min_accuracy", "worst_case_accuracy"}:
        assert found[name].value is None
        if name != "recall_improvement_legion":
            assert "trained at once" in str(found[name].reason)


def test_tasks_trained_at_once_must_be_so_to_the_end() -> None:
    found = compute(log([np.full((5, 3), 0.6)], TASKS), TASKS, [DELTA + 1])
    assert "ended at step 100, before the end of all tasks together" in str(
        found["average_performance"].reason
    )
