"""One self-contained HTML page. Everything that comes from a run folder is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from legion_bench.metrics import HEADLINES, METRICS, Undefined
from legion_bench.reports import tables
from legion_bench.reports.measured import Measured
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
        return notes + list(dict.fromkeys(_against(run) for run in self.runs if _against(run)))


@dataclass(frozen=True)
class Orders:
    """What the page says of the same tasks in several orders."""

    table: pd.DataFrame
    """As text: :func:`legion_bench.reports.tables.orders_table`."""
    csv: str
    """With every digit."""
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Platform:
    """Software, code and hardware that runs had in common."""

    name: str
    facts: Mapping[str, Mapping[str, object]]
    """Group (versions, git, hardware, threads) → fact → value."""
    runs: list[Measured]


def render(
    sections: Sequence[Section],
    cautions: Sequence[str],
    downloads: Mapping[str, str],
    orders: Orders | None = None,
) -> str:
    """Return the page.

    Args:
        sections: one per protocol.
        cautions: what a reader must know first.
        downloads: file name → CSV text, offered for download from within the page.
        orders: across protocols; None if there is no such comparison.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": tables.number, "duration": tables.duration}
    environment.globals |= {"estimate": tables.estimate, "seeds": tables.seeds, "steps": tables.steps}
    environment.globals |= {"cost": tables.cost}
    runs = [run for section in sections for run in section.runs]
    script = (_TEMPLATE / "sort.js").read_text(encoding="utf-8")
    return environment.get_template("index.html").render(
        sections=sections,
        run_count=len(runs),
        cautions=cautions,
        orders=orders,
        downloads={name: data_url(text.encode(), "text/csv") for name, text in downloads.items()},
        metrics=METRICS,
        headlines=HEADLINES,
        costs=tables.COSTS,
        agents={run.agent: run.run.manifest.agent for run in runs},
        platforms=_platforms(runs),
        style=(_TEMPLATE / "style.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
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


def _against(run: Measured) -> str:
    """Return “Forward transfer of ewc is measured against 5 single-task runs of sac.”, or nothing."""
    if isinstance(run.reference, Undefined):
        return ""
    runs = f"{run.reference.runs} single-task run{'s' if run.reference.runs > 1 else ''}"
    return f"Forward transfer of {run.agent} is measured against {runs} of {run.reference.agent}."


def _platforms(runs: Sequence[Measured]) -> list[Platform]:
    """Return the distinct combinations of software, code and hardware, with their runs."""
    found: dict[bytes, Platform] = {}
    for run in runs:
        manifest = run.run.manifest
        facts = {part: getattr(manifest, part) for part in ("versions", "git", "hardware", "threads")}
        key = msgspec.json.encode(facts, order="sorted")
        found.setdefault(key, Platform(f"P{len(found) + 1}", facts, [])).runs.append(run)
    return list(found.values())
