"""The figures of one protocol, each with the caption that makes it readable alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.figure import Figure

from legion_bench.reports import figures
from legion_bench.reports.figures import Style
from legion_bench.reports.frames import averages_frame, bands_frame, curves_frame, mean_matrix
from legion_bench.reports.measured import Measured, to_average


@dataclass(frozen=True)
class Picture:
    """One figure, ready to save and to show."""

    words: tuple[str, ...]
    """What the figure shows, of what: its file is named after them."""
    figure: Figure
    caption: str
    alt: str
    """The figure in one phrase, for those who cannot see it."""


def pictures(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield the figures of the runs of one protocol; none if no run has a usable log."""
    shown = to_average(runs)
    if not shown:
        return
    yield _average_performance(shown, styles)
    yield _task_success(shown, styles)
    for _, group in groupby(shown, key=lambda run: run.agent):
        yield _success_matrix(list(group))


def _average_performance(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Picture:
    protocol = runs[0].protocol
    bands = bands_frame(averages_frame(runs), ["agent"])
    title = f"{protocol}: average performance"
    return Picture(
        words=("average-performance", protocol),
        figure=figures.average_performance(bands, runs[0].spans, styles, title),
        caption="Average performance P(t) over training: the mean success rate of the frozen policy on all"
        f" tasks of the stream. Names above the plot say which task is being trained. {_lines(runs)}",
        alt=f"Average performance over environment steps on {protocol}",
    )


def _task_success(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Picture:
    protocol = runs[0].protocol
    bands = bands_frame(curves_frame(runs), ["agent", "task"])
    title = f"{protocol}: success per task"
    return Picture(
        words=("task-success", protocol),
        figure=figures.task_success(bands, runs[0].spans, styles, title),
        caption=f"Success rate on each task over training; the task's own training is shaded. {_lines(runs)}",
        alt=f"Success rate per task over environment steps on {protocol}",
    )


def _success_matrix(runs: Sequence[Measured]) -> Picture:
    protocol, agent, visits = runs[0].protocol, runs[0].agent, runs[0].visits
    return Picture(
        words=("success-matrix", protocol, agent),
        figure=figures.success_matrix(mean_matrix(runs), visits, f"{agent} on {protocol}"),
        caption=f"Success matrix of {agent}: success rate on a task (row) at the last evaluation of each"
        f" visit (column), mean over seeds ({_seeds(runs)}). Framed: the task just trained, R[i, i]."
        f" Forgetting is what is lost from there to the last column. {_setting(runs[0])}",
        alt=f"Success matrix of {agent} on {protocol}",
    )


def _lines(runs: Sequence[Measured]) -> str:
    return (
        f"Lines are means over seeds ({_seeds(runs)}), bands 95 % bootstrap intervals over seeds."
        f" {_setting(runs[0])}"
    )


def _setting(run: Measured) -> str:
    manifest = run.run.manifest
    episodes = manifest.protocol.evaluation_episodes
    return (
        f"Protocol {run.protocol} on stream {manifest.stream.name};"
        f" {episodes} episode{'s' if episodes > 1 else ''} per task and evaluation."
    )


def _seeds(runs: Sequence[Measured]) -> str:
    """Return “sac: 3, ewc: 2 unfinished”."""
    parts = []
    for agent, group in groupby(runs, key=lambda run: run.agent):
        members = list(group)
        unfinished = "" if members[0].complete else " unfinished"
        parts.append(f"{agent}: {len({run.run.manifest.seed for run in members})}{unfinished}")
    return ", ".join(parts)
