"""The published results as a report of their own, and beside runs of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from legion_bench.metrics import METRICS
from legion_bench.metrics.curves import THRESHOLD
from legion_bench.reports import html, published, tables
from legion_bench.reports.files import write, write_table
from legion_bench.reports.frames import averages_frame, bands_frame, mean_matrix, runs_frame, summary_frame
from legion_bench.reports.html import Block, Table
from legion_bench.reports.measured import Measured, to_average
from legion_bench.reports.pictures import paper as pictures
from legion_bench.reports.pictures.captions import Picture
from legion_bench.reports.recall import improvements

COLUMNS = ("average_performance", "forgetting_cw", "forgetting_legion", "retention", "fwt_libero")
"""Metrics that tables of published results show: those that they define."""
CAUTIONS = (
    "Runs called reverse and random: which task was trained at which place was not published. Five of these"
    " ten (reverse 3 and 4, random 2, 3 and 4) share their first evaluation with a run of the other name,"
    " return by return, so their orders cannot all be what the names say. Tasks are A to J, by place.",
    "Of the curriculum order, only the average over tasks was published: no forgetting can be computed.",
    "One fixed placement per task and run, and a policy that samples its latent: success flickers, and most"
    " rates are 0 or 1.",
    "The released files do not say which arm was simulated; the released commands train on Sawyer unless"
    " env.use_kuka_env=True is added.",
    "Seeds were not published: runs are numbered as their files are.",
)
NONE_FITS = (
    "None of these protocols asks what was published. Published are runs of LEGION's ten tasks, one after"
    " another or all at once, and of its few-shot stream: a million environment steps per task, horizon 150,"
    " fixed placements."
)


@dataclass(frozen=True)
class _Sheet:
    """One table, with every digit and to read."""

    stem: str
    title: str
    raw: pd.DataFrame
    text: pd.DataFrame


def build_paper(out: Path) -> Path:
    """Write every table and figure of the published results, without training.

    Args:
        out: the folder; created if need be. It gets ``tables/*.csv``, ``*.md`` and ``*.tex``,
            ``figures/*.png`` and ``*.pdf``, and ``index.html``, which needs no other file.

    Returns:
        The path of ``index.html``.

    Raises:
        RunError: the tables are not there.
    """
    for folder in ("tables", "figures"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    blocks = list(_blocks(out))
    index = out / "index.html"
    write(index, html.render_paper(blocks, CAUTIONS))
    return index


def beside(runs: Sequence[Measured], out: Path) -> Block:
    """Return the published results that runs of ours can be laid beside, their figures written to ``out``.

    Args:
        runs: of any protocols.
        out: the report's folder, which has ``figures`` in it.
    """
    ours: dict[str, list[Measured]] = {}
    for run in runs:
        name = published.counterpart(run.run.manifest.protocol, run.run.manifest.stream)
        if name is not None:
            ours.setdefault(name, []).append(run)
    if not ours:
        return Block("paper", "Published results", NONE_FITS)
    shown = {name: _named_apart(to_average(members)) for name, members in ours.items()}
    shown = {name: members for name, members in shown.items() if members}
    lifelong = [run for run in published.lifelong() if run.protocol in ours]
    each = pd.concat(
        [runs_frame(group) for group in (lifelong, [run for some in ours.values() for run in some]) if group]
    )
    each = each.sort_values("protocol", kind="stable")
    table = Table("Published and ours", _summary_text(summary_frame(each)))
    images = tuple(html.image(picture, out) for picture in _beside(shown))
    text = "Runs of ours, and what was published of the same tasks and budget."
    return Block("paper", "Published results", text, CAUTIONS, (table,), images)


def _named_apart(runs: Sequence[Measured]) -> tuple[Measured, ...]:
    """Name agents after their protocol too where several, of two robots say, lie beside one published."""
    if len({run.protocol for run in runs}) < 2:
        return tuple(runs)
    return tuple(replace(run, agent=f"{run.agent}, {run.protocol}") for run in runs)


def _beside(ours: pictures.Ours) -> Iterator[Picture]:
    if any(name in ours for name in published.ORDERS):
        yield pictures.orders(ours)
        yield from pictures.over_training(ours)
    if published.MULTITASK in ours:
        yield pictures.multitask(ours)
    if published.RECALL in ours:
        yield pictures.recall()
    for picture in pictures.components(ours):
        protocol = {"curriculum": published.ORDERS[0], "few-shot": published.RECALL}[picture.words[-1]]
        if any(run.run.knowledge for run in ours.get(protocol, ())):
            yield picture


def _blocks(out: Path) -> Iterator[Block]:
    parts: tuple[tuple[str, str, str, list[_Sheet], Iterator[Picture]], ...] = (
        ("lifelong", "Ten tasks, one after another", _LIFELONG, _lifelong_sheets(), _lifelong_pictures()),
        ("recall", "Few-shot recall", _RECALL, [_recall_sheet()], iter([pictures.recall()])),
        ("multitask", "All tasks at once", _MULTITASK, [_multitask_sheet()], iter([pictures.multitask({})])),
        ("components", "Knowledge space", _COMPONENTS, [_components_sheet()], pictures.components({})),
    )
    for name, title, text, sheets, drawn in parts:
        for sheet in sheets:
            write(out / "tables" / f"{sheet.stem}.csv", tables.csv(sheet.raw))
            write_table(out / "tables" / sheet.stem, sheet.text)
        shown = tuple(Table(sheet.title, sheet.text) for sheet in sheets)
        images = tuple(html.image(picture, out) for picture in drawn)
        yield Block(name, title, text, tables=shown, images=images)


_LIFELONG = (
    "A million environment steps on each of ten tasks. Every metric is computed as for runs of ours, from"
    " evaluations every 7,500 steps, ten episodes per task. What is low at the end was lost, or never"
    " learned: the tables tell both."
)
_RECALL = "Five tasks are trained three times over, a million environment steps each time."
_MULTITASK = "All ten tasks are trained together, up to a million environment steps of each."
_COMPONENTS = "Components that LEGION's Dirichlet-process mixture uses for latents of its memory."


def _lifelong_pictures() -> Iterator[Picture]:
    yield pictures.orders({})
    yield from pictures.over_training({})
    yield from pictures.matrices()


def _lifelong_sheets() -> list[_Sheet]:
    runs = published.lifelong()
    each = runs_frame(runs)
    summary = summary_frame(each)
    sheets = [
        _Sheet(
            "summary", "Per order: mean over runs [95 % bootstrap interval]", summary, _summary_text(summary)
        ),
        _Sheet("runs", "Each run", each, _runs_text(each)),
    ]
    learned = learning_frame()
    sheets.append(
        _Sheet("learning", "Learned, and kept: runs of each order", learned, _learning_text(learned))
    )
    bands = bands_frame(averages_frame(runs), ["protocol"])
    rounded = bands.astype({"step": int})[["protocol", "step", "mean", "low", "high", "count"]]
    sheets.append(
        _Sheet("curves", "Average performance as tasks are trained", rounded, _curves_text(rounded))
    )
    for name in published.ORDERS[1:]:
        members = [run for run in runs if run.protocol == name]
        matrix = mean_matrix(members)
        visits = [
            tables.visit(int(str(at)), [span.name for span in members[0].spans]) for at in matrix.columns
        ]
        matrix = matrix.set_axis(visits, axis="columns")
        title = f"Success matrix, {pictures.short(name)} order"
        sheets.append(
            _Sheet(f"success-matrix--{name}", title, matrix.reset_index(), tables.matrix_table(matrix))
        )
    return sheets


def _curves_text(bands: pd.DataFrame) -> pd.DataFrame:
    """Return the averages over the last bin of each task."""
    ends = bands[bands["step"] % published.STEPS_PER_TASK == 0]
    shown = {
        pictures.short(str(name)): [
            f"{tables.number(row['mean'])} [{tables.number(row['low'])}, {tables.number(row['high'])}]"
            for _, row in part.iterrows()
        ]
        for name, part in ends.groupby("protocol", sort=False)
    }
    trained = (ends["step"] // published.STEPS_PER_TASK).unique()
    return pd.DataFrame({"Tasks trained": [str(count) for count in trained], **shown})


def learning_frame() -> pd.DataFrame:
    """Return, per order and place in it, how many runs learned the task there, and what they kept.

    ``never`` counts runs whose success stayed below 0.8 throughout the visit,
    ``median_steps`` is of the others; ``learned`` and ``final`` are mean success rates at
    the end of the visit and of the run. Of the orders that were published task by task.
    """
    rows = []
    for name in published.ORDERS[1:]:
        members = [run for run in published.lifelong() if run.protocol == name]
        success = [run.performance for run in members if run.performance is not None]
        for position, span in enumerate(members[0].spans):
            steps = [list(run.metrics["steps_to_threshold"].parts.values())[position] for run in members]
            took = [value for value in steps if value is not None]
            learned = [one.success[one.interval(position)[-1], position] for one in success]
            rows.append(
                {
                    "protocol": name,
                    "task": span.name,
                    "runs": len(members),
                    "never": len(steps) - len(took),
                    "median_steps": float(np.median(took)) if took else np.nan,
                    "learned": float(np.mean(learned)),
                    "final": float(np.mean([one.success[-1, position] for one in success])),
                }
            )
    return pd.DataFrame(rows)


def _learning_text(frame: pd.DataFrame) -> pd.DataFrame:
    totals = frame.groupby("protocol", sort=False).agg(
        {"runs": "sum", "never": "sum", "learned": "mean", "final": "mean"}
    )
    rows = pd.concat([frame, totals.reset_index().assign(task="all", median_steps=np.nan)])
    rows = rows.sort_values("protocol", key=lambda names: names.map(published.ORDERS.index), kind="stable")
    return pd.DataFrame(
        {
            "Order": rows["protocol"].map(pictures.short),
            "Task": rows["task"],
            "Visits": rows["runs"].map(str),
            f"Never {THRESHOLD:g} within the visit": rows["never"].map(str),
            f"Steps to {THRESHOLD:g}, median of the others": [
                tables.MISSING if np.isnan(steps) else f"{steps:,.0f}" for steps in rows["median_steps"]
            ],
            "Just learned R[i, i]": rows["learned"].map(tables.number),
            "At the end": rows["final"].map(tables.number),
        }
    )


def _summary_text(summary: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Protocol": summary["protocol"],
            "Agent": summary["agent"],
            "Runs": [tables.seeds(row) for _, row in summary.iterrows()],
            **{
                METRICS[name].title: [tables.estimate(row, name) for _, row in summary.iterrows()]
                for name in COLUMNS
            },
        }
    )


def _runs_text(each: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Protocol": each["protocol"],
            "Run": each["seed"].map(str),
            **{METRICS[name].title: each[name].map(tables.number) for name in COLUMNS},
            "Hours": [
                tables.MISSING if np.isnan(time) else f"{time / 3600:.0f}" for time in each["wall_clock"]
            ],
        }
    )


def _recall_sheet() -> _Sheet:
    gains = improvements(published.recall_bands())
    pairs = {f"{a} → {b}": part for (a, b), part in gains.groupby(["earlier", "later"], sort=False)}
    tasks = list(dict.fromkeys(gains["task"]))
    columns = {
        pair: [*part["improvement"].map(_signed), _signed(float(part["improvement"].mean()))]
        for pair, part in pairs.items()
    }
    text = pd.DataFrame({"Task": [*tasks, "mean"], **columns})
    return _Sheet("recall", "Recall improvement (LEGION), later visit over earlier", gains, text)


def _multitask_sheet() -> _Sheet:
    last = published.multitask_bands().groupby("agent", sort=False).tail(1)
    last = last.sort_values("mean", ascending=False, kind="stable")
    text = pd.DataFrame(
        {
            "Agent": last["agent"],
            "Environment steps": last["step"].map("{:,}".format),
            "Average success [band as published]": [
                f"{row['mean']:.3f} [{tables.number(row['low'])}, {tables.number(row['high'])}]"
                for _, row in last.iterrows()
            ],
        }
    )
    return _Sheet("multitask", "At the last evaluation", last, text)


def _components_sheet() -> _Sheet:
    frame = published.components()[
        ["stream", "snapshot", "trained_visits", "trained", "samples", "tasks", "components", "purity"]
    ]
    text = pd.DataFrame(
        {
            "Stream": frame["stream"],
            "Snapshot": frame["snapshot"].map(str),
            "After": [
                f"{n} {task}" for n, task in zip(frame["trained_visits"], frame["trained"], strict=True)
            ],
            "Latents": frame["samples"].map("{:,}".format),
            "Tasks among them": frame["tasks"].map(str),
            "Components": frame["components"].map(str),
            "Purity": frame["purity"].map(tables.number),
        }
    )
    return _Sheet("components", "Snapshots", frame, text)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
