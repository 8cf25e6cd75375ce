"""Pictures of what agents know, and frames behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from legion_bench.protocols.schedule import Span
from legion_bench.reports import figures, latents
from legion_bench.reports.measured import measure_all
from legion_bench.reports.pictures.knowledge import (
    component_bands,
    components_frame,
    knowledge,
    tasks_so_far,
)
from tests.reports.conftest import manifest, write_run
from tests.reports.test_latents import knowing

STYLES = figures.agent_styles(["legion"])


def test_components_are_averaged_over_runs(tmp_path: Path) -> None:
    runs = measure_all([knowing(tmp_path / "runs" / str(seed), seed=seed) for seed in (0, 1)])
    bands = component_bands(components_frame(runs))
    assert bands["visits"].tolist() == [1, 2]
    assert bands["components"].tolist() == [1.0, 2.0]
    assert bands["purity"].tolist() == [1.0, 1.0]


def test_a_picture_of_components_and_one_of_latents(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    runs = measure_all([knowing(tmp_path / "runs" / "a")])
    made = list(knowledge(runs, STYLES))
    assert [picture.words for picture in made] == [
        ("components", "smoke"),
        ("latent-space", "smoke", "legion"),
    ]
    assert "legion: 1" in made[0].caption
    assert "seed 0" in made[1].caption


def test_components_are_drawn_where_latents_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "available", lambda: False)
    runs = measure_all([knowing(tmp_path / "runs" / "a")])
    assert [picture.words[0] for picture in knowledge(runs, STYLES)] == ["components"]


def test_agents_that_hand_over_nothing_have_no_such_picture(tmp_path: Path) -> None:
    runs = measure_all([write_run(tmp_path / "runs" / "a", manifest())])
    assert list(knowledge(runs, STYLES)) == []


def test_tasks_met_so_far() -> None:
    spans = [Span(name, (name,), 1, at, at + 1) for at, name in enumerate(("a", "b", "a"))]
    assert tasks_so_far(spans) == [1, 2, 2]
    assert tasks_so_far(spans, single_task=True) == [1, 1, 1]
    assert tasks_so_far([Span("all tasks", ("a", "b"), 2, 0, 2)]) == [2]
