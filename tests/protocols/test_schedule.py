"""When a protocol evaluates."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.protocols.schedule import Phase, phases

TASKS = ("reach", "push", "reach")


def schedule(steps: int, every: int, visits: int = 2) -> tuple[Phase, ...]:
    stream = StreamCard(name="s", title="T", robot="kuka", tasks=TASKS[:visits], steps_per_task=steps)
    protocol = ProtocolCard(name="p", title="T", stream="s", evaluate_every=every, evaluation_episodes=1)
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


@given(steps=st.integers(1, 500), every=st.integers(1, 700), visits=st.integers(1, 3))
@settings(derandomize=True, deadline=None)
def test_every_schedule_is_sound(steps: int, every: int, visits: int) -> None:
    found = schedule(steps, every, visits)
    assert (found[0].start, found[-1].stop) == (0, steps * visits)
    assert [phase.start for phase in found[1:]] == [phase.stop for phase in found[:-1]]
    for phase in found:
        at = phase.evaluate_at
        assert at[-1] == phase.stop
        assert list(at) == sorted(set(at))
        assert phase.start < at[0]
        multiples = {step for step in range(phase.start + 1, phase.stop + 1) if step % every == 0}
        assert set(at) == multiples | {phase.stop}
