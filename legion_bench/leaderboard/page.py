"""Verified bundles in, a static page, a CSV file and the cards out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import msgspec
import pandas as pd

from legion_bench import __version__
from legion_bench.errors import BundleError
from legion_bench.leaderboard.tracks import Track, places
from legion_bench.leaderboard.verify import Entry
from legion_bench.metrics import METRICS
from legion_bench.reports import html, tables
from legion_bench.reports.files import write
from legion_bench.reports.frames import COST
from legion_bench.reports.names import safe_name

_TEMPLATE = Path(__file__).parent / "template" / "leaderboard.html"
_ORDER = "average_performance"
CSV = "leaderboard.csv"


@dataclass(frozen=True)
class Row:
    """An entry as it stands in its track."""

    entry: Entry
    places: tuple[int, int] | None
    """First and last place that intervals leave it; see :func:`~legion_bench.leaderboard.tracks.places`."""
    cards: str
    """Where its cards are, relative to the page."""
    link: str
    """The address of its bundle, relative to the page."""

    @property
    def place(self) -> str:
        """“1”, “1–3”, or “–”."""
        if self.places is None:
            return tables.MISSING
        first, last = self.places
        return f"{first}" if first == last else f"{first}–{last}"


def build(entries: Iterable[Entry], out: Path) -> Path:
    """Write ``index.html``, ``leaderboard.csv`` and ``cards/``; equal bundles give equal files.

    Args:
        entries: verified; at most one per track and agent.
        out: the folder; created if need be.

    Returns:
        The path of ``index.html``.

    Raises:
        BundleError: there are no entries, or two of one agent in one track.
    """
    found = sorted(entries, key=_order)
    if not found:
        raise BundleError("there are no bundles to show")
    _check_distinct(found)
    tracks = {
        track: _rows(list(group), out) for track, group in groupby(found, key=lambda entry: entry.track)
    }
    (out / "cards").mkdir(parents=True, exist_ok=True)
    for row in (row for rows in tracks.values() for row in rows):
        write(out / row.cards, _cards(row.entry))
    text = tables.csv(frame(tracks))
    write(out / CSV, text)
    page = html.page(
        _TEMPLATE,
        tracks=tracks,
        version=__version__,
        download=html.data_url(text.encode(), "text/csv"),
        download_name=CSV,
    )
    index = out / "index.html"
    write(index, page)
    return index


def frame(tracks: Mapping[Track, Sequence[Row]]) -> pd.DataFrame:
    """Return one row per entry, with every digit of all metrics and costs."""
    rows = [
        {
            "protocol": track.protocol,
            "robot": track.robot,
            "identity": track.identity,
            "agent": row.entry.manifest.agent.name,
            "seeds": len(row.entry.runs),
            "first_place": row.places and row.places[0],
            "last_place": row.places and row.places[1],
            **{
                f"{name}_{part}": row.entry.summary[f"{name}_{part}"]
                for name in METRICS
                for part in ("mean", "low", "high", "count")
            },
            "reference": row.entry.reference,
            **{name: row.entry.cost[name] for name in COST},
            "finished": row.entry.finished,
            "code": row.entry.code,
            "legion_bench": row.entry.manifest.versions.get("legion-bench"),
            "bundle": row.link,
            "sha256": row.entry.sha256,
            "cards": row.cards,
        }
        for track, rows in tracks.items()
        for row in rows
    ]
    return pd.DataFrame(rows).astype({"first_place": "Int64", "last_place": "Int64"})


def _order(entry: Entry) -> tuple[Track, float, str]:
    """Sort by track, then by average performance, the best first, then by name."""
    return entry.track, -entry.summary[f"{_ORDER}_mean"], entry.manifest.agent.name


def _check_distinct(entries: Sequence[Entry]) -> None:
    known: dict[tuple[Track, str], Entry] = {}
    for entry in entries:
        key = entry.track, entry.manifest.agent.name
        if key in known:
            raise BundleError(
                f"{known[key].bundle} and {entry.bundle} are both of the agent {key[1]!r} in one track: leave"
                " one out, or give one agent another name"
            )
        known[key] = entry


def _rows(entries: Sequence[Entry], out: Path) -> list[Row]:
    summaries = pd.DataFrame([entry.summary for entry in entries])
    intervals = places(summaries[f"{_ORDER}_low"], summaries[f"{_ORDER}_high"])
    return [
        Row(
            entry,
            found,
            cards=f"cards/{_card_name(entry)}.json",
            link=quote(os.fsencode(Path(os.path.relpath(entry.bundle, out)).as_posix())),
        )
        for entry, found in zip(entries, intervals, strict=True)
    ]


def _card_name(entry: Entry) -> str:
    """Return a name that no other entry has: an agent may be in a track of each identity."""
    return safe_name(entry.track.protocol, entry.track.identity, entry.manifest.agent.name)


def _cards(entry: Entry) -> str:
    """Return the cards of an entry, and what its runs say they were made with."""
    made = entry.manifest
    content = {
        "agent": made.agent,
        "protocol": made.protocol,
        "stream": made.stream,
        "tasks": made.tasks,
        "versions": made.versions,
        "seeds": {
            str(run.seed): {
                "started": run.run.manifest.started,
                "finished": run.run.manifest.finished,
                "git": run.run.manifest.git,
                "hardware": run.run.manifest.hardware,
            }
            for run in entry.runs
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
