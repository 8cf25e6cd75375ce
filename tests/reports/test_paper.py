"""The report on published results: complete, reproducible, and beside runs of ours."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from legion_bench.cards import load_stream
from legion_bench.reports import paper
from legion_bench.reports.build import build_report
from legion_bench.reports.measured import measure, measure_all
from legion_bench.reports.paper import build_paper, learning_frame
from legion_bench.reports.pictures import paper as pictures
from legion_bench.results.folder import RunFolder
from legion_bench.results.store import Run, read_run
from legion_bench.types import EvaluationRecord, KnowledgeRecord
from tests.reports.conftest import MakeRun, manifest, write_run
from tests.reports.test_build import Page

CURRICULUM = "lifelong-curriculum"
COMMITTED = Path(__file__).parents[2] / "results" / "paper"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("paper")
    began = time.monotonic()
    build_paper(out)
    assert time.monotonic() - began < 60
    return out


def test_committed_tables_are_what_the_command_makes(made: Path) -> None:
    tables = {path.name: path.read_text("utf-8") for path in (made / "tables").iterdir()}
    committed = {path.name: path.read_text("utf-8") for path in (COMMITTED / "tables").iterdir()}
    assert tables == committed


def test_committed_figures_are_those_the_command_makes(made: Path) -> None:
    figures = {path.name for path in (made / "figures").glob("*.png")}
    assert figures == {path.name for path in (COMMITTED / "figures").glob("*.png")}
    assert {path.with_suffix(".pdf").name for path in (made / "figures").glob("*.png")} == {
        path.name for path in (made / "figures").glob("*.pdf")
    }
    assert sum(path.stat().st_size for path in (COMMITTED / "figures").glob("*.png")) < 2_000_000


def test_the_page_needs_no_other_file(made: Path) -> None:
    page = Page((made / "index.html").read_text("utf-8"))
    assert page.tags.count("figure") == 8
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert page.handlers == []
    for said in ("0.82", "0.944", "cannot all be what the names say", "no forgetting can be computed"):
        assert said in page.text


def test_the_docs_show_figures_that_are_there() -> None:
    docs = COMMITTED.parents[1] / "docs" / "paper.md"
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", docs.read_text("utf-8"))
    assert len(shown) == len(list((COMMITTED / "figures").glob("*.png")))
    assert all((docs.parent / path).is_file() for path in shown)


def test_what_is_never_learned_is_told_apart_from_what_is_lost() -> None:
    frame = learning_frame()
    assert len(frame) == 20
    assert frame.groupby("protocol")["never"].sum().to_dict() == {"lifelong-reverse": 8, "lifelong-random": 8}
    first = frame.iloc[0]
    assert (first["task"], first["runs"], first["never"], first["learned"]) == ("task A", 5, 0, 1.0)
    means = frame.groupby("protocol")[["learned", "final"]].mean()
    assert means.loc["lifelong-reverse", "final"] == pytest.approx((0.56 + 0.69 + 0.73 + 0.63 + 0.25) / 5)
    assert means.loc["lifelong-reverse", "learned"] > means.loc["lifelong-reverse", "final"]


def paper_run(folder: Path, stream: str, regime: str, seed: int, name: str) -> Run:
    """Return a made-up run of LEGION's own budget."""
    card = load_stream(stream)
    made = manifest(agent="legion", seed=seed, protocol=name, tasks=card.tasks, stream=card)
    protocol = msgspec.structs.replace(made.protocol, regime=regime, evaluate_every=500_000)
    return write_run(folder / f"{name}-{seed}", msgspec.structs.replace(made, protocol=protocol))


