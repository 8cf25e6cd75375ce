"""LEGION's published results (Meng et al. 2025), as the records and frames that runs of ours become.

The tables are those of ``results/paper/data``; its README says what each holds, how it
was reduced, and what it leaves open.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pandas as pd

from legion_bench import catalogue
from legion_bench.cards import ProtocolCard, StreamCard, load_stream
from legion_bench.errors import RunError
from legion_bench.metrics import METRICS, MetricValue, Performance, Undefined, values
from legion_bench.metrics.cost import Cost
from legion_bench.metrics.curves import Curve
from legion_bench.protocols.schedule import Span

SOURCE = "Meng et al., Nature Machine Intelligence 2025, doi 10.1038/s42256-025-00983-2"
AGENT = "LEGION (published)"
ORDERS = ("lifelong-curriculum", "lifelong-reverse", "lifelong-random")
MULTITASK, RECALL = "multitask", "fewshot-recall"
STEPS_PER_TASK = 1_000_000
HORIZON = 150
EVALUATE_EVERY = 7_500
EPISODES = 10
BIN = 50_000
"""Environment steps over which the average of a curve is taken."""
NO_REFERENCE = Undefined("no single-task runs were published")
_ONLY_AVERAGE = "of this order, only the average over tasks was published"


@dataclass(frozen=True, eq=False)
class Published:
    """One published run: a :class:`~legion_bench.reports.scored.Scored`."""

    protocol: str
    """The protocol of ours that asks the same."""
    seed: int
    """The run's number: seeds were not published."""
    spans: tuple[Span, ...]
    """Ten visits; tasks are A to J, in the order of training, where their names are not known."""
    performance: Performance | None
    """None for the curriculum order."""
    averages: Curve
    """Means over :data:`BIN` steps each, up to the step given; before training apart."""
    metrics: Mapping[str, MetricValue]
    cost: Cost
    agent: str = AGENT
    status: str = "published"
    complete: bool = True
    reference: Undefined = NO_REFERENCE

    @property
    def folder(self) -> str:
        """What tells it from other results."""
        return f"published/{self.protocol}/{self.seed}"


@cache
def lifelong() -> tuple[Published, ...]:
    """Return the published runs of ten tasks one after another, by order and number.

    Raises:
        RunError: the tables are not there.
    """
    return (*_curriculum(), *_reverse_and_random())


def multitask_bands() -> pd.DataFrame:
    """Return average success of five agents that train all tasks at once.

    Columns are those of :func:`legion_bench.reports.frames.bands_frame`: ``agent``, ``step``
    (of all tasks together), ``mean``, ``low``, ``high``; the band is the published one.
    """
    curves = _bands("multitask_curves")
    return pd.DataFrame(
        {
            "agent": [f"{agent} (published)" for agent in curves["agent"]],
            "step": curves["steps_per_task"] * len(load_stream("kuka-curriculum").tasks),
            **{name: curves[name] for name in ("mean", "low", "high")},
        }
    )


def recall_bands() -> pd.DataFrame:
    """Return success on a task while it is trained: ``task``, ``presentation``, ``step``, the band."""
    return _bands("recall_curves")


def components() -> pd.DataFrame:
    """Return the snapshots of the latent space: ``stream``, ``trained_visits``, ``components``, ….

    Two were published of five of the curriculum's visits; both are there.
    """
    return _table("components").assign(agent=AGENT)


def counterpart(protocol: ProtocolCard, stream: StreamCard) -> str | None:
    """Return the published protocol that a protocol can be laid beside, on either robot.

    Regime, tasks, budget, horizon and placement must agree. The published random order is
    not known, so any order but the other two is laid beside it.
    """
    if (stream.steps_per_task, stream.horizon, stream.placement) != (STEPS_PER_TASK, HORIZON, "fixed"):
        return None
    curriculum = load_stream("kuka-curriculum").tasks
    same_tasks = sorted(stream.tasks) == sorted(curriculum)
    if protocol.regime == "multi-task":
        return MULTITASK if same_tasks else None
    if protocol.regime != "lifelong":
        return None
    if stream.tasks == load_stream("kuka-few-shot").tasks:
        return RECALL
    known = {curriculum: ORDERS[0], curriculum[::-1]: ORDERS[1]}
    return known.get(stream.tasks, ORDERS[2]) if same_tasks else None


