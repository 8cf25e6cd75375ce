"""Runs in, a folder with tables, figures and one HTML page out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd

from legion_bench.errors import RunError
from legion_bench.reports import figures, html, paper, tables
from legion_bench.reports.cautions import cautions
from legion_bench.reports.frames import cost_frame, curves_frame, mean_matrix, runs_frame, summary_frame
from legion_bench.reports.html import Section
from legion_bench.reports.measured import Measured, measure_all, to_average
from legion_bench.reports.names import safe_name
from legion_bench.reports.pictures import pictures
from legion_bench.reports.statistics import aggregates_frame, improvement_frame, scores_frame
from legion_bench.results.store import Run


def build_report(
    runs: Sequence[Run], out: Path, references: Sequence[Run] | None = None, *, published: bool = False
) -> Path:
    """Write a report on runs of any protocols and agents, finished or not.

    It holds ``index.html`` (which needs no other file), ``tables/*.csv`` with every
    digit, ``tables/*.md`` to read, and ``figures/*.png`` and ``*.pdf``. Equal runs
    give equal files. Files of an earlier report in ``out`` are replaced by those of
    the same name.

    Args:
        runs: at least one run.
        out: the report's folder; created if need be.
        references: as for :func:`~legion_bench.reports.measured.measure_all`.
        published: whether to put LEGION's published results beside runs that they fit.

    Returns:
        The path of ``index.html``.

    Raises:
        RunError: there are no runs, or a shipped reference is damaged.
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
    _write(out / "tables" / "summary.md", tables.markdown(tables.summary_table(summary)))
    _write(out / "tables" / "aggregates.md", tables.markdown(tables.aggregates_table(aggregates)))
    _write(out / "tables" / "improvement.md", tables.markdown(tables.improvement_table(improvement)))
    _write(out / "tables" / "cost.md", tables.markdown(tables.cost_table(costs)))
    _write(out / "tables" / "runs.md", tables.markdown(tables.runs_table(each)))
    _write_matrices(measured, out / "tables")
    sections = list(_sections(measured, each, summary, costs, out))
    blocks = [paper.beside(measured, out)] if published else []
    page = html.render(sections, cautions(measured), downloads, blocks)
    index = out / "index.html"
    _write(index, page)
    return index


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
        _write(folder / f"{stem}.md", tables.markdown(tables.matrix_table(matrix)))


def _sections(
    measured: Sequence[Measured], each: pd.DataFrame, summary: pd.DataFrame, costs: pd.DataFrame, out: Path
) -> Iterator[Section]:
    styles = figures.agent_styles(sorted({run.agent for run in measured}))
    for protocol, group in groupby(measured, key=lambda run: run.protocol):
        members = tuple(group)
        images = [html.image(picture, out) for picture in pictures(members, styles)]
        yield Section(
            protocol=protocol,
            runs=members,
            summary=summary[summary["protocol"] == protocol],
            costs=costs[costs["protocol"] == protocol],
            table=each[each["protocol"] == protocol],
            images=tuple(images),
        )


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
