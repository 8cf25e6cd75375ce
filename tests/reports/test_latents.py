"""Latents in the plane: same every time, and a reason wherever there is no picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from legion_bench.reports import latents
from legion_bench.reports.cautions import cautions
from legion_bench.reports.measured import Measured, measure_all
from legion_bench.results.folder import RunFolder
from legion_bench.results.store import Run, read_run
from legion_bench.types import Knowledge, KnowledgeRecord
from tests.reports.conftest import TASKS, manifest, write_run


def knowing(path: Path, agent: str = "legion", seed: int = 0, latents_each: int = 20) -> Run:
    """Return a run that hands over two visits' knowledge: groups far apart, one for each task."""
    made = manifest(agent=agent, seed=seed)
    write_run(path, made)
    with RunFolder(path.with_name(f"{path.name}-knowledge"), made) as folder:
        for position in range(2):
            tasks = np.repeat(np.arange(position + 1), latents_each)
            rng = np.random.default_rng(seed)
            means = 50.0 * np.eye(4)[: position + 1]
            knowledge = Knowledge(
                latents=(means[tasks] + rng.normal(size=(len(tasks), 4))).astype(np.float32),
                tasks=tasks,
                components=tasks,
                means=means,
                variances=np.ones_like(means),
                weights=np.ones(position + 1) / (position + 1),
            )
            record = KnowledgeRecord(1000 * (position + 1), position, TASKS[position], position + 1, 1.0)
            folder.known(record, knowledge)
    for name in ("knowledge.jsonl", "knowledge"):
        path.joinpath(name).unlink(missing_ok=True)
        folder.path.joinpath(name).rename(path / name)
    return read_run(path)


def measured(*runs: Run) -> tuple[Measured, ...]:
    return measure_all(runs)


@pytest.fixture
def run(tmp_path: Path) -> Measured:
    return measured(knowing(tmp_path / "runs" / "a"))[0]


def test_groups_far_apart_stay_apart_and_the_plane_is_the_same_every_time(run: Measured) -> None:
    pytest.importorskip("sklearn")
    points, again = latents.latents_frame(run), latents.latents_frame(run)
    assert points is not None
    assert again is not None
    assert points.equals(again)
    assert points["after"].unique().tolist() == ["visit 1, reach", "visit 2, push"]
    last = points[points["after"] == "visit 2, push"]
    assert last["task"].tolist() == ["reach"] * 20 + ["push"] * 20
    assert last["component"].tolist() == [1] * 20 + [2] * 20
    centres = last.groupby("task")[["x", "y"]].mean()
    spread = last.groupby("task")[["x", "y"]].std().to_numpy().max()
    assert np.linalg.norm(centres.loc["reach"] - centres.loc["push"]) > 3 * spread


def test_one_run_of_each_agent_is_drawn(tmp_path: Path) -> None:
    runs = [knowing(tmp_path / "runs" / f"{agent}{seed}", agent, seed) for agent in "ab" for seed in (0, 1)]
    shown = list(latents.drawn(measured(*runs)))
    assert [(one.agent, one.seed) for one in shown] == [("a", 0), ("b", 0)]


def test_without_scikit_learn_the_report_says_what_to_install(
    run: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "available", lambda: False)
    assert latents.latents_frame(run) is None
    (said,) = [text for text in cautions([run]) if "latents" in text]
    assert "scikit-learn is not installed" in said
    assert latents.INSTALL in said


def test_latents_that_cannot_be_drawn_are_a_caution(run: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "available", lambda: True)
    (run.run.path / "knowledge" / "1.npz").unlink()
    assert latents.latents_frame(run) is None
    assert any("no picture of its latents" in text and "1.npz" in text for text in cautions([run]))


def test_too_few_latents_are_a_caution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "available", lambda: True)
    runs = measured(knowing(tmp_path / "runs" / "few", latents_each=2))
    (said,) = latents.missing(runs)
    assert "after visit 1 there are 2 of them, fewer than 5" in said


def test_runs_without_knowledge_need_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latents, "available", lambda: False)
    assert list(latents.missing(measured(write_run(tmp_path / "runs" / "x", manifest())))) == []
