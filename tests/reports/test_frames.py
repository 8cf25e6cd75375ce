"""Frames of runs, and averages over seeds."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from legion_bench.reports.frames import (
    averages_frame,
    bands_frame,
    cost_frame,
    curves_frame,
    matrix_frame,
    mean_matrix,
    runs_frame,
    summary_frame,
)
from legion_bench.reports.measured import measure, measure_all
from legion_bench.types import TrainingRecord

from .conftest import MakeRun


def test_one_row_per_run(make_run: MakeRun) -> None:
    runs = measure_all([make_run(), make_run(seed=1, stop_at=1400)])
    frame = runs_frame(runs)
    assert frame["complete"].tolist() == [True, False]
    assert frame["environment_steps"].tolist() == [3000, 1400]
    assert frame["wall_clock"].tolist() == [300.0, 140.0]
    assert frame["average_performance"][0] == runs[0].metrics["average_performance"].value
    assert np.isnan(frame["average_performance"][1])
    assert "forward_transfer_cw: needs runs of single tasks" in frame["reasons"][0]
    assert "average_performance" not in frame["reasons"][0]
    assert (frame["reference"][0], frame["left_out"][0]) == ("", "")
    assert frame["gradient_updates"].tolist() == [1500, 700]
    assert "ended at step 1400" in frame["reasons"][1]


def test_the_summary_leaves_out_runs_that_do_not_define_a_metric(make_run: MakeRun) -> None:
    runs = [make_run(seed=seed) for seed in range(3)] + [make_run(seed=3, stop_at=1400)]
    each = runs_frame(measure_all(runs))
    (row,) = summary_frame(each).to_dict("records")
    assert (row["runs"], row["complete"], row["seeds"]) == (4, 3, 4)
    assert row["forgetting_legion_mean"] == pytest.approx(each["forgetting_legion"][:3].mean())
    assert row["forgetting_legion_count"] == 3
    assert row["forgetting_legion_low"] <= row["forgetting_legion_mean"] <= row["forgetting_legion_high"]
    assert (row["environment_steps_min"], row["environment_steps_max"]) == (1400, 3000)


def test_the_cost_is_the_mean_over_complete_runs(make_run: MakeRun) -> None:
    runs = [make_run(), make_run(seed=1), make_run(seed=2, stop_at=1400), make_run(agent="ewc", stop_at=1400)]
    runs[1] = replace(runs[1], training=tuple(untold(record) for record in runs[1].training))
    (row,) = cost_frame(runs_frame(measure_all(runs))).to_dict("records")
    assert (row["protocol"], row["agent"], row["runs"]) == ("smoke", "sac", 2)
    assert (row["environment_steps"], row["gradient_updates"], row["parameters"]) == (3000, 1500, 1234)
    assert (row["wall_clock"], row["stored_bytes"], row["peak_memory_bytes"]) == (300, 288_000, 2**29)
    only = cost_frame(runs_frame(measure_all(runs[1:2])))
    assert only["gradient_updates"].isna().all()
    assert cost_frame(runs_frame(measure_all(runs[2:]))).empty


def untold(record: TrainingRecord) -> TrainingRecord:
    """Return a record as it was before there was any cost."""
    cost = ("gradient_updates", "parameters", "stored_bytes", "peak_memory_bytes")
    return msgspec.structs.replace(record, **dict.fromkeys(cost))


def test_one_seed_has_a_mean_but_no_interval(make_run: MakeRun) -> None:
    (row,) = summary_frame(runs_frame([measure(make_run())])).to_dict("records")
    assert not pd.isna(row["average_performance_mean"])
    assert pd.isna(row["average_performance_low"])
    assert pd.isna(row["average_performance_high"])


def test_an_interval_does_not_depend_on_other_agents(make_run: MakeRun) -> None:
    sac = [make_run(agent="sac", seed=seed) for seed in range(3)]
    others = [make_run(agent="a", seed=seed, skill=0.2) for seed in range(3)]
    alone = summary_frame(runs_frame(measure_all(sac))).iloc[0]
    together = summary_frame(runs_frame(measure_all(others + sac))).iloc[1]
    pd.testing.assert_series_equal(alone, together, check_names=False)


def test_curves_hold_each_distinct_task_and_averages_each_position(make_run: MakeRun) -> None:
    run = measure(make_run(tasks=("reach", "step", "reach")))
    curves, averages = curves_frame([run]), averages_frame([run])
    assert len(curves) == 16 * 2
    assert len(averages) == 16
    last = curves[curves["step"] == 3000].set_index("task")["success"]
    assert averages["success"].iloc[-1] == pytest.approx((2 * last["reach"] + last["step"]) / 3)
    assert run.metrics["average_performance"].value == pytest.approx(averages["success"].iloc[-1])


def test_frames_of_nothing_have_columns() -> None:
    assert "success" in curves_frame([])
    assert "success" in averages_frame([])


def test_a_band_ends_where_its_first_run_ends() -> None:
    curves = pd.DataFrame(
        {
            "run": ["x", "x", "x", "y", "y"],
            "agent": "sac",
            "step": [0, 1, 2, 0, 1],
            "success": [0.0, 0.5, 1.0, 0.0, 0.7],
        }
    )
    bands = bands_frame(curves, ["agent"])
    assert bands["step"].tolist() == [0, 1]
    assert bands["mean"].tolist() == pytest.approx([0.0, 0.6])
    assert bands[["low", "high"]].iloc[1].tolist() == pytest.approx([0.5, 0.7])
    assert bands["count"].tolist() == [2, 2]


def test_success_matrix(make_run: MakeRun) -> None:
    whole, part = measure(make_run()), measure(make_run(seed=1, stop_at=2600))
    matrix = matrix_frame(whole)
    assert matrix.index.tolist() == ["reach", "push", "drawer-close"]
    assert [int(column) for column in matrix.columns] == [-1, 0, 1, 2]
    assert whole.performance is not None
    np.testing.assert_array_equal(matrix[1], whole.performance.success[10])
    assert [int(column) for column in matrix_frame(part).columns] == [-1, 0, 1]
    mean = mean_matrix([whole, part])
    pd.testing.assert_frame_equal(mean, (matrix[[-1, 0, 1]] + matrix_frame(part)) / 2)
