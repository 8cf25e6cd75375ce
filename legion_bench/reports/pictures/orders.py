"""The same tasks in several orders: of a whole report, not of one protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from legion_bench.reports import figures
from legion_bench.reports.figures import Style
from legion_bench.reports.measured import Measured
from legion_bench.reports.orders import orders_frame
from legion_bench.reports.pictures.captions import Picture


def orders(runs: Sequence[Measured], styles: Mapping[str, Style]) -> Iterator[Picture]:
    """Yield one figure per set of protocols that differ by the order of their tasks alone."""
    for protocols, rows in orders_frame(runs).groupby("protocols", sort=False):
        counts = set(rows["seeds"])
        each = zip(rows["agent"], rows["protocol"], rows["seeds"], strict=True)
        seeds = (
            f"{counts.pop()} each" if len(counts) == 1 else ", ".join(f"{a} on {p}: {n}" for a, p, n in each)
        )
        episodes = next(
            run.run.manifest.protocol.evaluation_episodes
            for run in runs
            if run.protocol in set(rows["protocol"])
        )
        yield Picture(
            words=("order-robustness", str(protocols)),
            figure=figures.order_robustness(rows, styles, "Average performance by order of tasks"),
            caption="Average performance P(T) (LEGION: the last evaluation) on the same tasks in several"
            f" orders: protocols {protocols}. A marker is the mean over the seeds of one order ({seeds}), the"
            " line through it its 95 % bootstrap interval (none for one seed); the grey bar spans the worst"
            f" order to the best. {episodes} episode{'s' if episodes > 1 else ''} per task and evaluation.",
            alt=f"Average performance per agent and order of tasks, on {protocols}",
        )
