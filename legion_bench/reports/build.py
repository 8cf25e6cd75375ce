"""Runs in, a folder with tables, figures and one HTML page out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd

from legion_bench.errors import RunError
from legion_bench.reports import figures, tables
from legion_bench.reports.cautions import cautions
from legion_bench.reports.frames import cost_frame, curves_frame, mean_matrix, runs_frame, summary_frame
from legion_bench.reports.html import Image, Orders, Section, render
from legion_bench.reports.latex import latex
from legion_bench.reports.measured import Measured, measure_all, to_average
from legion_bench.reports.orders import robustness_frame
from legion_bench.reports.pictures import Picture, orders, pictures
from legion_bench.reports.statistics import aggregates_frame, improvement_frame, scores_frame
from legion_bench.results.store import Run


def build_report(
    runs: Sequence[Run], out: Path, references: Sequence[Run] = (), left_out: Sequence[str] = ()
) -> Path:
    """Write a report on runs of any protocols and agents, finished or not.

    It holds ``index.html`` (which needs no other file), ``tables/*.csv`` with every
    digit, ``tables/*.md`` and ``*.tex`` to read, and ``figures/*.png`` and ``*.pdf``. Equal runs
    give equal files. Files of an earlier report in ``out`` are replaced by those of
    the same name.

    Args:
        runs: at least one run.
        out: the report's folder; created if need be.
        references: runs of single tasks that forward transfer is measured against.
        left_out: why other runs could not be read, a sentence each; the page warns of them.

    Returns:
        The path of ``index.html``.

    Raises:
        RunError: there are no runs.
        MetricError: a reference cannot be one, or differs from its run in more than it must.
    """
    if not runs:
        raise RunError("there are no runs to report")
    measured = measure_all(runs, references)
    for folder in ("tables", "figures"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    each = runs_frame(measured)
    summary, costs = summary_frame(each), cost_frame(each)
    scores = scores_frame(measured)
    aggregates, improvement = aggregates_frame(scores), improvement_frame(scores)
    downloads = {
        "summary.csv": tables.csv(summary),
        "aggregates.csv": tables.csv(aggregates),
        "improvement.csv": tables.csv(improvement),
        "cost.csv": tables.csv(costs),
        "runs.csv": tables.csv(each),
    }
    for name, text in downloads.items():
        _write(out / "tables" / name, text)
    _write(out / "tables" / "curves.csv", tables.csv(curves_frame(measured)))
    _write_table(out / "tables" / "summary", tables.summary_table(summary))
    _write_table(out / "tables" / "aggregates", tables.aggregates_table(aggregates))
    _write_table(out / "tables" / "improvement", tables.improvement_table(improvement))
    _write_table(out / "tables" / "cost", tables.cost_table(costs))
    _write_table(out / "tables" / "runs", tables.runs_table(each))
    _write_matrices(measured, out / "tables")
    styles = figures.agent_styles(sorted({run.agent for run in measured}))
    sections = list(_sections(measured, each, summary, costs, out, styles))
    across = _orders(measured, out, styles)
    if across is not None:
        downloads["orders.csv"] = across.csv
    page = render(sections, (*left_out, *cautions(measured)), downloads, across)
    index = out / "index.html"
    _write(index, page)
    return index


def safe_name(*words: str) -> str:
    """Return a file name, without suffix, that is stable and safe on every system.

    Words of a–z, 0–9, ``-`` and ``_`` stand as they are. Others lose what is not
    allowed and gain a hash, so that different words never share a name.
    """
    return "--".join(_safe(word) for word in words)


def _safe(word: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", word) and "--" not in word:
        return word
    kept = re.sub(r"[^a-z0-9_]+", "-", word.lower()).strip("-")[:40]
    digest = hashlib.sha256(word.encode()).hexdigest()[:8]
    return f"{kept}-{digest}" if kept else digest


def _write_matrices(runs: Sequence[Measured], folder: Path) -> None:
    """Write each agent's success matrix, the mean over its runs; every run's own is in the curves."""
    for (protocol, agent), group in groupby(runs, key=lambda run: (run.protocol, run.agent)):
        shown = to_average(list(group))
        if not shown:
            continue
        matrix = mean_matrix(shown)
        visits = [tables.visit(int(position), shown[0].visits) for position in matrix.columns]
        matrix = matrix.set_axis(visits, axis="columns")
        stem = safe_name("success-matrix", protocol, agent)
        _write(folder / f"{stem}.csv", tables.csv(matrix.reset_index()))
        _write_table(folder / stem, tables.matrix_table(matrix))


def _sections(
    measured: Sequence[Measured],
    each: pd.DataFrame,
    summary: pd.DataFrame,
    costs: pd.DataFrame,
    out: Path,
    styles: Mapping[str, figures.Style],
) -> Iterator[Section]:
    for protocol, group in groupby(measured, key=lambda run: run.protocol):
        members = tuple(group)
        yield Section(
            protocol=protocol,
            runs=members,
            summary=summary[summary["protocol"] == protocol],
            costs=costs[costs["protocol"] == protocol],
            table=each[each["protocol"] == protocol],
            images=_images(pictures(members, styles), out),
        )


def _orders(measured: Sequence[Measured], out: Path, styles: Mapping[str, figures.Style]) -> Orders | None:
    """Write what there is on several orders of the same tasks, and return it for the page."""
    robustness = robustness_frame(measured)
    if robustness.empty:
        return None
    table, text = tables.orders_table(robustness), tables.csv(robustness)
    _write(out / "tables" / "orders.csv", text)
    _write_table(out / "tables" / "orders", table)
    return Orders(table, text, _images(orders(measured, styles), out))


def _images(drawn: Iterable[Picture], out: Path) -> tuple[Image, ...]:
    """Save figures; return them as the page shows them."""
    images = []
    for picture in drawn:
        stem = out / "figures" / safe_name(*picture.words)
        figures.save(picture.figure, stem)
        images.append(
            Image(
                png=stem.with_name(f"{stem.name}.png").read_bytes(),
                width=round(picture.figure.get_figwidth() * 96),
                caption=picture.caption,
                alt=picture.alt,
                file=f"figures/{stem.name}.pdf",
            )
        )
    return tuple(images)


def _write_table(stem: Path, table: pd.DataFrame) -> None:
    """Write a table of text to read as Markdown and for LaTeX."""
    _write(stem.with_name(f"{stem.name}.md"), tables.markdown(table))
    _write(stem.with_name(f"{stem.name}.tex"), latex(table))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
