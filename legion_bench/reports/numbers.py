"""One run in numbers, for a terminal or a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from legion_bench.metrics import HEADLINES, Undefined
from legion_bench.reports import tables
from legion_bench.reports.measured import Measured


def headlines(run: Measured) -> list[tuple[str, str, str]]:
    """Return name, number and remark of the metrics that tables show, and of the cost."""
    rows = []
    for name in HEADLINES:
        found = run.metrics[name]
        shown = tables.MISSING if found.value is None else f"{found.value:.4f}"
        left_out = f"leaves out {', '.join(found.left_out)}" if found.left_out else ""
        rows.append((name, shown, found.reason or left_out))
    costs = asdict(run.cost)
    return rows + [(name, tables.cost(name, costs[name]), "") for name in tables.COSTS]


def everything(run: Measured) -> dict[str, Any]:
    """Return all metrics and costs of a run, for JSON.

    ``reasons`` says why a metric is null, ``left_out`` which visits its mean leaves out,
    ``parts`` what it is the mean of; a part that is null means never.
    """
    found = run.metrics
    against = None
    if not isinstance(run.reference, Undefined):
        against = {
            "agent": run.reference.agent,
            "runs": run.reference.runs,
            "shipped": run.reference.shipped,
        }
    return {
        "run": str(run.run.path),
        "protocol": run.protocol,
        "agent": run.agent,
        "seed": run.run.manifest.seed,
        "metrics": {name: value.value for name, value in found.items()},
        "reasons": {name: value.reason for name, value in found.items() if value.reason},
        "left_out": {name: value.left_out for name, value in found.items() if value.left_out},
        "parts": {name: dict(value.parts) for name, value in found.items() if value.parts},
        "cost": asdict(run.cost),
        "reference": against,
    }
