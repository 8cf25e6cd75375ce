"""Curves say which tasks and agents they are of."""

from __future__ import annotations

from legion_bench.protocols.schedule import Span
from legion_bench.reports import figures
from tests.reports.figures.frames import SPANS, TASKS, bands


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