def test_published_results_lie_beside_runs_that_fit(tmp_path: Path) -> None:
    runs = [paper_run(tmp_path, "kuka-curriculum", "lifelong", seed, "mine") for seed in (0, 1)]
    out = tmp_path / "report"
    page = Page(build_report(runs, out, published=True).read_text("utf-8"))
    figures = {path.stem for path in (out / "figures").glob("paper--*.png")}
    assert figures == {"paper--orders", "paper--average-performance--lifelong-curriculum"}
    assert "LEGION (published)" in page.text
    assert "0.82" in page.text
    assert "lifelong-random" not in page.text
    assert "None of these protocols" not in page.text
    plain = Page(build_report(runs, tmp_path / "plain").read_text("utf-8"))
    assert "published" not in plain.text.casefold()
    for table in ("summary.csv", "runs.csv"):
        pd.testing.assert_frame_equal(
            pd.read_csv(out / "tables" / table), pd.read_csv(tmp_path / "plain" / "tables" / table)
        )


def test_runs_of_two_protocols_are_not_taken_for_seeds_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[str]] = []
    monkeypatch.setattr(
        paper.pictures,
        "over_training",
        lambda ours: drawn.append([run.agent for run in ours[CURRICULUM]]) or (),
    )
    runs = [
        paper_run(tmp_path, f"{robot}-curriculum", "lifelong", 0, f"on-{robot}")
        for robot in ("kuka", "sawyer")
    ]
    (tmp_path / "figures").mkdir()
    block = paper.beside(measure_all(runs), tmp_path)
    assert drawn == [["legion, on-kuka", "legion, on-sawyer"]]
    assert len(block.tables[0].cells) == 3


def test_few_shot_runs_have_published_figures_beside_them(tmp_path: Path) -> None:
    few = paper_run(tmp_path, "kuka-few-shot", "lifelong", 0, "few")
    page = Page(build_report([few], tmp_path / "report", published=True).read_text("utf-8"))
    figures = {path.stem for path in (tmp_path / "report" / "figures").glob("*.png")}
    assert {"paper--recall", "recall--few--legion"} <= figures
    assert "Boxes: recall improvement (LEGION)" in page.text


def test_components_of_ours_lie_beside_the_published(tmp_path: Path) -> None:
    run = paper_run(tmp_path, "kuka-curriculum", "lifelong", 0, "mine")
    record = KnowledgeRecord(step=1_000_000, stream_position=0, task="reach", components=2, purity=0.5)
    made = measure(replace(run, knowledge=(record,)))
    curriculum, few = pictures.components({"lifelong-curriculum": [made]})
    names = [[text.get_text() for text in one.figure.legends[0].get_texts()] for one in (curriculum, few)]
    assert names == [["LEGION (published)", "legion"], ["LEGION (published)"]]


def test_multi_task_runs_lie_beside_the_published(tmp_path: Path) -> None:
    card, skill = load_stream("kuka-curriculum"), {0: 0, 5_000_000: 1, 10_000_000: 0}
    made = manifest(agent="mine", tasks=card.tasks, stream=card)
    protocol = msgspec.structs.replace(
        made.protocol, regime="multi-task", evaluation_episodes=1, evaluate_every=5_000_000
    )
    with RunFolder(tmp_path / "run", msgspec.structs.replace(made, protocol=protocol)) as folder:
        for step, success in skill.items():
            folder.evaluated(
                EvaluationRecord(step, 0 if step else -1, at, task, int(step > 0), 0, success, 0.0, 150)
                for at, task in enumerate(card.tasks)
            )
    out = tmp_path / "report"
    page = Page(build_report([read_run(tmp_path / "run")], out, published=True).read_text("utf-8"))
    assert [path.stem for path in (out / "figures").glob("paper--*.png")] == ["paper--multitask"]
    assert "from step 675,000 on; ours: means over seeds" in page.text
    drawn = pictures.multitask({"multitask": measure_all([read_run(tmp_path / "run")])}).figure.axes[0]
    mine = drawn.lines[-1]
    assert np.asarray(mine.get_xdata()).tolist() == list(skill)
    assert np.asarray(mine.get_ydata()).tolist() == list(skill.values())


def test_a_page_says_when_nothing_published_fits(make_run: MakeRun, tmp_path: Path) -> None:
    page = Page(build_report([make_run()], tmp_path / "report", published=True).read_text("utf-8"))
    assert "None of these protocols asks what was published." in page.text
    assert not list((tmp_path / "report" / "figures").glob("paper--*"))
