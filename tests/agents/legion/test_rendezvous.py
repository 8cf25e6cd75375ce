"""Threads that do things together, or learn that they cannot."""

from __future__ import annotations

import threading

import pytest

from legion_bench.agents.legion.rendezvous import Rendezvous
from legion_bench.errors import StackError

from .threads import together


def test_what_all_ask_for_is_done_once_and_told_to_each() -> None:
    meet, done = Rendezvous(3), []

    def work(place: int) -> list[int]:
        def act() -> int:
            done.append(place)
            return len(done)

        return [meet(act) for _ in range(50)]

    assert together(3, work) == [list(range(1, 51))] * 3
    assert len(done) == 50


def test_nothing_is_done_before_all_are_there() -> None:
    meet, arrived = Rendezvous(2), threading.Event()

    def work(place: int) -> bool:
        if place == 1:
            arrived.set()
        return meet(arrived.is_set)

    assert together(2, work) == [True, True]


def test_one_alone_needs_nobody() -> None:
    assert Rendezvous(1)(lambda: 5) == 5


def test_a_failure_stays_itself_where_it_happened_and_frees_the_others() -> None:
    meet = Rendezvous(3)

    def fail() -> None:
        raise ZeroDivisionError("nothing to divide by")

    errors = together(3, lambda place: meet(fail))
    assert sorted(type(error).__name__ for error in errors) == ["StackError"] * 2 + ["ZeroDivisionError"]
    for error in errors:
        assert "nothing to divide by" in str(error)


def test_an_interrupt_interrupts_all() -> None:
    meet = Rendezvous(3)

    def interrupt() -> None:
        raise KeyboardInterrupt

    assert [type(error) for error in together(3, lambda place: meet(interrupt))] == [KeyboardInterrupt] * 3


def test_one_that_leaves_frees_the_others_now_and_later() -> None:
    meet = Rendezvous(3)

    def work(place: int) -> None:
        meet(lambda: None)
        if place == 0:
            meet.leave(OSError("its disk is full"))
        else:
            meet(lambda: None)

    errors = together(3, work)
    assert errors[0] is None
    assert [str(error) for error in errors[1:]] == [
        "another seed of the stack has stopped: its disk is full"
    ] * 2
    with pytest.raises(StackError, match="its disk is full"):
        meet(lambda: None)
    meet.leave(errors[1])
    with pytest.raises(StackError, match=r"stopped: its disk is full$"):  # the first reason stays
        meet(lambda: None)
