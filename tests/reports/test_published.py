"""The committed results are what the committed run folders say, to the last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from legion_bench.metrics.continual import end_of_interval
from legion_bench.reports.build import build_report
from legion_bench.reports.measured import measure
from legion_bench.results.store import find_runs, read_run

RESULTS = Path(__file__).parents[2] / "results"
# Where runs are committed, and the page that shows their tables.
STUDIES = {
    "smoke": RESULTS / "README.md",
    "mini": RESULTS / "mini" / "README.md",
    "lifelong-small": RESULTS / "lifelong-small" / "README.md",
}
RUNS = {study: find_runs([RESULTS / study / "runs"]) for study in STUDIES}
SMOKE = RUNS["smoke"]


def test_every_study_is_known() -> None:
    assert {path.parent.name for path in RESULTS.glob("*/runs")} == set(STUDIES)


@pytest.mark.parametrize("study", STUDIES)
def test_tables_are_made_from_the_run_folders(study: str, tmp_path: Path) -> None:
    build_report([read_run(path) for path in RUNS[study]], tmp_path)
    made = {path.name: path.read_text("utf-8") for path in (tmp_path / "tables").iterdir()}
    committed = {path.name: path.read_text("utf-8") for path in (RESULTS / study / "tables").iterdir()}
    assert made == committed


@pytest.mark.parametrize("table", ["summary.md", "cost.md"])
@pytest.mark.parametrize("study", STUDIES)
def test_the_page_shows_the_tables_as_they_are(study: str, table: str) -> None:
    text = (RESULTS / study / "tables" / table).read_text("utf-8")
    assert text in STUDIES[study].read_text("utf-8")


@pytest.mark.parametrize(
    "path", [path for paths in RUNS.values() for path in paths], ids=lambda path: "-".join(path.parts[-3:])
)
def test_runs_finished_on_committed_code(path: Path) -> None:
    run = read_run(path)
    assert run.manifest.status == "finished"
    assert run.manifest.git["dirty"] is False
    assert not run.warnings


@pytest.mark.parametrize("agent", ["legion-small", "sac-finetune-small"])
def test_learners_learn_most_smoke_tasks(agent: str) -> None:
    measured = [measure(read_run(path)).performance for path in SMOKE if path.parent.name == agent]
    just_learned = [end_of_interval(one, window=1).diagonal() for one in measured if one is not None]
    assert len(just_learned) == 5
    assert np.mean(just_learned) >= 0.6
