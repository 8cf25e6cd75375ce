"""Few-shot recall: success on a task each time it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from legion_bench.reports import figures
from legion_bench.reports.figures import Style
from legion_bench.reports.frames import bands_frame
from legion_bench.reports.measured import Measured
from legion_bench.reports.pictures.captions import Picture, lines
from legion_bench.reports.recall import improvements, recall_frame

GAINS = (
    "Boxes: recall improvement (LEGION) of a later visit over an earlier, the difference of the areas under"
    " their curves as a share of what is possible."
)


def recall(runs: Sequence[Measured], _: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield a figure per agent of complete runs that trained a task more than once with one agent."""
    if runs[0].run.manifest.protocol.regime != "lifelong":
        return
    for agent, group in groupby(runs, key=lambda run: run.agent):
        members = [run for run in group if run.complete]
        curves = recall_frame(members)
        if not curves.empty:
            bands = bands_frame(curves, ["task", "presentation"])
            protocol = members[0].protocol
            yield Picture(
                words=("recall", protocol, agent),
                figure=figures.recall_curves(bands, improvements(bands), f"{agent} on {protocol}: recall"),
                caption=f"Success rate of {agent} on each task while it is trained, from the start of each"
                f" visit to it. {GAINS} {lines(members)}",
                alt=f"Success rate of {agent} during each visit to each task of {protocol}",
            )
