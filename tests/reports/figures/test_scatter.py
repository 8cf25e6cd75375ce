"""Points of agents, over cost and over orders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from legion_bench.reports import figures

STYLES = figures.agent_styles(["ewc", "random", "sac"])


def points(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_marker() != "None"]


def costs(**changes: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            ("wall_clock", "sac", 600.0, True, True, 0.6, 0.5, 0.7),
            ("wall_clock", "ewc", 1200.0, True, True, 0.8, np.nan, np.nan),
            ("wall_clock", "random", 60.0, False, False, 0.1, 0.0, 0.2),
            ("gradient_updates", "sac", 5000.0, True, True, 0.6, 0.5, 0.7),
        ],
        columns=["cost", "agent", "paid", "learns", "front", "mean", "low", "high"],
    )
    return frame.assign(**changes)


def test_a_panel_per_cost_with_the_front_through_it() -> None:
    clock, updates = figures.trade_off(costs(), STYLES, "t").axes
    assert clock.get_xlabel() == "wall clock, minutes"
    assert updates.get_xlabel() == "gradient updates"
    front = clock.lines[0]
    assert np.asarray(front.get_xdata()).tolist() == pytest.approx([10.0, 20.0, 21.2])
    assert np.asarray(front.get_ydata()).tolist() == [0.6, 0.8, 0.8]
    assert [float(np.atleast_1d(line.get_xdata())[0]) for line in points(clock)] == [10.0, 20.0, 1.0]
    fills = [line.get_markerfacecolor() for line in points(clock)]
    assert fills[2] == "white", "random does not learn"
    assert "white" not in fills[:2]
    assert len({line.get_marker() for line in points(clock)}) == 3
    whiskers = [line for line in clock.lines if len(np.atleast_1d(line.get_xdata())) == 2]
    assert len(whiskers) == 2, "one seed has no interval"
    assert len(points(updates)) == 1


@pytest.mark.parametrize(("seconds", "unit"), [(10_000.0, "minutes"), (11_000.0, "hours")])
def test_long_runs_are_measured_in_hours(seconds: float, unit: str) -> None:
    axes = figures.trade_off(costs(paid=seconds), STYLES, "t").axes[0]
    assert axes.get_xlabel() == f"wall clock, {unit}"


def test_free_agents_can_be_drawn() -> None:
    axes = figures.trade_off(costs(paid=0.0), STYLES, "t").axes[0]
    assert axes.get_xlim()[1] > 0


def test_orders_of_an_agent_share_a_row_and_keep_their_markers() -> None:
    rows = pd.DataFrame(
        [
            ("sac", "there", 0.6, 0.5, 0.7),
            ("sac", "back", 0.2, np.nan, np.nan),
            ("ewc", "there", 0.5, 0.4, 0.6),
            ("ewc", "back", 0.9, 0.8, 1.0),
        ],
        columns=["agent", "protocol", "mean", "low", "high"],
    )
    figure = figures.order_robustness(rows, STYLES, "t")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sac", "ewc"]
    shown = [(line.get_marker(), float(np.atleast_1d(line.get_xdata())[0])) for line in points(axes)]
    (there, back) = (shown[0][0], shown[1][0])
    assert there != back
    assert shown == [(there, 0.6), (back, 0.2), (there, 0.5), (back, 0.9)]
    thick = [line for line in axes.lines if line.get_linewidth() == 5]
    assert [np.asarray(line.get_xdata()).tolist() for line in thick] == [[0.2, 0.6], [0.5, 0.9]]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["back", "there", "mean over orders"]
