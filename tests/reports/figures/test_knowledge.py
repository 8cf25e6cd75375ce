"""Components and latents are drawn as their frames say."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection

from legion_bench.reports import figures


def test_components_stand_against_one_for_each_task() -> None:
    bands = pd.DataFrame(
        {
            "agent": "legion",
            "visits": [1, 2, 3],
            "components": [1.0, 2.5, 3.0],
            "low": [1, 2, 3],
            "high": [1, 3, 3],
            "purity": [1.0, 0.9, 1.0],
        }
    )
    visits = ["reach", "push", "reach"]
    figure = figures.component_counts(bands, visits, [1, 2, 2], figures.agent_styles(["legion"]), "t")
    upper, lower = figure.axes
    expected, counted = (np.asarray(line.get_ydata()).tolist() for line in upper.lines)
    assert (expected, counted) == ([1, 2, 2], [1.0, 2.5, 3.0])
    assert np.asarray(lower.lines[0].get_ydata()).tolist() == [1.0, 0.9, 1.0]
    assert any(isinstance(part, PolyCollection) for part in upper.collections)
    assert upper.get_ylim()[1] > 3
    names = [label.get_text() for label in lower.get_xticklabels()]
    assert names == ["1 reach", "2 push", "3 reach"]


def test_latents_are_coloured_by_task_and_by_component() -> None:
    points = pd.DataFrame(
        {
            "after": ["visit 1, reach"] * 2 + ["visit 2, push"] * 4,
            "x": np.arange(6.0),
            "y": np.arange(6.0),
            "task": ["reach"] * 4 + ["push"] * 2,
            "component": [1, 1, 1, 2, 2, 2],
        }
    )
    figure = figures.latent_space(points, "t")
    assert [len(axes.lines) for axes in figure.axes] == [1, 2, 1, 2]
    by_task, by_component = figure.axes[1], figure.axes[3]
    assert [len(np.asarray(line.get_xdata())) for line in by_task.lines] == [2, 2]
    assert [len(np.asarray(line.get_xdata())) for line in by_component.lines] == [1, 3]
    for axes, names in ((by_task, ["reach", "push"]), (by_component, ["1", "2"])):
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == names
    assert [axes.get_title() for axes in figure.axes[:2]] == ["after visit 1, reach", "after visit 2, push"]


def test_many_groups_are_told_apart() -> None:
    points = pd.DataFrame({"after": "visit 1, x", "x": 0.0, "y": 0.0, "task": "x", "component": range(60)})
    lines = figures.latent_space(points, "t").axes[1].lines
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 60
