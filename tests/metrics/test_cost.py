"""What a run cost, from its logs."""

from __future__ import annotations

import numpy as np

from legion_bench.metrics.cost import Cost, cost, pareto_front
from legion_bench.types import TrainingRecord

from .logs import DELTA, log

TASKS = ("a", "b")


def training(*updates: int | None) -> list[TrainingRecord]:
    """Four records, two of each visit; memory grows, and the network with it."""
    return [
        TrainingRecord(
            step=number * DELTA // 2,
            stream_position=(number - 1) // 2,
            task=TASKS[(number - 1) // 2],
            wall_clock=10.0 * number,
            steps_per_second=1.0,
            environment_seconds=1.0,
            update_seconds=1.0,
            evaluation_seconds=1.0,
            losses={},
            gradient_updates=count,
            parameters=None if count is None else 5 + number,
            stored_bytes=None if count is None else 100 - number,
            peak_memory_bytes=1000 * (number % 4),
        )
        for number, count in enumerate(updates, start=1)
    ]


EVALUATIONS = log([np.zeros((2, 2))] * 2, TASKS, episodes=3)


def test_the_cost_of_one_agent_is_its_last_and_its_most() -> None:
    found = cost(training(10, 20, 30, 40), EVALUATIONS)
    assert found == Cost(
        environment_steps=200,
        evaluation_steps=5 * 2 * 3 * 150,
        gradient_updates=40,
        wall_clock=40.0,
        peak_memory_bytes=3000,
        parameters=9,
        stored_bytes=99,
    )


def test_agents_of_single_tasks_count_their_updates_each() -> None:
    assert cost(training(10, 20, 5, 15), EVALUATIONS, single_task=True).gradient_updates == 35


def test_what_an_agent_does_not_tell_is_unknown() -> None:
    found = cost(training(None, None, None, None), EVALUATIONS)
    assert (found.gradient_updates, found.parameters, found.stored_bytes) == (None, None, None)
    assert found.peak_memory_bytes == 3000


def test_a_run_that_has_just_begun_has_cost_nothing() -> None:
    assert cost([], []) == Cost(0, 0, None, None, None, None, None)


def test_the_pareto_front_is_what_nothing_beats() -> None:
    costs = np.array([1.0, 2.0, 3.0, 2.0, 0.5])
    gains = np.array([0.5, 0.7, 0.6, 0.7, 0.5])
    # The first gains as much as the last for more; the third is beaten by two equals, which both stay.
    assert pareto_front(costs, gains).tolist() == [False, True, False, True, True]
    assert pareto_front(np.array([]), np.array([])).tolist() == []
