"""One self-contained HTML page. Everything that comes from a run folder is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from legion_bench.metrics import HEADLINES, METRICS, Undefined
from legion_bench.reports import figures, published, tables
from legion_bench.reports.measured import Measured
from legion_bench.reports.names import safe_name
from legion_bench.reports.pictures.captions import Picture
from legion_bench.results.store import Manifest

_TEMPLATE = Path(__file__).parent / "template"


@dataclass(frozen=True)
class Image:
    """A figure as it stands in the page."""

    png: bytes
    width: int
    """CSS pixels: at this width, all figures have letters of one size."""
    caption: str
    alt: str
    file: str
    """Where the report folder holds it as PDF, relative to the page."""

    @property
    def source(self) -> str:
        """The image as a data URL."""
        return data_url(self.png, "image/png")


@dataclass(frozen=True)
class Table:
    """A table of text."""

    title: str
    cells: pd.DataFrame
    legend: str = ""

    @property
    def numeric(self) -> frozenset[str]:
        """Columns of numbers, which are aligned and sorted as such."""
        kinds = (tables.NUMBER, tables.ESTIMATE)
        return frozenset(
            name
            for name in self.cells.columns
            if all(any(kind.fullmatch(cell) for kind in kinds) for cell in self.cells[name].astype(str))
        )


@dataclass(frozen=True)
class Section:
    """What the page says of one protocol."""

    protocol: str
    runs: tuple[Measured, ...]
    summary: pd.DataFrame
    """Rows of :func:`legion_bench.reports.frames.summary_frame` of this protocol."""
    costs: pd.DataFrame
    """Rows of :func:`legion_bench.reports.frames.cost_frame` of this protocol."""
    table: pd.DataFrame
    """Rows of :func:`legion_bench.reports.frames.runs_frame` of this protocol."""
    comparisons: tuple[Table, ...]
    """How its agents compare, in more numbers than most readers want."""
    images: tuple[Image, ...]

    @property
    def manifest(self) -> Manifest:
        """The manifest of one run; all share protocol, stream and tasks."""
        return self.runs[0].run.manifest

    @property
    def notes(self) -> list[str]:
        """Why headline metrics are undefined or what they leave out, and what they are measured against."""
        found: dict[tuple[str, str], dict[str, list[str]]] = {}
        for run in self.runs:
            for name, metric in HEADLINES.items():
                value = run.metrics[name]
                left_out = f"leaves out {len(value.left_out)} of {len(run.visits)} tasks"
                what = ("undefined", value.reason) if value.reason else (left_out, ", ".join(value.left_out))
                if value.reason or value.left_out:
                    found.setdefault(what, {}).setdefault(metric.title, []).append(run.folder)
        notes = [_note(*what, metrics, len(self.runs)) for what, metrics in found.items()]
        return [*notes, *_against(self.runs)]


@dataclass(frozen=True)
class Block:
    """A part of a page that is text, tables and figures."""

    name: str
    """Its address within the page."""
    title: str
    text: str
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    """The first comes before the figures, others after them."""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Platform:
    """Software, code and hardware that runs had in common."""

    name: str
    facts: Mapping[str, Mapping[str, object]]
    """Group (versions, git, hardware, threads) → fact → value."""
    runs: list[Measured]


def image(picture: Picture, out: Path) -> Image:
    """Write a figure as PNG and PDF to ``out/figures``, and return it for the page."""
    stem = out / "figures" / safe_name(*picture.words)
    figures.save(picture.figure, stem)
    return Image(
        png=stem.with_name(f"{stem.name}.png").read_bytes(),
        width=round(picture.figure.get_figwidth() * 96),
        caption=picture.caption,
        alt=picture.alt,
        file=f"figures/{stem.name}.pdf",
    )


def render_paper(blocks: Sequence[Block], cautions: Sequence[str]) -> str:
    """Return the page of the published results."""
    return page(_TEMPLATE / "paper.html", blocks=blocks, cautions=cautions, source=published.SOURCE)


def render(
    sections: Sequence[Section],
    cautions: Sequence[str],
    downloads: Mapping[str, str],
    blocks: Sequence[Block] = (),
) -> str:
    """Return the page.

    Args:
        sections: one per protocol.
        cautions: what a reader must know first.
        downloads: file name → CSV text, offered for download from within the page.
        blocks: what comes after the protocols.
    """
    runs = [run for section in sections for run in section.runs]
    return page(
        _TEMPLATE / "index.html",
        sections=sections,
        blocks=blocks,
        run_count=len(runs),
        cautions=cautions,
        downloads={name: data_url(text.encode(), "text/csv") for name, text in downloads.items()},
        agents={run.agent: run.run.manifest.agent for run in runs},
        platforms=_platforms(runs),
    )


def page(template: Path, **content: object) -> str:
    """Return a page of our looks, whose content is escaped.

    Args:
        template: may import what lies beside this module's own templates.
        content: what it shows, by the names that it uses.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, _TEMPLATE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": tables.number, "duration": tables.duration}
    environment.globals |= {"estimate": tables.estimate, "seeds": tables.seeds, "steps": tables.steps}
    environment.globals |= {"cost": tables.cost}
    script = (_TEMPLATE / "sort.js").read_text(encoding="utf-8")
    return environment.get_template(template.name).render(
        metrics=METRICS,
        headlines=HEADLINES,
        costs=tables.COSTS,
        style=(_TEMPLATE / "style.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **content,
    )


def data_url(content: bytes, kind: str) -> str:
    """Return content as a URL that needs no file beside the page."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _note(what: str, why: str, metrics: Mapping[str, Sequence[str]], runs: int) -> str:
    """Return “Forgetting (CW) undefined for all runs: needs …”."""
    folders = next(iter(metrics.values()))
    which = "all runs" if len(folders) == runs else ", ".join(folders)
    names = "Every metric" if len(metrics) == len(HEADLINES) else ", ".join(metrics)
    return f"{names} {what} for {which}: {why}."


def _against(runs: Sequence[Measured]) -> Iterator[str]:
    """Yield “Forward transfer of ewc, sac is measured against 5 single-task runs of sac.”, …."""
    measured: dict[str, dict[str, None]] = {}
    for run in runs:
        if isinstance(run.reference, Undefined):
            continue
        kind = "shipped single-task run" if run.reference.shipped else "single-task run"
        reference = f"{run.reference.runs} {kind}{'s' if run.reference.runs > 1 else ''}"
        measured.setdefault(f"{reference} of {run.reference.agent}", {})[run.agent] = None
    for reference, agents in measured.items():
        yield f"Forward transfer of {', '.join(agents)} is measured against {reference}."


def _platforms(runs: Sequence[Measured]) -> list[Platform]:
    """Return the distinct combinations of software, code and hardware, with their runs."""
    found: dict[bytes, Platform] = {}
    for run in runs:
        manifest = run.run.manifest
        facts = {part: getattr(manifest, part) for part in ("versions", "git", "hardware", "threads")}
        key = msgspec.json.encode(facts, order="sorted")
        found.setdefault(key, Platform(f"P{len(found) + 1}", facts, [])).runs.append(run)
    return list(found.values())
