"""The stability gap: curves from the switch on, beside their lowest points."""

from __future__ import annotations

import pytest

from legion_bench.reports import figures
from tests.reports.figures.frames import bands, metrics


def test_curves_and_bars_are_of_the_same_agents() -> None:
    curves = bands().query("task == 'reach'")
    styles = figures.agent_styles(["ewc", "other", "sac"])
    figure = figures.stability_gap(curves, metrics(), ["average_performance"], styles, "t")
    lines, bars = figure.axes
    assert lines.get_xlim() == (0, 300)
    assert len(lines.lines) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sac", "ewc"]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["ewc", "sac"]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([0.4, 0.6])  # type: ignore[attr-defined]
