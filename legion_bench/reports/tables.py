"""Tables for reading and for further work: DataFrame in, text out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from legion_bench.metrics import HEADLINES

MISSING = "–"
"""What a table shows where there is no number."""
NUMBER = re.compile(r"–|[+−]?[\d,.:]+( of \d+| [GMk]?B|–[\d,]+)?")
"""What tables to read show of a number: “–”, “−0.04”, “2 of 3”, “1,200–3,000”, “412 MB”, “0:06:53”."""
ESTIMATE = re.compile(r"(−?\d+\.\d+) (\[(?:–|−?\d+\.\d+, −?\d+\.\d+)\])")
"""What they show of a number with its interval, in two groups; see :func:`with_interval`."""


def summary_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`legion_bench.reports.frames.summary_frame`'s result as text to read."""
    return pd.DataFrame(
        {
            "Protocol": summary["protocol"],
            "Agent": summary["agent"],
            "Seeds": [seeds(row) for _, row in summary.iterrows()],
            **{
                metric.title: [estimate(row, name) for _, row in summary.iterrows()]
                for name, metric in HEADLINES.items()
            },
            "Environment steps": [steps(row) for _, row in summary.iterrows()],
            "Status": summary["status"],
        }
    )


def runs_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`legion_bench.reports.frames.runs_frame`'s result as text to read."""
    return pd.DataFrame(
        {
            "Protocol": runs["protocol"],
            "Agent": runs["agent"],
            "Seed": runs["seed"].map(str),
            **{metric.title: runs[name].map(number) for name, metric in HEADLINES.items()},
            "Environment steps": runs["environment_steps"].map("{:,}".format),
            "Wall clock": runs["wall_clock"].map(duration),
            "Status": runs["status"],
            "Run": runs["run"],
        }
    )


COSTS = {
    "environment_steps": ("Environment steps", "Of training"),
    "evaluation_steps": ("Evaluation steps", "Environment steps of evaluation"),
    "gradient_updates": ("Gradient updates", "As the agent counts them"),
    "wall_clock": ("Wall clock", "Hours, minutes, seconds; evaluation included"),
    "peak_memory_bytes": ("Peak memory", "Most that was ever resident, of the whole process"),
    "parameters": ("Parameters", "Numbers in all networks that are trained"),
    "stored_bytes": ("Stored", "Replay, and whatever else is kept of past experience"),
}
"""What a cost is called, and what it is; each of :class:`legion_bench.metrics.cost.Cost`."""


