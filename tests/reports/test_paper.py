"""The report on published results: complete, reproducible, and beside runs of ours."""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from legion_bench.cards import load_stream
from legion_bench.reports.build import build_report
from legion_bench.reports.paper import build_paper, learning_frame
from legion_bench.results.store import Run
from tests.reports.conftest import MakeRun, manifest, write_run
from tests.reports.test_build import Page

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


def test_multi_task_and_few_shot_runs_have_published_figures(tmp_path: Path) -> None:
    few = paper_run(tmp_path, "kuka-few-shot", "lifelong", 0, "few")
    page = Page(build_report([few], tmp_path / "report", published=True).read_text("utf-8"))
    figures = {path.stem for path in (tmp_path / "report" / "figures").glob("*.png")}
    assert {"paper--recall", "recall--few--legion"} <= figures
    assert "Boxes: recall improvement (LEGION)" in page.text


def test_a_page_says_when_nothing_published_fits(make_run: MakeRun, tmp_path: Path) -> None:
    page = Page(build_report([make_run()], tmp_path / "report", published=True).read_text("utf-8"))
    assert "None of these protocols asks what was published." in page.text
    assert not list((tmp_path / "report" / "figures").glob("paper--*"))
