"""Agents compared by their final success rates over seeds and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from legion_bench.reports import figures
from legion_bench.reports.figures import Style
from legion_bench.reports.measured import Measured
from legion_bench.reports.pictures.captions import Picture, seeds, setting
from legion_bench.reports.statistics import (
    aggregates_frame,
    improvement_frame,
    profiles_frame,
    scored,
    scores_frame,
)


def statistics(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield aggregates, performance profiles and the probability of improvement, of complete runs.

    Nothing where no agent has two runs; only profiles of a single agent; and no improvement
    where fewer than two agents have two runs.
    """
    members = scored(runs)
    scores = scores_frame(members)
    counts = scores.groupby("agent")["run"].nunique()
    if not (counts > 1).any():
        return
    aggregates = aggregates_frame(scores)
    means = aggregates[aggregates["statistic"] == "mean"]
    best_first = means.sort_values(["value", "agent"], ascending=[False, True])["agent"].tolist()
    protocol = runs[0].protocol
    if len(counts) > 1:
        yield Picture(
            words=("aggregates", protocol),
            figure=figures.aggregate_intervals(
                aggregates, best_first, styles, f"{protocol}: final success rate"
            ),
            caption="Final success rates R[N−1, i] over seeds and tasks: their mean; the interquartile mean"
            " (IQM), without the lowest and the highest quarter; the median of the tasks' means; and the"
            f" optimality gap, what the mean lacks to 1. {_intervals(members)}",
            alt=f"Mean, IQM, median and optimality gap per agent on {protocol}",
        )
    profiles = profiles_frame(scores, members[0].run.manifest.protocol.evaluation_episodes)
    yield Picture(
        words=("performance-profiles", protocol),
        figure=figures.performance_profiles(profiles, styles, f"{protocol}: performance profiles"),
        caption="Performance profiles: the share of runs and tasks whose final success rate is above τ. The"
        " area below a line is the mean; an agent whose line is above another's throughout dominates it."
        f" {_intervals(members)}",
        alt=f"Share of runs and tasks above each success rate on {protocol}",
    )
    if (counts > 1).sum() > 1:
        yield Picture(
            words=("improvement", protocol),
            figure=figures.improvement_matrix(
                improvement_frame(scores), best_first, f"{protocol}: probability of improvement"
            ),
            caption="Probability that a run of the agent in the row ends with a higher success rate on a task"
            " than a run of the agent in the column, draws counted half, mean over tasks. Bold: the interval"
            f" leaves out 0.5. Agents are ordered by their mean. {_intervals(members)}",
            alt=f"Probability of improvement between each two agents on {protocol}",
        )


def _intervals(runs: Sequence[Measured]) -> str:
    """Say what the intervals are, and what they are not."""
    return (
        f"95 % stratified-bootstrap intervals over seeds ({seeds(runs)}): drawn for each task apart, as"
        " if the tasks of a run had nothing in common, so intervals may be too narrow; one seed has none."
        f" {setting(runs[0])}"
    )
