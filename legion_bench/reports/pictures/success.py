"""Success over training and after each visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from legion_bench.reports import figures
from legion_bench.reports.figures import Style
from legion_bench.reports.frames import averages_frame, bands_frame, curves_frame, mean_matrix
from legion_bench.reports.measured import Measured
from legion_bench.reports.pictures.captions import Picture, lines, seeds, setting


def success(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield average performance and success per task."""
    yield _average_performance(runs, styles)
    yield _task_success(runs, styles)


def matrices(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield a success matrix per agent."""
    for _, group in groupby(runs, key=lambda run: run.agent):
        yield _success_matrix(list(group))


def _average_performance(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Picture:
    protocol = runs[0].protocol
    bands = bands_frame(averages_frame(runs), ["agent"])
    title = f"{protocol}: average performance"
    return Picture(
        words=("average-performance", protocol),
        figure=figures.average_performance(bands, runs[0].spans, styles, title),
        caption="Average performance P(t) over training: the mean success rate of the frozen policy on all"
        f" tasks of the stream. Names above the plot say which task is being trained. {lines(runs)}",
        alt=f"Average performance over environment steps on {protocol}",
    )


def _task_success(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Picture:
    protocol = runs[0].protocol
    bands = bands_frame(curves_frame(runs), ["agent", "task"])
    title = f"{protocol}: success per task"
    return Picture(
        words=("task-success", protocol),
        figure=figures.task_success(bands, runs[0].spans, styles, title),
        caption=f"Success rate on each task over training; the task's own training is shaded. {lines(runs)}",
        alt=f"Success rate per task over environment steps on {protocol}",
    )


def _success_matrix(runs: Sequence[Measured]) -> Picture:
    protocol, agent, visits = runs[0].protocol, runs[0].agent, runs[0].visits
    return Picture(
        words=("success-matrix", protocol, agent),
        figure=figures.success_matrix(mean_matrix(runs), visits, f"{agent} on {protocol}"),
        caption=f"Success matrix of {agent}: success rate on a task (row) at the last evaluation of each"
        f" visit (column), mean over seeds ({seeds(runs)}). Framed: the task just trained, R[i, i]."
        f" Forgetting is what is lost from there to the last column. {setting(runs[0])}",
        alt=f"Success matrix of {agent} on {protocol}",
    )
