"""Recall says what each later visit gains."""

from __future__ import annotations

import pandas as pd

from legion_bench.reports import figures


def test_a_panel_per_task_says_what_its_visits_gain() -> None:
    bands = pd.DataFrame(
        [
            {"task": task, "presentation": visit, "step": step, "mean": 0.5, "low": 0.4, "high": 0.6}
            for task in ("reach", "push")
            for visit in (1, 2)
            for step in (0, 100)
        ]
    )
    gains = pd.DataFrame(
        {"task": ["reach", "push"], "earlier": [1, 1], "later": [2, 2], "improvement": [0.2, -0.1]}
    )
    figure = figures.recall_curves(bands, gains, "t")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["reach", "push"]
    assert [axes.texts[0].get_text() for axes in panels] == ["1 → 2: +0.20", "1 → 2: −0.10"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["visit 1", "visit 2"]
