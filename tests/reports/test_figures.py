"""Figures show what their frames say, and touch nothing global."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from legion_bench.protocols.schedule import Span
from legion_bench.reports import figures

TASKS = ("reach", "push", "reach")
SPANS = tuple(Span(task, (task,), 1, at * 100, at * 100 + 100) for at, task in enumerate(TASKS))


def bands(agents: tuple[str, ...] = ("sac", "ewc")) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"agent": agent, "task": task, "step": step, "mean": 0.5, "low": 0.4, "high": 0.7}
            for agent in agents
            for task in ("reach", "push")
            for step in (0, 100, 200, 300)
        ]
    )


def matrix() -> pd.DataFrame:
    return pd.DataFrame({-1: [0.0, 0.1], 0: [0.9, 0.2], 1: [0.4, 0.8]}, index=["reach", "push"])


def test_matrix_annotates_every_cell_and_frames_what_was_just_trained() -> None:
    (axes, _) = figures.success_matrix(matrix(), TASKS, "sac").axes
    assert [text.get_text() for text in axes.texts] == [
        "0.00",
        "0.90",
        "0.40",
        "–",
        "0.10",
        "0.20",
        "0.80",
        "–",
    ]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "before",
        "1 reach",
        "2 push",
        "3 reach",
    ]
    frames = [(round(patch.get_x()), round(patch.get_y())) for patch in axes.patches]  # type: ignore[attr-defined]
    assert frames == [(1, 0), (3, 0), (2, 1)]


def test_curves_label_tasks_and_agents() -> None:
    figure = figures.average_performance(
        bands().query("task == 'reach'"), SPANS, figures.agent_styles(["ewc", "sac"]), "t"
    )
    (axes,) = figure.axes
    assert [line.get_ydata()[0] for line in axes.lines] == [0.5, 0.5]  # type: ignore[index]
    (top,) = axes.child_axes
    assert [label.get_text() for label in top.get_xticklabels()] == list(TASKS)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sac", "ewc"]


def test_one_panel_per_distinct_task_with_its_visits_shaded() -> None:
    figure = figures.task_success(bands(), SPANS, figures.agent_styles(["ewc", "sac"]), "t")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["reach", "push"]
    assert [len(axes.patches) for axes in panels] == [2, 1]


def test_tasks_trained_together_share_a_name_and_are_shaded_each() -> None:
    styles, together = figures.agent_styles(["ewc", "sac"]), [Span("all tasks", ("reach", "push"), 2, 0, 300)]
    (top,) = (
        figures.average_performance(bands().query("task == 'reach'"), together, styles, "t")
        .axes[0]
        .child_axes
    )
    assert [label.get_text() for label in top.get_xticklabels()] == ["all tasks"]
    panels = [
        axes for axes in figures.task_success(bands(), together, styles, "t").axes if axes.get_visible()
    ]
    assert [len(axes.patches) for axes in panels] == [1, 1]


def test_agents_differ_in_more_than_colour() -> None:
    styles = figures.agent_styles([str(i) for i in range(30)])
    assert len({(style["color"], style["linestyle"]) for style in styles.values()}) == 30
    assert len({style["linestyle"] for style in list(styles.values())[:6]}) == 6


def test_names_from_cards_cannot_break_a_figure(tmp_path: Path) -> None:
    names = ("$x_{$", "_hidden", "a\nb", "pkg.mod:Class", "x" * 200, "%s {0}", "\\frac")
    styles = figures.agent_styles(names)
    spans = [Span(name, (name,), 1, at * 100, at * 100 + 100) for at, name in enumerate(names)]
    curves = figures.average_performance(bands(names), spans, styles, "$_$")
    rates = np.full((len(names), len(names)), 0.5)
    cells = figures.success_matrix(pd.DataFrame(rates, index=list(names)), names, "_")
    for figure in (curves, cells):
        figures.save(figure, tmp_path / "x")
    assert len(curves.legends[0].get_texts()) == len(names)


def test_global_state_is_left_alone(tmp_path: Path) -> None:
    before, random = dict(mpl.rcParams), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
    figures.save(figures.success_matrix(matrix(), TASKS, "sac"), tmp_path / "x")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    np.testing.assert_array_equal(np.random.get_state()[1], random)  # type: ignore[index]  # noqa: NPY002
