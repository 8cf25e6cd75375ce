"""The page in a real browser: from disk, without a network, sorted by a click, printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from legion_bench.reports.build import build_report
from tests.helpers import browser

from .conftest import TASKS, manifest, write_run

pytestmark = pytest.mark.needs_browser
PATIENCE = 120_000
"""Milliseconds: the machine may have other things to do."""
RESULTS = "#protocol-2 table >> nth=0"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all there can be: references, an ablation, two orders, a run that stopped."""
    folder = tmp_path_factory.mktemp("report")
    card = manifest().agent
    agents = [card, msgspec.structs.replace(card, name="less", extends=("sac",), parameters={"rate": 0.5})]
    runs = [
        write_run(folder / f"{tasks[0]}-{agent.name}-{seed}", made, skill=skill)
        for tasks in (TASKS, TASKS[::-1])
        for agent, skill in zip(agents, (0.9, 0.4), strict=True)
        for seed in (0, 1)
        for made in [manifest(agent=agent, seed=seed, protocol=f"from-{tasks[0]}", tasks=tasks)]
    ]
    runs.append(write_run(folder / "stopped", manifest(agent="ewc", protocol="from-reach"), stop_at=1400))
    alone = manifest(protocol="alone")
    protocol = msgspec.structs.replace(alone.protocol, regime="single-task")
    reference = write_run(folder / "alone", msgspec.structs.replace(alone, protocol=protocol), skill=0.5)
    return build_report(runs, folder / "out", [reference])


@pytest.fixture
def page() -> Iterator[Page]:
    """A new page, which fails the test if it says anything on the console or asks for anything."""
    complaints, asked = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), timeout=PATIENCE)
        opened = chromium.new_page(viewport={"width": 1280, "height": 900})
        opened.set_default_timeout(PATIENCE)
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        yield opened
        here = opened.url.partition("#")[0]
        chromium.close()
    assert complaints == []
    assert {url for url in asked if not url.startswith("data:")} == {here}


def column(table: Locator, heading: str) -> list[str]:
    """Return a column's first lines from top to bottom."""
    titles = [text.split("\u00a0")[0] for text in table.locator("thead th").all_inner_texts()]
    rows = table.locator("tbody tr").all()
    return [row.locator("th, td").nth(titles.index(heading)).inner_text().split("\n")[0] for row in rows]


def test_every_image_shows(page: Page, index: Path) -> None:
    page.goto(index.as_uri())
    widths = page.eval_on_selector_all("img", "images => images.map(image => image.naturalWidth)")
    assert len(widths) == len(list((index.parent / "figures").glob("*.png")))
    assert min(widths) > 100


def test_a_click_sorts_a_table_and_another_turns_it_round(page: Page, index: Path) -> None:
    page.goto(index.as_uri())
    table = page.locator(RESULTS)
    assert column(table, "Agent") == ["ewc", "less", "sac"]
    heading = table.get_by_role("button", name="Average performance")
    heading.click()
    upwards = column(table, "Average performance")
    assert upwards[-1] == "–", "what has no number stays below"
    assert upwards[:-1] == sorted(upwards[:-1])
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    heading.click()
    downwards = column(table, "Average performance")
    assert downwards == [*upwards[-2::-1], "–"]
    assert len(set(upwards)) == 3
    table.get_by_role("button", name="Agent").press("Enter")
    assert column(table, "Agent") == ["ewc", "less", "sac"]


def test_numbers_with_signs_and_intervals_are_sorted_as_numbers(page: Page, index: Path) -> None:
    page.goto(index.as_uri())
    page.locator("#protocol-2 summary", has_text="Agents in pairs").click()
    table = page.locator("#protocol-2 details[open] table")
    shown = table.locator("tbody td:last-child")
    page.evaluate(
        """([table, texts]) => {
            const body = table.tBodies[0];
            const row = body.rows[0];
            body.replaceChildren(...texts.map((text) => {
                const copy = row.cloneNode(true);
                copy.lastElementChild.textContent = text;
                return copy;
            }));
        }""",
        [table.element_handle(), ["–", "0.10 [–]", "−0.50 [−0.60, 0.20]", "1,200", "−0.05 [–]"]],
    )
    table.locator("thead button").last.click()
    assert shown.all_inner_texts() == ["−0.50 [−0.60, 0.20]", "−0.05 [–]", "0.10 [–]", "1,200", "–"]


def test_it_fits_a_telephone(page: Page, index: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(index.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_prints_on_pages(page: Page, index: Path) -> None:
    page.goto(index.as_uri())
    pages = re.findall(rb"/Type /Page\b", page.pdf(format="A4"))
    assert len(pages) > 5
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    # Wider than the paper's 7.3 inches between margins, a table would be cut off.
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
