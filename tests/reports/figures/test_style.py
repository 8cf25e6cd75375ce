"""Figures can be told apart, survive any name, and touch nothing global."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from legion_bench.protocols.schedule import Span
from legion_bench.reports import figures
from tests.reports.figures.frames import TASKS, bands, matrix


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
