"""Recall: curves from each visit's start, and gains that agree with the metric."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from legion_bench.reports.frames import bands_frame
from legion_bench.reports.measured import measure
from legion_bench.reports.recall import improvements, recall_frame

from .conftest import MakeRun


def test_gains_of_means_are_the_mean_of_the_metrics_parts(make_run: MakeRun) -> None:
    runs = [measure(make_run(seed=seed, tasks=("reach", "push", "reach", "reach"))) for seed in range(3)]
    curves = recall_frame(runs)
    # Five evaluations a visit, and the one at its start.
    assert curves.groupby(["run", "task", "presentation"]).size().tolist() == [6] * 3 * 4
    gains = improvements(bands_frame(curves, ["task", "presentation"]))
    found = gains.set_index(["task", "earlier", "later"])["improvement"].to_dict()
    assert list(found) == [("reach", 1, 2), ("reach", 1, 3), ("reach", 2, 3)]
    for (task, earlier, later), gain in found.items():
        part = f"{task} {earlier} → {later}"
        parts = [run.metrics["recall_improvement_legion"].parts[part] for run in runs]
        assert gain == pytest.approx(np.mean(np.array(parts, float)))


def test_runs_that_stopped_or_repeat_nothing_have_no_recall(make_run: MakeRun) -> None:
    stopped = measure(make_run(tasks=("reach", "reach"), stop_at=1400))
    once = measure(make_run(seed=1))
    assert recall_frame([stopped, once]).empty


def test_gains_of_unlike_steps_are_areas_as_a_share_of_the_visit() -> None:
    bands = pd.DataFrame(
        {
            "task": "reach",
            "presentation": [1, 1, 2, 2, 2],
            "step": [0, 100, 0, 50, 100],
            "mean": [0.0, 1.0, 0.0, 1.0, 1.0],
        }
    )
    assert improvements(bands)["improvement"].tolist() == pytest.approx([0.25])
