"""The whole report: what it writes, and that nothing in a run folder can harm the page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from legion_bench.errors import RunError
from legion_bench.evaluations import Evaluations
from legion_bench.reports.build import build_report
from legion_bench.reports.names import safe_name
from legion_bench.results.store import EVALUATIONS, Run, read_run

from .conftest import TASKS, MakeRun

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"


class Page(HTMLParser):
    """Collects the page's tags, addresses and text; knows whether tags are balanced."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def runs(make_run: MakeRun) -> list[Run]:
    """Two protocols, three agents, among them a failed run and a torn log."""
    made = [make_run(agent=agent, seed=seed) for agent in ("sac", "pkg.mod:Class") for seed in (0, 1)]
    made += [make_run(agent="sac", seed=2, stop_at=1400), make_run(agent="a", protocol="mini", stop_at=0)]
    log = made[4].path / EVALUATIONS
    log.write_bytes(log.read_bytes()[:-3])
    return [read_run(run.path) for run in made]


def test_report_folder(runs: list[Run], tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert build_report(runs, out) == out / "index.html"
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    odd = safe_name("pkg.mod:Class")
    assert re.fullmatch(r"pkg-mod-class-[0-9a-f]{8}", odd)
    figures = {"average-performance--smoke", "task-success--smoke", "average-performance--mini"}
    figures |= {"transfer--smoke", "stability-gap--smoke", "cost--smoke"}
    figures |= {"task-success--mini", "success-matrix--mini--a", "success-matrix--smoke--sac"}
    figures |= {f"success-matrix--smoke--{odd}"}
    figures |= {"aggregates--smoke", "performance-profiles--smoke", "improvement--smoke"}
    tables = {"summary", "cost", "runs", "success-matrix--mini--a", "success-matrix--smoke--sac"}
    tables |= {f"success-matrix--smoke--{odd}", "aggregates", "improvement"}
    expected = {"index.html", "tables/curves.csv"}
    expected |= {f"figures/{name}.{suffix}" for name in figures for suffix in ("png", "pdf")}
    expected |= {f"tables/{name}.{suffix}" for name in tables for suffix in ("csv", "md", "tex")}
    assert names == expected
    summary = pd.read_csv(out / "tables" / "summary.csv")
    assert summary["agent"].tolist() == ["a", "pkg.mod:Class", "sac"]

    page = Page((out / "index.html").read_text(encoding="utf-8"))
    assert "smoke/sac/seed2/evaluations.jsonl: the last line was torn" in page.text
    assert "smoke: 2 of 3" not in page.text
    assert "2 of 3" in page.text
    assert page.tags.count("figure") == 13
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "needs runs of single tasks to compare with: --reference." in page.text
    assert page.text.count("Forgetting (COOM)") == 1, "defined below, in no table"


def test_references_are_named_and_what_they_leave_out_is_counted(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(seed=seed) for seed in (0, 1)]
    single = make_run(protocol="alone", skill=0.5)
    protocol = msgspec.structs.replace(single.manifest.protocol, regime="single-task")
    perfect = [
        msgspec.structs.replace(record, success=1) if record.task == "push" else record
        for record in single.evaluations
    ]
    manifest = msgspec.structs.replace(single.manifest, protocol=protocol)
    reference = replace(single, manifest=manifest, evaluations=Evaluations.of(perfect))
    page = Page(build_report(runs, tmp_path / "report", [reference]).read_text(encoding="utf-8"))
    assert "Forward transfer (CW) leaves out 1 of 3 tasks for all runs: 2 push." in page.text
    assert "Forward transfer of sac is measured against 1 single-task run of sac." in page.text
    table = pd.read_csv(tmp_path / "report" / "tables" / "runs.csv")
    assert table["forward_transfer_cw"].notna().all()
    assert table["reference"].tolist() == ["sac", "sac"]
    assert table["left_out"].tolist() == ["forward_transfer_cw: 2 push"] * 2


def test_equal_runs_give_equal_reports(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(seed=seed, tasks=("reach",)) for seed in (0, 1)]
    for name, given in (("a", runs), ("b", runs[::-1])):
        build_report(given, tmp_path / name)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_a_run_folder_cannot_inject_into_the_page(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [
        make_run(
            f"run{number}",
            agent=HOSTILE,
            protocol=HOSTILE + str(number),
            tasks=tasks,
            versions={HOSTILE: HOSTILE},
            git={"revision": HOSTILE, "dirty": True},
            hardware={HOSTILE: HOSTILE},
            threads={HOSTILE: None},
            started=HOSTILE,
        )
        for number, tasks in enumerate([(HOSTILE, "push"), ("push", HOSTILE)])
    ]
    index = build_report(runs, tmp_path / "report", left_out=[HOSTILE])
    text = index.read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == page.tags.count("figure") == 2 * 5 + 1
    assert page.handlers == []
    assert HOSTILE in "".join(page.words)
    assert all(path.is_relative_to(tmp_path / "report") for path in (tmp_path / "report").rglob("*"))


def test_the_order_of_tasks_has_a_section_of_its_own(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run(protocol="there"), make_run(protocol="back", tasks=TASKS[::-1])]
    page = Page(build_report(runs, tmp_path / "report").read_text(encoding="utf-8"))
    assert "#orders" in page.addresses
    assert "in two orders or more" in page.text
    table = pd.read_csv(tmp_path / "report" / "tables" / "orders.csv")
    assert table[["protocols", "agent", "orders"]].to_numpy().tolist() == [["back, there", "sac", 2]]
    for suffix in ("md", "tex"):
        assert "back, there" in (tmp_path / "report" / "tables" / f"orders.{suffix}").read_text("utf-8")
    single = Page(build_report(runs[:1], tmp_path / "single").read_text(encoding="utf-8"))
    assert "#orders" not in single.addresses
    assert not (tmp_path / "single" / "tables" / "orders.csv").exists()


def test_runs_that_could_not_be_read_are_the_first_caution(make_run: MakeRun, tmp_path: Path) -> None:
    said = "x/evaluations.jsonl, line 3: not JSON; this run is left out"
    page = Page(build_report([make_run()], tmp_path / "report", left_out=[said]).read_text("utf-8"))
    assert f"2 cautions {said}" in page.text


def test_runs_that_define_nothing_still_make_a_report(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (run.path / EVALUATIONS).write_bytes(b"")
    page = Page(build_report([read_run(run.path)], tmp_path / "report").read_text(encoding="utf-8"))
    assert "the evaluation log is empty" in page.text
    assert "figure" not in page.tags


def test_no_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no runs"):
        build_report([], tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_file_names_are_safe_and_differ_where_words_differ() -> None:
    assert safe_name("success-matrix", "smoke", "sac_v2") == "success-matrix--smoke--sac_v2"
    words = [
        "SAC",
        "sac",
        "Sac",
        "sac.",
        "../sac",
        "sac/",
        "sac #1",
        "sac #2",
        "",
        "ß",
        "x" * 300,
        "a--b",
        "-",
    ]
    names = [safe_name(word) for word in words]
    assert len({name.lower() for name in names}) == len(words)
    assert all(re.fullmatch(r"[a-z0-9_-]{1,64}", name) and not name.startswith("-") for name in names)
    assert safe_name("a", "b--c") != safe_name("a", "b", "c") != safe_name("a--b", "c")
