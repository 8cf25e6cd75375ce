"""Final performance per order shows every run, every mean, and no interval where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from legion_bench.reports import figures


def test_each_run_each_mean_and_each_interval_is_drawn() -> None:
    runs = pd.DataFrame(
        {"order": ["a", "a", "a", "b"], "agent": ["x", "x", "x", "y"], "value": [0.8, 0.8, 0.5, 0.3]}
    )
    estimates = pd.DataFrame(
        {
            "order": ["a", "b"],
            "agent": ["x", "y"],
            "mean": [0.7, 0.3],
            "low": [0.5, np.nan],
            "high": [0.8, np.nan],
        }
    )
    figure = figures.final_by_order(runs, estimates, figures.agent_styles(["x", "y"]), "t")
    (axes,) = figure.axes
    heights = [list(np.asarray(line.get_ydata())) for line in axes.lines]
    assert heights == [[0.5, 0.8, 0.8], [0.5, 0.8], [0.7], [0.3], [0.3]]
    assert len(set(np.asarray(axes.lines[0].get_xdata())[1:])) == 2, "equal values lie side by side"
    assert [text.get_text() for text in axes.texts] == ["0.70", "0.30"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]
    looks = {(line.get_marker(), line.get_color()) for line in (axes.lines[2], axes.lines[4])}
    assert len({marker for marker, _ in looks}) == 2, "told apart in grey"
