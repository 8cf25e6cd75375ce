"""An evaluation log as columns is the same sequence of records."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.evaluations import Evaluations
from legion_bench.types import EvaluationRecord

# Around the sizes of integers where a column changes its type.
integers = st.sampled_from([0, 1, 127, 128, -129, 2**15, -(2**31) - 1, 2**63 - 1, -(2**63)])
records = st.lists(
    st.builds(
        EvaluationRecord,
        step=integers,
        stream_position=integers,
        task_position=integers,
        task=st.sampled_from(["reach", "push", "door-open"]),
        presentation=integers,
        episode=integers,
        success=integers,
        episode_return=st.floats(allow_nan=False),
        length=integers,
    ),
    max_size=6,
)


@settings(max_examples=200, deadline=None)
@given(records, records)
def test_columns_hold_the_records_and_can_be_cut_and_joined(
    one: list[EvaluationRecord], other: list[EvaluationRecord]
) -> None:
    made = Evaluations.of(one)
    assert list(made) == one
    assert [made[at] for at in range(-len(one), len(one))] == one + one
    joined = Evaluations.joined([made, Evaluations.of(other)])
    assert list(joined) == one + other
    assert joined == Evaluations.of(one + other)
    assert joined[: len(one)] == made
    assert list(joined[len(one) :][::-1]) == other[::-1]
    assert Evaluations.of(joined) is joined


RECORD = EvaluationRecord(0, -1, 0, "reach", 0, 0, 1, 2.5, 150)


@pytest.mark.parametrize("field", [name for name in EvaluationRecord.__struct_fields__ if name != "task"])
def test_logs_differ_in_any_number(field: str) -> None:
    other = msgspec.structs.replace(RECORD, **{field: 7})
    assert Evaluations.of([RECORD]) == Evaluations.of([RECORD])
    assert Evaluations.of([other]) != Evaluations.of([RECORD])


def test_a_log_of_ever_new_tasks_takes_no_longer() -> None:
    """A hostile log: each name looked for among all others would take minutes."""
    part = Evaluations.of([RECORD] * 10_000)
    parts = [
        replace(part, task=np.arange(10_000), names=tuple(f"{block} {at}" for at in range(10_000)))
        for block in range(20)
    ]
    started = time.perf_counter()
    assert Evaluations.joined(parts)[-1].task == "19 9999"
    assert time.perf_counter() - started < 10


def test_logs_differ_in_tasks_order_and_length_and_from_lists() -> None:
    made = Evaluations.of([RECORD])
    push = msgspec.structs.replace(RECORD, task="push")
    assert Evaluations.of([push]) != made
    assert Evaluations.of([push, RECORD]) != Evaluations.of([RECORD, push])
    assert Evaluations.of([push, RECORD])[1:] == made, "names that no record has do not count"
    assert Evaluations.of([RECORD] * 2) != made
    assert made != [RECORD]


def test_there_is_nothing_beyond_the_end() -> None:
    with pytest.raises(IndexError):
        Evaluations.of([RECORD])[1]
    assert not Evaluations.joined([])


def test_columns_are_as_small_as_their_numbers_allow() -> None:
    made = Evaluations.of([RECORD, msgspec.structs.replace(RECORD, step=10_000_000)])
    found = {name: getattr(made, name).dtype for name in ("step", "length", "task", "success")}
    assert found == {"step": np.int32, "length": np.int16, "task": np.int8, "success": np.int8}
