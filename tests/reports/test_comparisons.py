"""Agents beside one another: which runs count, and what is the mean of what."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from legion_bench.cards import AgentCard
from legion_bench.metrics.cost import Cost
from legion_bench.reports.comparisons import (
    after_switch_frame,
    changes,
    metrics_frame,
    trade_off_frame,
    variants,
)
from legion_bench.reports.measured import Measured, measure_all

from .conftest import MakeRun, manifest


def extending(agent: str, *extends: str, **parameters: object) -> AgentCard:
    """Return an agent card that extends others."""
    card = manifest(agent=agent).agent
    return msgspec.structs.replace(card, extends=extends, parameters=parameters)


def with_success(run: Measured, rows: list[list[float]]) -> Measured:
    """Return a run of three tasks with other success rates, one row per evaluation."""
    assert run.performance is not None
    return replace(run, performance=replace(run.performance, success=np.array(rows)))


def test_metrics_are_of_the_runs_that_define_them(make_run: MakeRun) -> None:
    runs = [make_run(seed=seed) for seed in (0, 1)]
    runs += [make_run(seed=2, stop_at=1400), make_run(agent="ewc"), make_run(agent="a", stop_at=1400)]
    frame = metrics_frame(measure_all(runs), ["average_performance", "forward_transfer_cw"])
    assert frame[["metric", "agent"]].to_numpy().tolist() == [
        ["average_performance", "ewc"],
        ["average_performance", "sac"],
    ]
    one, two = (frame.iloc[index] for index in (0, 1))
    assert len(one["values"]) == 1
    assert np.isnan(one["low"])
    assert np.isnan(one["high"])
    assert two["mean"] == pytest.approx(np.mean(two["values"]))
    assert two["low"] <= two["mean"] <= two["high"]
    assert len(two["values"]) == 2
    assert metrics_frame(measure_all(runs), ["forward_transfer_cw"]).empty


def test_performance_and_its_cost(make_run: MakeRun) -> None:
    cheap, dear = Cost(1, 1, 10, 1.0, None, None, None), Cost(1, 1, 20, 2.0, None, None, None)
    still = Cost(1, 1, None, 0.5, None, None, None)
    runs = [make_run(agent=agent) for agent in ("a", "b", "random")] + [make_run(agent="c", stop_at=1400)]
    runs.append(make_run(agent="a", seed=1))
    measured = [
        replace(run, cost={"a": cheap, "b": dear, "random": still}.get(run.agent, cheap))
        for run in measure_all(runs)
    ]
    measured[1] = replace(measured[1], cost=dear)  # a's other seed
    frame = trade_off_frame(measured)
    assert frame[["cost", "agent", "paid", "learns"]].to_numpy().tolist() == [
        ["wall_clock", "a", 1.5, True],
        ["wall_clock", "b", 2.0, True],
        ["wall_clock", "random", 0.5, False],
        ["gradient_updates", "a", 15.0, True],
        ["gradient_updates", "b", 20.0, True],
    ]
    assert not frame[frame["agent"] == "random"]["front"].any(), "who does not learn is in no race"
    assert frame[frame["agent"] == "a"]["front"].all()
    b = frame[frame["agent"] == "b"]
    better = b["mean"].to_numpy() > frame[frame["agent"] == "a"]["mean"].to_numpy()
    assert b["front"].tolist() == better.tolist()
    assert trade_off_frame([]).empty


def test_variants_are_those_that_extend_an_agent(make_run: MakeRun) -> None:
    cards = (
        extending("base", rate=1, net={"width": 2}),
        extending("less", "base", rate=2, net={"width": 2}),
        extending("lesser", "less", "base", net={"width": 3}),
        extending("other", "absent"),
    )
    runs = measure_all([make_run(card.name, agent=card) for card in cards])
    found = {agent: [run.agent for run in members] for agent, members in variants(runs).items()}
    assert found == {"base": ["base", "less", "lesser"], "less": ["less", "lesser"]}
    assert changes(cards[0], cards[1]) == {"rate": (1, 2)}
    assert changes(cards[0], cards[2]) == {"rate": (1, None), "net.width": (2, 3)}


def test_success_after_a_switch_is_of_earlier_tasks(make_run: MakeRun) -> None:
    run, stopped = measure_all([make_run(), make_run(seed=1, stop_at=2400)])
    before = [[0.0, 0.0, 0.0]] * 6  # one before training, five of the first visit
    first = [[0.0, 9.0, 9.0], [0.2, 9.0, 9.0], [0.4, 9.0, 9.0], [0.6, 9.0, 9.0], [0.8, 0.0, 9.0]]
    second = [[0.4, 0.0, 9.0], [0.4, 0.0, 9.0], [0.4, 0.0, 9.0], [0.4, 0.4, 9.0], [1.0, 1.0, 9.0]]
    frame = after_switch_frame([with_success(run, [*before, *first, *second]), stopped])
    assert set(frame["run"]) == {"seed0"}, "a run that stopped has not had all its switches"
    assert frame["step"].tolist() == [0, 200, 400, 600, 800, 1000]
    # At the switch: reach alone is at 0, then reach and push are at .8 and 0, .4 on average.
    assert frame["success"].tolist() == pytest.approx([0.2, 0.1, 0.2, 0.3, 0.5, 0.9])


def test_a_task_that_is_trained_again_is_not_an_earlier_one(make_run: MakeRun) -> None:
    (run,) = measure_all([make_run(tasks=("reach", "push", "reach"))])
    zero, one = [[0.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]
    frame = after_switch_frame([with_success(run, zero * 10 + one * 6)])
    assert frame["success"].tolist() == [0.5] * 6, (
        "reach is at 0 after the first switch, push at 1 after the next"
    )
    (alone,) = measure_all([make_run("again", tasks=("reach", "reach"))])
    assert after_switch_frame([alone]).empty


def test_steps_that_some_visit_was_not_evaluated_at_are_left_out(make_run: MakeRun) -> None:
    made = manifest()
    protocol = msgspec.structs.replace(made.protocol, evaluate_every=600)
    (run,) = measure_all([make_run(protocol=protocol)])
    assert run.performance is not None
    assert run.performance.steps.tolist() == [0, 600, 1000, 1200, 1800, 2000, 2400, 3000]
    assert after_switch_frame([run])["step"].tolist() == [0, 1000]
