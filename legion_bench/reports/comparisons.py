"""Agents of one protocol side by side: metrics, cost, what cards change, tasks left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from legion_bench.cards import AgentCard
from legion_bench.metrics import METRICS
from legion_bench.metrics.aggregate import mean_interval
from legion_bench.metrics.cost import pareto_front
from legion_bench.reports.flatten import flat
from legion_bench.reports.frames import BOOTSTRAP_SEED
from legion_bench.reports.measured import Measured
from legion_bench.types import Floats

COSTS = ("wall_clock", "gradient_updates")
"""What performance is compared with."""


def metrics_frame(runs: Sequence[Measured], names: Sequence[str]) -> pd.DataFrame:
    """Return one row per metric and agent that has it: ``mean``, ``low``, ``high`` and ``values``.

    ``values`` are those of the runs that define it; ``low`` and ``high`` are the ends of the 95 %
    interval, NaN for a single run. Rows come by metric, then agent.
    """
    rows = []
    for name in names:
        for agent, members in groupby(runs, key=lambda run: run.agent):
            found = [value for run in members if (value := run.metrics[name].value) is not None]
            if found:
                values = np.array(found)
                rng = np.random.default_rng(BOOTSTRAP_SEED)
                estimate = mean_interval(values, rng, METRICS[name].limits)
                row = {"metric": name, "agent": agent, "mean": estimate.value, "values": values}
                rows.append(row | {"low": estimate.low, "high": estimate.high})
    columns = ["metric", "agent", "mean", "low", "high", "values"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(["mean", "low", "high"], float))


def trade_off_frame(runs: Sequence[Measured]) -> pd.DataFrame:
    """Return average performance and cost, one row per cost and agent: of complete runs that tell both.

    Besides the columns of :func:`metrics_frame` it has ``cost`` (which), ``paid`` (mean over runs),
    ``learns`` (whether it tells of gradient updates) and ``front`` (whether no other agent that learns
    is cheaper and as good, or better and as cheap).
    """
    complete = [run for run in runs if run.complete]
    performance = metrics_frame(complete, ["average_performance"])
    parts = [performance.iloc[:0].assign(cost="", paid=0.0, learns=False, front=False)]
    for cost in COSTS:
        paid: dict[str, float] = {}
        learning = set()
        for agent, group in groupby(complete, key=lambda run: run.agent):
            costs = [run.cost for run in group]
            told = [amount for one in costs if (amount := getattr(one, cost)) is not None]
            if told:
                paid[agent] = float(np.mean(told))
            if any(one.gradient_updates for one in costs):
                learning.add(agent)
        part = performance[performance["agent"].isin(paid)]
        part = part.assign(cost=cost, paid=part["agent"].map(paid), learns=part["agent"].isin(learning))
        learns, gains = part["learns"].to_numpy(bool), part["mean"].to_numpy(float)
        front = np.zeros(len(part), bool)
        front[learns] = pareto_front(part["paid"].to_numpy(float)[learns], gains[learns])
        parts.append(part.assign(front=front))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def variants(runs: Sequence[Measured]) -> dict[str, tuple[Measured, ...]]:
    """Return, per agent that others of these extend, its runs and then theirs.

    A card names in ``extends`` what it was made from: the ablations of an agent, or the methods
    built on it.
    """
    by_agent = {agent: list(group) for agent, group in groupby(runs, key=lambda run: run.agent)}
    found = {}
    for agent, own in by_agent.items():
        name = own[0].run.manifest.agent.name
        others = [run for run in runs if name in run.run.manifest.agent.extends]
        if others:
            found[agent] = (*own, *others)
    return found


def changes(base: AgentCard, card: AgentCard) -> dict[str, tuple[object, object]]:
    """Return what parameters of ``card`` differ from those of ``base``: both values; None where not given."""
    was, now = (dict(flat(one.parameters)) for one in (base, card))
    keys = dict.fromkeys((*was, *now))
    return {key: (was.get(key), now.get(key)) for key in keys if was.get(key) != now.get(key)}


def after_switch_frame(runs: Sequence[Measured]) -> pd.DataFrame:
    """Return success on earlier tasks after a task switch: ``agent``, ``run``, ``step``, ``success``.

    ``step`` counts from the end of the visit before. ``success`` is the mean over all switches of a
    run, at each the mean over the distinct tasks visited before it, the one trained next left out. Steps at
    which not every visit was evaluated are left out, and so are runs that are not complete.
    """
    curves = [
        {"agent": run.agent, "run": run.folder, "step": step, "success": success}
        for run in runs
        if run.complete
        for step, success in _after_switches(run).items()
    ]
    return pd.DataFrame(curves, columns=["agent", "run", "step", "success"])


def _after_switches(run: Measured) -> Mapping[int, float]:
    """Return the mean success on earlier tasks by step since a switch."""
    if (performance := run.performance) is None:
        return {}
    found: list[dict[int, float]] = []
    for position in range(1, len(performance.ends)):
        names = performance.tasks
        earlier = sorted({names.index(name) for name in names[:position]} - {names.index(names[position])})
        if not earlier:
            continue
        interval = performance.interval(position)
        chosen = np.array([interval[0] - 1, *interval])
        since = performance.steps[chosen] - performance.ends[position - 1]
        success: Floats = performance.success[chosen][:, earlier].mean(axis=1)
        found.append(dict(zip(since.tolist(), success.tolist(), strict=True)))
    common = sorted(set.intersection(*map(set, found))) if found else []
    return {step: float(np.mean([one[step] for one in found])) for step in common}
