"""Figures of statistics show what their frames hold."""

from __future__ import annotations

import pandas as pd

from legion_bench.reports import figures
from legion_bench.reports.statistics import aggregates_frame, improvement_frame, profiles_frame


def scores(agent: str, *runs: tuple[float, ...]) -> pd.DataFrame:
    """Return one agent's scores, per run and task."""
    rows = [
        ("smoke", agent, seed, f"{agent}/{seed}", f"task {task}", score)
        for seed, values in enumerate(runs)
        for task, score in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["protocol", "agent", "seed", "run", "task", "score"])


def test_the_matrix_says_what_both_ways_are_and_which_are_clear() -> None:
    made = pd.concat([scores("a", (0.9,), (0.8,)), scores("b", (0.1,), (0.2,)), scores("c", (0.15,))])
    figure = figures.improvement_matrix(improvement_frame(made), ["a", "b", "c"], "what")
    cells = {
        text.get_position(): (text.get_text(), text.get_fontweight()) for text in figure.axes[0].texts[::2]
    }
    assert cells[1.5, 0.5] == ("1.00", "bold")
    assert cells[0.5, 1.5] == ("0.00", "bold")
    assert cells[1.5, 2.5] == ("0.50", "normal")
    intervals = {text.get_position(): text.get_text() for text in figure.axes[0].texts[1::2]}
    assert intervals[1.5, 0.5] == "1.00–1.00"
    assert intervals[1.5, 2.5] == "–"


def test_intervals_stand_where_the_frame_says() -> None:
    made = aggregates_frame(pd.concat([scores("a", (0.9, 0.4), (0.7, 0.6)), scores("b", (0.1, 0.1))]))
    figure = figures.aggregate_intervals(made, ["b", "a"], figures.agent_styles(["a", "b"]), "what")
    panel = figure.axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["b", "a"]
    assert panel.yaxis_inverted()
    bar, point = panel.lines[2:4]
    mean = made[(made["statistic"] == "mean") & (made["agent"] == "a")].iloc[0]
    assert bar.get_xdata().tolist() == mean[["low", "high"]].tolist()
    assert point.get_xdata() == [mean["value"]]
    assert point.get_ydata() == [1]


def test_profiles_are_steps_that_end_at_one() -> None:
    made = profiles_frame(scores("a", (0.5,), (1.0,)), 2)
    figure = figures.performance_profiles(made, figures.agent_styles(["a"]), "what")
    (line,) = figure.axes[0].lines
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata().tolist() == [0, 0.5, 1]
    assert line.get_ydata().tolist() == [1, 0.5, 0.5]
