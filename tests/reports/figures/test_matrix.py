"""The success matrix says what its frame says."""

from __future__ import annotations

from legion_bench.reports import figures
from tests.reports.figures.frames import TASKS, matrix


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
