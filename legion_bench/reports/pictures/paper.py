"""Figures of the published results, runs of ours beside them where there are any that fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from legion_bench.cards import load_stream
from legion_bench.protocols.schedule import Span
from legion_bench.reports import figures, published
from legion_bench.reports.figures import Style
from legion_bench.reports.frames import averages_frame, bands_frame, mean_matrix, runs_frame, summary_frame
from legion_bench.reports.measured import Measured
from legion_bench.reports.pictures.captions import Picture
from legion_bench.reports.pictures.knowledge import COUNTS, component_bands, components_frame, tasks_so_far
from legion_bench.reports.pictures.recall import GAINS
from legion_bench.reports.recall import improvements
from legion_bench.reports.scored import Scored

Ours = Mapping[str, Sequence[Measured]]
"""Runs to average, by the published protocol that they can be laid beside."""
SOURCE = f"Published: {published.SOURCE}, figures the authors released."
LETTERS = (
    "Tasks are named A to J by their place, for which task was where was not published;"
    " nor need it be the same in all runs."
)
_BINNED = f"Published curves are averages over {published.BIN:,} steps each."
_INTERVALS = "Lines are means over runs, bands 95 % bootstrap intervals over runs."


def short(protocol: str) -> str:
    """Return “curriculum” for “lifelong-curriculum”."""
    return protocol.removeprefix("lifelong-")


def orders(ours: Ours) -> Picture:
    """Draw average performance at the end of ten tasks, per order."""
    runs: list[Scored] = [*published.lifelong()]
    runs += [run for name in published.ORDERS for run in ours.get(name, ()) if run.complete]
    theirs = {run.folder: name for name, members in ours.items() for run in members}
    each = runs_frame(runs)
    each["protocol"] = [
        theirs.get(run, protocol) for run, protocol in zip(each["run"], each["protocol"], strict=True)
    ]
    summary = summary_frame(each)
    summary = summary.sort_values(
        "protocol", key=lambda names: names.map(published.ORDERS.index), kind="stable"
    )
    name = "average_performance"
    values = pd.DataFrame({"order": each["protocol"].map(short), "agent": each["agent"], "value": each[name]})
    estimates = pd.DataFrame(
        {
            "order": summary["protocol"].map(short),
            "agent": summary["agent"],
            **{part: summary[f"{name}_{part}"].astype(float) for part in ("mean", "low", "high")},
        }
    )
    styles = _styles(estimates)
    return Picture(
        words=("paper", "orders"),
        figure=figures.final_by_order(values, estimates, styles, "Ten tasks: final average performance"),
        caption="Average performance P(T) after the last of ten tasks, by their order: mean over runs,"
        f" 95 % bootstrap interval, and each run (small). {SOURCE}",
        alt="Final average performance per order of tasks",
    )


def over_training(ours: Ours) -> Iterator[Picture]:
    """Draw average performance over training: all published orders, or one with ours that fit it."""
    if not ours:
        runs = [replace(run, agent=short(run.protocol)) for run in published.lifelong()]
        spans = [replace(span, name=f"task {at + 1}") for at, span in enumerate(runs[0].spans)]
        yield _averages(
            bands_frame(averages_frame(runs), ["agent"]), spans, "all orders", "Tasks are shaded in turn."
        )
        return
    for name in published.ORDERS:
        if name in ours:
            theirs = [run for run in published.lifelong() if run.protocol == name]
            bands = bands_frame(averages_frame([*theirs, *ours[name]]), ["agent"])
            known = name == published.ORDERS[0]
            spans = list(ours[name][0].spans)
            yield _averages(
                bands, spans, name, "" if known else "Names above are of our order, not the published."
            )


def matrices() -> Iterator[Picture]:
    """Draw the success matrices of the two orders that were published task by task."""
    for name in published.ORDERS[1:]:
        runs = [run for run in published.lifelong() if run.protocol == name]
        tasks = [span.name for span in runs[0].spans]
        yield Picture(
            words=("paper", "success-matrix", name),
            figure=figures.success_matrix(
                mean_matrix(runs), tasks, f"{published.AGENT}: {short(name)} order"
            ),
            caption=f"Success matrix of LEGION, {short(name)} order: success rate on a task (row) at the last"
            f" evaluation of each visit (column), mean over {len(runs)} runs. Framed: the task just trained."
            f" {LETTERS} {SOURCE}",
            alt=f"Success matrix of LEGION as published, {short(name)} order",
        )


def recall() -> Picture:
    """Draw the published few-shot recall."""
    bands = published.recall_bands()
    return Picture(
        words=("paper", "recall"),
        figure=figures.recall_curves(bands, improvements(bands), f"{published.AGENT}: few-shot recall"),
        caption="Success rate on each of five tasks while it is trained for the first, second and third"
        f" time. {GAINS} Lines and bands are as published (a band as far up as down, cut to 0 and 1), from"
        f" step {bands['step'].min():,} of a visit on. {SOURCE}",
        alt="Published success rate during each of three visits to five tasks",
    )


def multitask(ours: Ours) -> Picture:
    """Draw average success of agents that train all tasks at once."""
    tasks = load_stream("kuka-curriculum").tasks
    members = ours.get(published.MULTITASK, ())
    steps = len(tasks) * published.STEPS_PER_TASK
    spans = members[0].spans if members else (Span("all tasks", tasks, len(tasks), 0, steps),)
    bands = published.multitask_bands()
    begin = bands["step"].min()
    if members:
        bands = pd.concat([bands, bands_frame(averages_frame(members), ["agent"])])
    said = "; ours: means over seeds and 95 % bootstrap intervals" if members else ""
    return Picture(
        words=("paper", "multitask"),
        figure=figures.average_performance(bands, spans, _styles(bands), "All ten tasks at once"),
        caption="Average success rate on the ten tasks while all are trained at once, over environment steps"
        f" of all tasks together. Published lines and bands are as published, from step {begin:,} on{said}."
        f" {SOURCE}",
        alt="Average success over environment steps of agents trained on all tasks at once",
    )


def components(ours: Ours) -> Iterator[Picture]:
    """Draw the number of components over the tasks trained, in the curriculum and in few-shot recall."""
    frame = published.components()
    streams = (
        ("curriculum", published.ORDERS[0], "kuka-curriculum"),
        ("few-shot", published.RECALL, "kuka-few-shot"),
    )
    for stream, protocol, card in streams:
        tasks = load_stream(card).tasks
        spans = [Span(task, (task,), 1, at, at + 1) for at, task in enumerate(tasks)]
        told = pd.concat([frame[frame["stream"] == stream], components_frame(ours.get(protocol, ()))])
        bands = component_bands(told)
        three = (
            " From the third visit on, the published snapshots hold latents of three tasks only."
            if protocol == published.RECALL
            else ""
        )
        yield Picture(
            words=("paper", "components", stream),
            figure=figures.component_counts(
                bands,
                tasks,
                tasks_so_far(spans),
                _styles(bands),
                f"Components of the knowledge space: {stream}",
            ),
            caption=f"{COUNTS}{three} {SOURCE}",
            alt=f"Number of components and their purity after each visit, {stream}, as published",
        )


def _averages(bands: pd.DataFrame, spans: Sequence[Span], name: str, remark: str) -> Picture:
    return Picture(
        words=("paper", "average-performance", name.replace(" ", "-")),
        figure=figures.average_performance(
            bands, spans, _styles(bands), f"Ten tasks one after another: {short(name)}"
        ),
        caption="Average performance P(t) over training: mean success rate on all ten tasks."
        f" {_INTERVALS} {_BINNED} {remark} {SOURCE}".replace("  ", " "),
        alt=f"Average performance over environment steps, {short(name)}, as published",
    )


def _styles(frame: pd.DataFrame) -> dict[str, Style]:
    return figures.agent_styles(list(dict.fromkeys(frame["agent"])))