def _curriculum() -> Iterator[Published]:
    runs, curves = _table("curriculum_runs"), _table("curriculum_curves")
    for seed, hours, final in zip(runs["seed"], runs["hours"], runs["final_average_success"], strict=True):
        mine = curves[curves["seed"] == seed]
        metrics = dict.fromkeys(METRICS, MetricValue(None, _ONLY_AVERAGE))
        yield Published(
            protocol=ORDERS[0],
            seed=int(seed),
            spans=_spans(load_stream("kuka-curriculum").tasks),
            performance=None,
            averages=(mine["step"].to_numpy(np.int64), mine["average_success"].to_numpy(np.float64)),
            metrics=metrics | {"average_performance": MetricValue(float(final))},
            cost=_cost(hours * 3600),
        )


def _reverse_and_random() -> Iterator[Published]:
    evaluations = _table("lifelong_evaluations")
    # The position that each task has is known, its name is not; see the tables' README.
    tasks = tuple(f"task {letter}" for letter in string.ascii_uppercase[:10])
    for (order, seed), group in evaluations.groupby(["order", "seed"], sort=False):
        spans = _spans(tasks)
        success = group[[f"position_{position}" for position in range(len(tasks))]].to_numpy() / EPISODES
        performance = Performance(
            steps=group["step"].to_numpy(np.int64),
            stream_position=group["stream_position"].to_numpy(np.int64),
            success=success,
            tasks=tasks,
            ends=tuple(span.stop for span in spans),
            episodes=EPISODES,
        )
        yield Published(
            protocol=f"lifelong-{order}",
            seed=int(str(seed)),
            spans=spans,
            performance=performance,
            averages=_binned(performance),
            metrics=values(performance, NO_REFERENCE),
            cost=_cost(None),
        )


def _spans(tasks: tuple[str, ...]) -> tuple[Span, ...]:
    ends = range(0, len(tasks) * STEPS_PER_TASK, STEPS_PER_TASK)
    return tuple(
        Span(task, (task,), 1, start, start + STEPS_PER_TASK) for task, start in zip(tasks, ends, strict=True)
    )


def _binned(performance: Performance) -> Curve:
    bins = -(-performance.steps // BIN) * BIN
    means = pd.Series(performance.success.mean(axis=1)).groupby(bins).mean()
    return means.index.to_numpy(np.int64), means.to_numpy(np.float64)


def _cost(wall_clock: float | None) -> Cost:
    tasks = 10
    # Every visit is evaluated at its start, every 7,500 steps, and at its end.
    evaluations = tasks * (STEPS_PER_TASK // EVALUATE_EVERY + 2)
    return Cost(
        environment_steps=tasks * STEPS_PER_TASK,
        evaluation_steps=evaluations * tasks * EPISODES * HORIZON,
        gradient_updates=None,
        wall_clock=wall_clock,
        peak_memory_bytes=None,
        parameters=None,
        stored_bytes=None,
    )


def _bands(name: Literal["multitask_curves", "recall_curves"]) -> pd.DataFrame:
    """Return a table of bands, which are symmetric as published, cut to what a rate can be."""
    table = _table(name)
    return table.assign(low=table["low"].clip(lower=0.0), high=table["high"].clip(upper=1.0))


@cache
def _table(name: str) -> pd.DataFrame:
    file = catalogue.root() / "results" / "paper" / "data" / f"{name}.csv"
    if not file.is_file():
        raise RunError(f"{file} is missing: the published tables come with legion-bench, install it again")
    return pd.read_csv(file)
