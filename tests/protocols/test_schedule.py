"""When a protocol evaluates."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.protocols.schedule import Phase, Span, evaluation_steps, phases, spans

TASKS = ("reach", "push", "reach")


def schedule(steps: int, every: int, visits: int = 2, **fields: Any) -> tuple[Phase, ...]:
    stream = StreamCard(name="s", title="T", robot="kuka", tasks=TASKS[:visits], steps_per_task=steps)
    protocol = ProtocolCard(
        name="p", title="T", stream="s", evaluate_every=every, evaluation_episodes=1, **fields
    )
    return phases(protocol, stream)


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [
        (10, 5, [(5, 10), (15, 20)]),
        (10, 4, [(4, 8, 10), (12, 16, 20)]),
        (10, 3, [(3, 6, 9, 10), (12, 15, 18, 20)]),
        (10, 10, [(10,), (20,)]),
        (10, 100, [(10,), (20,)]),
        (3, 1, [(1, 2, 3), (4, 5, 6)]),
        (1, 1, [(1,), (2,)]),
    ],
)
def test_evaluations_fall_on_multiples_and_boundaries(
    steps: int, every: int, expected: list[tuple[int, ...]]
) -> None:
    assert [phase.evaluate_at for phase in schedule(steps, every)] == expected


def test_phases_carry_the_streams_visits() -> None:
    found = schedule(10, 5, visits=3)
    assert [(phase.visit.name, phase.visit.presentation) for phase in found] == [
        ("reach", 1),
        ("push", 1),
        ("reach", 2),
    ]


def test_expanding_trains_each_visit_together_with_what_came_before() -> None:
    found = schedule(10, 100, visits=3, regime="expanding")
    assert [phase.visit.position for phase in found] == [0, 1, 2]
    assert [phase.name for phase in found] == list(TASKS)
    assert [phase.tasks for phase in found] == [("reach",), ("reach", "push"), ("reach", "push")]
    assert [phase.begun for phase in found] == [TASKS[:1], TASKS[:2], TASKS]
    assert [(phase.start, phase.stop) for phase in found] == [(0, 10), (10, 30), (30, 50)]


def test_multi_task_is_one_phase_of_all_distinct_tasks() -> None:
    (phase,) = schedule(10, 5, visits=3, regime="multi-task")
    assert (phase.visit.position, phase.name) == (0, "all tasks")
    assert phase.tasks == phase.begun == ("reach", "push")
    assert (phase.start, phase.stop, phase.evaluate_at) == (0, 20, (6, 10, 16, 20))


def test_single_task_is_lifelong_with_agents_that_begin_one_visit_each() -> None:
    alone, lifelong = (schedule(10, 4, visits=3, regime=regime) for regime in ("single-task", "lifelong"))
    assert [phase.begun for phase in alone] == [("reach",), ("push",), ("reach",)]
    assert [replace(one, begun=other.begun) for one, other in zip(alone, lifelong, strict=True)] == list(
        lifelong
    )


@pytest.mark.parametrize(
    ("steps", "slots", "every", "stops", "expected"),
    [
        (10, 2, 5, (10, 20), [(6, 10), (16, 20)]),
        (10, 4, 6, (12, 24), [(8, 12), (20, 24)]),
        (3, 8, 100, (8, 16), [(8,), (16,)]),
        (9, 3, 2, (9, 18), [(3, 6, 9), (12, 15, 18)]),
    ],
)
def test_with_several_rows_it_is_the_first_step_that_reaches(
    steps: int, slots: int, every: int, stops: tuple[int, ...], expected: list[tuple[int, ...]]
) -> None:
    found = schedule(steps, every, slots=slots)
    assert tuple(phase.stop for phase in found) == stops
    assert [phase.evaluate_at for phase in found] == expected


@given(
    steps=st.integers(1, 300),
    every=st.integers(1, 400),
    visits=st.integers(1, 3),
    slots=st.integers(1, 9),
    regime=st.sampled_from(["lifelong", "expanding", "multi-task", "single-task"]),
)
@settings(derandomize=True, deadline=None)
def test_every_schedule_is_sound(steps: int, every: int, visits: int, slots: int, regime: str) -> None:
    found = schedule(steps, every, visits, slots=slots, regime=regime)
    assert [phase.start for phase in found] == [0, *(phase.stop for phase in found[:-1])]
    for phase in found:
        assert phase.rows == slots * len(phase.tasks)
        budget = steps * len(phase.tasks)
        reached = range(phase.start + phase.rows, phase.stop + 1, phase.rows)
        assert phase.stop == next(step for step in reached if step - phase.start >= budget)
        multiples = [step for step in range(phase.start + 1, phase.stop + 1) if step % every == 0]
        first = [next(step for step in reached if step >= multiple) for multiple in multiples]
        assert list(phase.evaluate_at) == sorted({*first, phase.stop})


def test_a_span_says_the_same_without_the_catalogue() -> None:
    stream = StreamCard(name="s", title="T", robot="kuka", tasks=("no-such-task",), steps_per_task=5)
    protocol = ProtocolCard(name="p", title="T", stream="s", evaluate_every=1, evaluation_episodes=1)
    assert spans(protocol, stream) == (Span("no-such-task", ("no-such-task",), 1, 0, 5),)


def test_evaluations_of_a_span_without_end_come_one_by_one() -> None:
    endless = Span("reach", ("reach",), 4, 0, 10**30)
    assert list(islice(evaluation_steps(endless, 3), 3)) == [4, 8, 12]
