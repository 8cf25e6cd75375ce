"""Runs in, a folder with tables, figures and one HTML page out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd

from legion_bench.errors import RunError
from legion_bench.reports import figures, html, paper, tables
from legion_bench.reports.cautions import cautions
from legion_bench.reports.files import write, write_table
from legion_bench.reports.frames import cost_frame, curves_frame, mean_matrix, runs_frame, summary_frame
from legion_bench.reports.html import Block, Section, Table
from legion_bench.reports.measured import Measured, measure_all, to_average
from legion_bench.reports.names import safe_name
from legion_bench.reports.orders import robustness_frame
from legion_bench.reports.pictures import orders, pictures
from legion_bench.reports.statistics import aggregates_frame, improvement_frame, scores_frame
from legion_bench.results.store import Run

_TO_READ = {
    "summary": tables.summary_table,
    "aggregates": tables.aggregates_table,
    "improvement": tables.improvement_table,
    "cost": tables.cost_table,
    "runs": tables.runs_table,
    "orders": tables.orders_table,
}
"""Tables by the names of their files, and how they are put in words."""
_COMPARISONS = {
    "aggregates": (
        "Aggregates over seeds and tasks",
        "Of the success rates at the end, seeds by tasks [95 % stratified-bootstrap interval]. IQM:"
        " interquartile mean. Optimality gap: 1 − mean.",
    ),
    "improvement": (
        "Agents in pairs",
        "Probability that a run of the first agent beats one of the other on a task, and difference of their"
        " means over tasks in the seeds they share [95 % bootstrap intervals].",
    ),
}
_ORDERS = (
    "Average performance P(T) of agents that were trained on the same tasks, with the same budget and"
    " options, in two orders or more. Every order weighs the same, however many seeds it has."
)
_SPREAD = (
    "Mean over orders [95 % bootstrap interval, seeds resampled within orders]. Deviation: standard deviation"
    " of the orders’ means. Of seeds alone: what it would be if order did not matter; “–” where an order has"
    " one seed."
)


def build_report(
    runs: Sequence[Run],
    out: Path,
    references: Sequence[Run] | None = None,
    *,
    left_out: Sequence[str] = (),
    published: bool = False,
) -> Path:
    """Write a report on runs of any protocols and agents, finished or not.

    It holds ``index.html`` (which needs no other file), ``tables/*.csv`` with every
    digit, ``tables/*.md`` and ``*.tex`` to read, and ``figures/*.png`` and ``*.pdf``. Equal runs
    give equal files. Files of an earlier report in ``out`` are replaced by those of
    the same name.

    Args:
        runs: at least one run.
        out: the report's folder; created if need be.
        references: as for :func:`~legion_bench.reports.measured.measure_all`.
        left_out: why other runs could not be read, a sentence each; the page warns of them.
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
    frames = _frames(measured)
    downloads = {f"{name}.csv": tables.csv(frame) for name, frame in frames.items()}
    for name, text in downloads.items():
        write(out / "tables" / name, text)
    for name, frame in frames.items():
        write_table(out / "tables" / name, _TO_READ[name](frame))
    write(out / "tables" / "curves.csv", tables.csv(curves_frame(measured)))
    _write_matrices(measured, out / "tables")
    styles = figures.agent_styles(sorted({run.agent for run in measured}))
    sections = list(_sections(measured, frames, out, styles))
    blocks = [_orders(measured, frames["orders"], out, styles)] if "orders" in frames else []
    blocks += [paper.beside(measured, out)] if published else []
    page = html.render(sections, (*left_out, *cautions(measured)), downloads, blocks)
    index = out / "index.html"
    write(index, page)
    return index


def _frames(measured: Sequence[Measured]) -> dict[str, pd.DataFrame]:
    """Return what the tables are made of, by name; orders if there is more than one of any tasks."""
    each, scores, robustness = runs_frame(measured), scores_frame(measured), robustness_frame(measured)
    frames = {
        "summary": summary_frame(each),
        "aggregates": aggregates_frame(scores),
        "improvement": improvement_frame(scores),
        "cost": cost_frame(each),
        "runs": each,
    }
    return frames if robustness.empty else {**frames, "orders": robustness}


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
        write(folder / f"{stem}.csv", tables.csv(matrix.reset_index()))
        write_table(folder / stem, tables.matrix_table(matrix))


def _sections(
    measured: Sequence[Measured],
    frames: Mapping[str, pd.DataFrame],
    out: Path,
    styles: Mapping[str, figures.Style],
) -> Iterator[Section]:
    for protocol, group in groupby(measured, key=lambda run: run.protocol):
        members = tuple(group)
        mine = {
            name: frame[frame["protocol"] == protocol] for name, frame in frames.items() if name != "orders"
        }
        yield Section(
            protocol=protocol,
            runs=members,
            summary=mine["summary"],
            costs=mine["cost"],
            table=mine["runs"],
            comparisons=tuple(
                Table(title, _TO_READ[name](mine[name]).drop(columns="Protocol"), legend)
                for name, (title, legend) in _COMPARISONS.items()
                if len(mine[name])
            ),
            images=tuple(html.image(picture, out) for picture in pictures(members, styles)),
        )


def _orders(
    measured: Sequence[Measured], robustness: pd.DataFrame, out: Path, styles: Mapping[str, figures.Style]
) -> Block:
    """Return what the page says of the same tasks in several orders."""
    table = Table("Mean and spread over orders", tables.orders_table(robustness), _SPREAD)
    images = tuple(html.image(picture, out) for picture in orders(measured, styles))
    return Block("orders", "Order of tasks", _ORDERS, tables=(table,), images=images)
