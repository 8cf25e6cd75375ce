"""Bars show means, intervals and every run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from legion_bench.reports import figures
from tests.reports.figures.frames import metrics

STYLES = figures.agent_styles(["ewc", "none", "sac"])


def whiskers(axes: Axes) -> list[list[float]]:
    """Return the ends of every horizontal line."""
    found = [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in axes.lines]
    return [x.tolist() for x, y in found if len(x) == 2 and y[0] == y[1] and line_is_long(x)]


def line_is_long(x: np.ndarray) -> bool:  # type: ignore[type-arg]
    return bool(x[0] != x[1])


def test_one_panel_per_metric_and_one_bar_per_agent() -> None:
    names = ["average_performance", "forgetting_cw"]
    left, right = figures.metric_bars(metrics(), names, STYLES, "t").axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["ewc", "sac"]
    assert left.get_title(loc="left") == "Average performance ↑"
    assert right.get_title(loc="left") == "Forgetting (CW) ↓"
    assert [bar.get_width() for bar in left.patches] == pytest.approx([0.4, 0.6])  # type: ignore[attr-defined]
    assert whiskers(left) == [[0.5, 0.7]], "one run has no interval"
    dots = [list(np.asarray(line.get_xdata())) for line in left.lines if line.get_marker() == "o"]
    assert dots == [[0.4], [0.5, 0.7]]
    assert left.get_xlim()[1] == pytest.approx(1.03), "a share is read against the whole"
    assert right.get_xlim()[0] < -0.2


def test_an_agent_without_a_value_has_no_bar_but_a_dash() -> None:
    frame = metrics()
    frame = frame[(frame["metric"] != "forgetting_cw") | (frame["agent"] != "ewc")]
    _, right = figures.metric_bars(frame, ["average_performance", "forgetting_cw"], STYLES, "t").axes
    assert [text.get_text() for text in right.texts] == ["–"]
    assert [bar.get_y() > 0.5 for bar in right.patches] == [True]  # type: ignore[attr-defined]


def test_the_baseline_goes_through_all_bars() -> None:
    (axes,) = figures.metric_bars(metrics(), ["average_performance"], STYLES, "t", baseline="sac").axes
    dashed = [line for line in axes.lines if line.is_dashed()]
    assert [line.get_xdata()[0] for line in dashed] == [0.6]  # type: ignore[index]


def test_zeros_alone_can_be_drawn() -> None:
    frame = pd.DataFrame(
        [{"metric": "forgetting_cw", "agent": "sac", "mean": 0.0, "low": 0.0, "high": 0.0}]
    ).assign(values=[np.zeros(3)])
    (axes,) = figures.metric_bars(frame, ["forgetting_cw"], STYLES, "t").axes
    assert axes.get_xlim()[0] <= 0 < axes.get_xlim()[1]
