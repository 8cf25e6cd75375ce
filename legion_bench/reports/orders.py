"""Runs on the same tasks in several orders, across protocols."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec
import numpy as np
import pandas as pd

from legion_bench.cards import canonical
from legion_bench.metrics.aggregate import mean_interval
from legion_bench.metrics.orders import mean_over_orders, order_robustness
from legion_bench.reports.frames import BOOTSTRAP_SEED
from legion_bench.reports.measured import Measured
from legion_bench.types import Floats

_RATES = ("mean", "low", "high")
_ORDERS = {
    "protocols": object,
    "agent": object,
    "protocol": object,
    "seeds": int,
    **dict.fromkeys(_RATES, float),
}
_ROBUSTNESS = {
    "protocols": object,
    "agent": object,
    "orders": int,
    "runs": int,
    **dict.fromkeys((*_RATES, "worst"), float),
    "worst_protocol": object,
    **dict.fromkeys(("deviation", "seed_deviation"), float),
}


def orders_frame(runs: Sequence[Measured]) -> pd.DataFrame:
    """Return average performance per order: one row per agent and order that it has complete runs on.

    Only agents with two orders or more have rows. ``protocols`` names the comparison: all protocols that have
    the same tasks, budget, options and evaluations, but for the order of the tasks; ``protocol`` is the
    order's. ``low`` and ``high`` are the 95 % interval of its ``seeds``, NaN for one.
    """
    rows = []
    for protocols, agent, orders in _compared(runs):
        for protocol, values in orders.items():
            found = mean_interval(values, np.random.default_rng(BOOTSTRAP_SEED), (0.0, 1.0))
            rows.append((protocols, agent, protocol, len(values), found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=list(_ORDERS)).astype(_ORDERS)


def robustness_frame(runs: Sequence[Measured]) -> pd.DataFrame:
    """Return the order robustness of agents with runs on two orders or more: one row each and comparison.

    Columns are those of :class:`legion_bench.metrics.orders.OrderRobustness`, ``low`` and ``high`` of
    its mean, ``worst_protocol``, and how many ``orders`` and ``runs`` there are.
    """
    rows = []
    for protocols, agent, orders in _compared(runs):
        values = list(orders.values())
        found = order_robustness(values)
        mean = mean_over_orders(values, np.random.default_rng(BOOTSTRAP_SEED))
        worst = min(orders, key=lambda protocol: orders[protocol].mean())
        estimate = (mean.value, mean.low, mean.high)
        spread = (found.worst, worst, found.deviation, found.seed_deviation)
        rows.append((protocols, agent, len(orders), mean.count, *estimate, *spread))
    return pd.DataFrame(rows, columns=list(_ROBUSTNESS)).astype(_ROBUSTNESS)


def _compared(runs: Sequence[Measured]) -> list[tuple[str, str, dict[str, Floats]]]:
    """Return what is compared, the agent, and P(T) of its seeds by order, which its protocol names."""
    # Tasks that are trained all at once have no order.
    in_turn = [run for run in runs if len(run.spans) > 1]
    usable = [run for run in in_turn if run.metrics["average_performance"].value is not None]
    found = []
    for _, group in groupby(sorted(usable, key=_but_for_the_order), key=_but_for_the_order):
        members = sorted(group, key=lambda run: (run.agent, run.protocol))
        agents = {agent: _by_order(list(own)) for agent, own in groupby(members, key=lambda run: run.agent)}
        agents = {agent: orders for agent, orders in agents.items() if len(orders) > 1}
        name = ", ".join(sorted({protocol for orders in agents.values() for protocol in orders}))
        found += [(name, agent, orders) for agent, orders in agents.items()]
    return sorted(found, key=lambda one: one[:2])


def _by_order(runs: Sequence[Measured]) -> dict[str, Floats]:
    """Return P(T) of the seeds of one agent by order; protocols that share one are pooled under the first."""
    protocols: dict[tuple[str, ...], str] = {}
    values: dict[str, list[float]] = {}
    for run in runs:
        protocol = protocols.setdefault(run.run.manifest.stream.tasks, run.protocol)
        value = run.metrics["average_performance"].value
        if value is not None:
            values.setdefault(protocol, []).append(value)
    return {protocol: np.array(found) for protocol, found in values.items()}


def _but_for_the_order(run: Measured) -> bytes:
    """Return what must be equal for two runs' protocols to differ by the order of tasks alone."""
    manifest = run.run.manifest
    unnamed = {"name": "", "title": ""}
    stream = {**msgspec.to_builtins(manifest.stream), **unnamed, "tasks": sorted(manifest.stream.tasks)}
    protocol = {**msgspec.to_builtins(manifest.protocol), **unnamed, "stream": ""}
    tasks = sorted(manifest.tasks, key=lambda task: task.name)
    return canonical([stream, protocol, tasks])
