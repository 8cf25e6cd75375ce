"""An evaluation log in memory: a column per field, since there may be millions of episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from legion_bench.types import EvaluationRecord, Floats

Integers = NDArray[np.signedinteger[Any]]
"""Of the smallest type that holds them: sum and compare them, but do not subtract them as they are."""

_INTEGERS = (
    "step",
    "stream_position",
    "task_position",
    "presentation",
    "episode",
    "success",
    "length",
)


@dataclass(frozen=True, eq=False)
class Evaluations(Sequence[EvaluationRecord]):
    """M evaluation episodes in the order they were logged: a sequence of records, kept as columns [M].

    A slice is an :class:`Evaluations` too.
    """

    step: Integers
    stream_position: Integers
    task_position: Integers
    task: Integers
    """Which of ``names``."""
    presentation: Integers
    episode: Integers
    success: Integers
    episode_return: Floats
    length: Integers
    names: tuple[str, ...]
    """Distinct task names."""

    @classmethod
    def of(cls, records: Iterable[EvaluationRecord]) -> Evaluations:
        """Return records as columns; their integers have at most 64 bits."""
        if isinstance(records, Evaluations):
            return records
        rows = list(records)
        tasks = [record.task for record in rows]
        numbers = {name: index for index, name in enumerate(dict.fromkeys(tasks))}
        return cls(
            task=_integers(map(numbers.__getitem__, tasks), len(rows)),
            episode_return=np.fromiter(map(attrgetter("episode_return"), rows), np.float64, len(rows)),
            names=tuple(numbers),
            **{name: _integers(map(attrgetter(name), rows), len(rows)) for name in _INTEGERS},
        )

    @classmethod
    def joined(cls, parts: Iterable[Evaluations]) -> Evaluations:
        """Return several one after another."""
        all_parts = [cls.of(()), *parts]
        names = dict.fromkeys(name for part in all_parts for name in part.names)
        numbers = {name: number for number, name in enumerate(names)}  # a hostile log may have a million
        recoded = [
            _smallest(np.array([numbers[name] for name in part.names], np.int64))[part.task]
            for part in all_parts
        ]
        return cls(
            task=np.concatenate(recoded),
            names=tuple(names),
            **{
                name: np.concatenate([getattr(part, name) for part in all_parts])
                for name in (*_INTEGERS, "episode_return")
            },
        )

    def __len__(self) -> int:
        return len(self.step)

    @overload
    def __getitem__(self, index: int) -> EvaluationRecord: ...

    @overload
    def __getitem__(self, index: slice) -> Evaluations: ...

    def __getitem__(self, index: int | slice) -> EvaluationRecord | Evaluations:
        if isinstance(index, slice):
            columns = {name: getattr(self, name)[index] for name in (*_INTEGERS, "task", "episode_return")}
            return Evaluations(names=self.names, **columns)
        at = range(len(self))[index]  # an IndexError, where there is none
        return next(iter(self[at : at + 1]))

    def __iter__(self) -> Iterator[EvaluationRecord]:
        columns = {name: getattr(self, name).tolist() for name in (*_INTEGERS, "episode_return")}
        columns["task"] = [self.names[number] for number in self.task.tolist()]
        for values in zip(*columns.values(), strict=True):
            yield EvaluationRecord(**dict(zip(columns, values, strict=True)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Evaluations)
            and all(
                np.array_equal(getattr(self, name), getattr(other, name))
                for name in (*_INTEGERS, "episode_return")
            )
            and [self.names[i] for i in self.task.tolist()] == [other.names[i] for i in other.task.tolist()]
        )


def _integers(values: Iterable[int], count: int) -> Integers:
    return _smallest(np.fromiter(values, np.int64, count))


def _smallest(values: NDArray[np.int64]) -> Integers:
    """Return integers in the smallest type that holds them."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kinds = (np.int8, np.int16, np.int32, np.int64)
    return values.astype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))