def cost_table(costs: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`legion_bench.reports.frames.cost_frame`'s result as text to read."""
    return pd.DataFrame(
        {
            "Protocol": costs["protocol"],
            "Agent": costs["agent"],
            "Runs": costs["runs"].map(str),
            **{title: [cost(name, value) for value in costs[name]] for name, (title, _) in COSTS.items()},
        }
    )


def orders_table(robustness: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`legion_bench.reports.orders.robustness_frame`'s result as text to read."""
    return pd.DataFrame(
        {
            "Protocols": robustness["protocols"],
            "Agent": robustness["agent"],
            "Orders": robustness["orders"].map(str),
            "Runs": robustness["runs"].map(str),
            "Mean": [with_interval(*row) for row in robustness[["mean", "low", "high"]].to_numpy()],
            "Worst order": robustness["worst"].map(number),
            "Which": robustness["worst_protocol"],
            "Deviation between orders": robustness["deviation"].map(number),
            "Of seeds alone": robustness["seed_deviation"].map(number),
        }
    )


def cost(name: str, value: float | None) -> str:
    """Return one of the costs as text: “14,750”, “0:06:53”, “412 MB”."""
    if pd.isna(value):
        return MISSING
    if name == "wall_clock":
        return duration(value)
    return size(value) if name.endswith("bytes") else f"{value:,.0f}"


def size(count: float) -> str:
    """Return bytes as “96 B”, “1.2 kB”, “412 MB”: decimal units, two digits or more."""
    units = ["GB", "MB", "kB", "B"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop()
    return f"{count:.1f} {units[-1]}" if count < 9.95 and units[-1] != "B" else f"{count:,.0f} {units[-1]}"


AGGREGATES = {"mean": "Mean", "iqm": "IQM", "median": "Median", "optimality_gap": "Optimality gap"}
"""What an aggregate is called; each of :data:`legion_bench.metrics.aggregate.AGGREGATES`."""


def aggregates_table(aggregates: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`legion_bench.reports.statistics.aggregates_frame`'s result as text to read."""
    rows = []
    for (protocol, agent), group in aggregates.groupby(["protocol", "agent"], sort=False):
        found = {row["statistic"]: row for _, row in group.iterrows()}
        texts = [with_interval(*found[name][["value", "low", "high"]]) for name in AGGREGATES]
        rows.append((protocol, agent, str(group["runs"].iloc[0]), *texts))
    return pd.DataFrame(rows, columns=["Protocol", "Agent", "Runs", *AGGREGATES.values()])


def improvement_table(improvement: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`legion_bench.reports.statistics.improvement_frame`'s result as text to read."""
    parts = ("probability", "difference")
    texts = {part: improvement[[part, f"{part}_low", f"{part}_high"]].to_numpy() for part in parts}
    return pd.DataFrame(
        {
            "Protocol": improvement["protocol"],
            "Agent": improvement["agent"],
            "Other agent": improvement["other"],
            "Probability of improvement": [with_interval(*row) for row in texts["probability"]],
            "Shared seeds": improvement["shared_seeds"].map(str),
            "Difference, paired by seed": [with_interval(*row) for row in texts["difference"]],
        }
    )


def matrix_table(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return a success matrix as text to read: tasks down, visits across."""
    return matrix.map(number).reset_index(names="evaluated on")


def visit(position: int, names: Sequence[str]) -> str:
    """Return what a column of the success matrix is called: “before”, “1 reach”, …."""
    return "before" if position < 0 else f"{position + 1} {names[position]}"


def estimate(row: Mapping[str, float] | pd.Series, metric: str) -> str:
    """Return “0.63 [0.55, 0.71]”, “0.63 [–]” for one seed, “–” where undefined."""
    return with_interval(*(row[f"{metric}_{part}"] for part in ("mean", "low", "high")))


def with_interval(value: float, low: float, high: float) -> str:
    """Return “0.63 [0.55, 0.71]”, “0.63 [–]” without interval, “–” without value."""
    if pd.isna(value):
        return MISSING
    interval = MISSING if pd.isna(low) else f"{number(low)}, {number(high)}"
    return f"{number(value)} [{interval}]"


def seeds(row: pd.Series) -> str:
    """Return “3”, or “2 of 3” where only some of the runs are complete."""
    complete, runs = row["complete"], row["runs"]
    return f"{runs}" if complete == runs else f"{complete} of {runs}"


def steps(row: pd.Series) -> str:
    """Return the environment steps of the runs, as a range where they differ."""
    low, high = row["environment_steps_min"], row["environment_steps_max"]
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def number(value: float) -> str:
    """Return a rate with two decimals, and a minus sign only beside digits other than 0."""
    return MISSING if pd.isna(value) else f"{value:z.2f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Return a duration as “1:02:03” (hours, minutes, seconds)."""
    if pd.isna(seconds):
        return MISSING
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV with every digit of its numbers."""
    return frame.to_csv(index=False, lineterminator="\n")


def markdown(table: pd.DataFrame) -> str:
    """Return a table of text as GitHub-flavoured Markdown."""
    rows = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "".join(f"| {' | '.join(_escape(str(cell)) for cell in row)} |\n" for row in rows)


def _escape(cell: str) -> str:
    one_line = " ".join(cell.split())
    for mark in "\\|`*<":
        one_line = one_line.replace(mark, f"\\{mark}")
    return one_line
