"""The page: tracks, places, links, and nothing that a bundle can inject."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from legion_bench.errors import BundleError
from legion_bench.leaderboard import build, submit, verify
from legion_bench.leaderboard.verify import Entry
from legion_bench.results.store import MANIFEST
from tests.leaderboard.conftest import MakeBundle, rewrite
from tests.leaderboard.runs import RUNS

HOSTILE = "x<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


@pytest.fixture(scope="session")
def entries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, ...]:
    """Two agents of one track, one of another, and one with a single seed."""
    folder = tmp_path_factory.mktemp("entries")
    names = ("sac-reset-small", "sac-packnet-small", "sac-multitask-small")
    made = [submit([RUNS.parent / name], folder / f"{name}.zip") for name in names]
    return (*made, submit([RUNS.parent / "sac-l2-small" / "seed-3"], folder / "sac-l2-small.zip"))


class Page(HTMLParser):
    """Words, tags and addresses of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name == "href"]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_table_per_track_in_the_order_of_performance(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    page = Page(build(entries, tmp_path / "out"))
    table = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert table[["protocol", "robot", "identity", "agent"]].to_numpy().tolist() == [
        ["smoke", "kuka", "known", "sac-packnet-small"],
        ["smoke", "kuka", "known", "sac-l2-small"],
        ["smoke", "kuka", "known", "sac-reset-small"],
        ["smoke-multitask", "kuka", "known", "sac-multitask-small"],
    ]
    places = table.set_index("agent")[["first_place", "last_place"]]
    assert places.loc["sac-packnet-small"].tolist() == [1, 1]
    assert places.loc["sac-reset-small"].tolist() == [2, 2]
    assert places.loc["sac-l2-small"].isna().all(), "a single seed has no place"
    assert "agents whose intervals overlap are not told apart" in page.text
    assert "2026-11-23" in page.text
    assert page.tags.count("section") == 3


def test_links_lead_to_the_bundle_and_its_cards(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    index = build(entries, tmp_path / "out")
    page = Page(index)
    for entry in entries:
        name = entry.manifest.agent.name
        (cards,) = (
            link for link in page.links if link == f"cards/{entry.track.protocol}--known--{name}.json"
        )
        content = json.loads((index.parent / cards).read_text(encoding="utf-8"))
        assert msgspec.convert(content["agent"], type(entry.manifest.agent)) == entry.manifest.agent
        assert content["seeds"].keys() == {str(run.seed) for run in entry.runs}
        (found,) = (link for link in page.links if link.endswith(f"{name}.zip"))
        assert (index.parent / found).resolve() == entry.bundle.resolve()


def test_equal_bundles_give_equal_pages(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    pages = [build(given, tmp_path / name) for given, name in ((entries, "a"), (entries[::-1], "b"))]
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
    assert len(pages) == 2


def test_a_bundle_cannot_inject_into_the_page(make_bundle: MakeBundle, tmp_path: Path) -> None:
    def edit(folder: Path) -> None:
        for seed in (3, 4):
            rewrite(
                folder / f"seed-{seed}" / MANIFEST,
                lambda run: run.update(
                    agent={
                        **run["agent"],
                        "name": "mine",
                        "title": HOSTILE,
                        "parameters": {HOSTILE: HOSTILE},
                    },
                ),
            )

    bundle = make_bundle(edit).rename(tmp_path / "'><script>x&y #1?.zip")
    index = build([verify(bundle)], tmp_path / "out")
    page = Page(index)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert page.handlers == []
    assert HOSTILE in page.text
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parent for path in files if path.suffix == ".json"} >= {tmp_path / "out" / "cards"}
    (link,) = (link for link in page.links if link.endswith(".zip"))
    assert link == "../%27%3E%3Cscript%3Ex%26y%20%231%3F.zip"


def test_one_agent_twice_in_a_track_is_refused(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    twice = [*entries, replace(entries[0], bundle=Path("again.zip"))]
    with pytest.raises(BundleError, match=r"sac-reset-small\.zip and again\.zip are both of the agent"):
        build(twice, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundles to show"):
        build([], tmp_path / "out")
    assert not (tmp_path / "out").exists()
