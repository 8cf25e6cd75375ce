"""What agents sort their experience into: how many components, and how their latents lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from legion_bench.protocols.schedule import Span
from legion_bench.reports import figures, latents
from legion_bench.reports.figures import Style
from legion_bench.reports.measured import Measured
from legion_bench.reports.pictures.captions import Picture, seeds, setting

COUNTS = (
    "Components that an agent sorts its latents into after each visit, and their purity: the share of latents"
    " that come from the commonest task of their component. Grey: one component for each task met."
)


def knowledge(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield the number of components, and a plane of latents per agent, of runs that left any."""
    telling = [run for run in runs if run.run.knowledge]
    if not telling:
        return
    yield _components(telling, styles)
    for run in latents.drawn(runs):
        points = latents.latents_frame(run)
        if points is not None:
            yield _latent_space(run, points)


def components_frame(runs: Sequence[Measured]) -> pd.DataFrame:
    """Return one row per run and visit that left knowledge, with both numbers."""
    return pd.DataFrame(
        [
            {
                "agent": run.agent,
                "trained_visits": record.stream_position + 1,
                "components": record.components,
                "purity": record.purity,
            }
            for run in runs
            for record in run.run.knowledge
        ],
        columns=["agent", "trained_visits", "components", "purity"],
    ).astype({"trained_visits": int, "components": int, "purity": float})


def component_bands(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean, least and most components, and mean purity, per ``agent`` and ``trained_visits``."""
    groups = frame.groupby(["agent", "trained_visits"], sort=False)
    return groups.agg(
        low=("components", "min"),
        high=("components", "max"),
        components=("components", "mean"),
        purity=("purity", "mean"),
    ).reset_index(names=["agent", "visits"])


def tasks_so_far(spans: Sequence[Span], *, single_task: bool = False) -> list[int]:
    """Return how many different tasks an agent has met by the end of each span."""
    met: set[str] = set()
    counts = []
    for span in spans:
        met = set(span.tasks) if single_task else met | set(span.tasks)
        counts.append(len(met))
    return counts


def _components(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Picture:
    protocol = runs[0].protocol
    single = runs[0].run.manifest.protocol.regime == "single-task"
    counts = tasks_so_far(runs[0].spans, single_task=single)
    bands = component_bands(components_frame(runs))
    return Picture(
        words=("components", protocol),
        figure=figures.component_counts(
            bands, runs[0].visits, counts, styles, f"{protocol}: components of the knowledge space"
        ),
        caption=f"{COUNTS} Lines are means over seeds ({seeds(runs)}), bands go from the least to the most."
        f" {setting(runs[0])}",
        alt=f"Number of components and their purity after each visit on {protocol}",
    )


def _latent_space(run: Measured, points: pd.DataFrame) -> Picture:
    return Picture(
        words=("latent-space", run.protocol, run.agent),
        figure=figures.latent_space(points, f"{run.agent} on {run.protocol}: latent space, seed {run.seed}"),
        caption=f"Latents of {run.agent}, seed {run.seed}, drawn from its memory after some visits, in the"
        " plane by t-SNE (each plane by itself, with a fixed seed): above by the task that they come from,"
        " below by the component that they are sorted into. What lies near is alike; distances between"
        f" groups and their sizes mean little. {setting(run)}",
        alt=f"t-SNE of the latents of {run.agent} on {run.protocol}, by task and by component",
    )
