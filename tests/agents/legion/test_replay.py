"""The replay memory: what it keeps, how it draws, and how much it may take."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from legion_bench.agents.legion.replay import Batch, Replay
from legion_bench.errors import CardError
from legion_bench.types import Transitions

CAPACITY = 8


def memory(seeds: int = 1, capacity: int = CAPACITY) -> Replay:
    return Replay(seeds, capacity, 2, 4, torch.device("cpu"))


def numbered(*numbers: int) -> Transitions:
    """Return transitions that can be told apart by every field; those of even number end their task."""
    values = np.array(numbers, np.float64)
    return Transitions(
        observations=values[:, None] + [0.0, 0.25],
        actions=(values[:, None] / 100 + [0, 1, 2, 3]).astype(np.float32),
        rewards=values * 10,
        next_observations=values[:, None] + [0.5, 0.75],
        terminated=values % 2 == 0,
        truncated=values % 3 == 0,
        tasks=np.array(numbers) % 5,
    )


def rewards(replay: Replay, seed: int = 0) -> list[float]:
    """Return what is remembered, place by place, as numbers."""
    batch = replay.take(seed, torch.arange(replay.size(seed)))
    return (batch.rewards[0] / 10).tolist()


def check(batch: Batch, expected: Transitions) -> None:
    np.testing.assert_array_equal(batch.observations[0].numpy(), expected.observations)
    np.testing.assert_array_equal(batch.actions[0].numpy(), expected.actions)
    np.testing.assert_array_equal(batch.rewards[0].numpy(), expected.rewards)
    np.testing.assert_array_equal(batch.next_observations[0].numpy(), expected.next_observations)
    np.testing.assert_array_equal(batch.continues[0].numpy(), np.where(expected.terminated, 0.0, 1.0))
    np.testing.assert_array_equal(batch.tasks[0].numpy(), expected.tasks)


def test_every_field_comes_back_and_a_time_limit_does_not_end_a_task() -> None:
    replay, stored = memory(), numbered(1, 2, 3, 6)
    replay.add(0, stored)
    check(replay.take(0, torch.arange(4)), stored)


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 8])
def test_a_full_memory_forgets_the_oldest(at_once: int) -> None:
    replay = memory()
    for start in range(0, 40, at_once):
        replay.add(0, numbered(*range(start, start + at_once)))
        stop = start + at_once
        kept = range(max(0, stop - CAPACITY), stop)
        assert replay.size(0) == len(kept)
        assert sorted(rewards(replay)) == [float(number) for number in kept]
        assert rewards(replay)[kept[-1] % CAPACITY] == kept[-1]


def test_seeds_have_memories_of_their_own() -> None:
    replay = memory(seeds=2)
    replay.add(1, numbered(1, 2, 3))
    replay.add(0, numbered(4))
    assert (rewards(replay, 0), rewards(replay, 1)) == ([4], [1, 2, 3])
    drawn = replay.sample(torch.tensor([[0.0, 0.9, 0.999], [0.0, 0.5, 0.999]], dtype=torch.float64))
    assert (drawn.rewards / 10).tolist() == [[4, 4, 4], [1, 2, 3]]


@pytest.mark.parametrize("stored", [5, 19], ids=["filling", "wrapped around"])
def test_transitions_are_drawn_uniformly(stored: int) -> None:
    replay = memory()
    for number in range(stored):
        replay.add(0, numbered(number))
    generator = torch.Generator().manual_seed(1)
    drawn = replay.sample(torch.rand(1, 8_000, dtype=torch.float64, generator=generator))
    numbers, counts = np.unique(drawn.rewards[0].numpy() / 10, return_counts=True)
    assert numbers.tolist() == list(range(max(0, stored - CAPACITY), stored))
    assert chisquare(counts).pvalue > 0.01


def test_the_largest_random_number_draws_the_last_of_ten_million() -> None:
    replay = memory(capacity=10_000_000)
    replay.load(0, {"count": 10_000_000 - 1, "rows": torch.empty(0, 11)})
    replay.add(0, numbered(3))
    highest = torch.tensor([[np.nextafter(1.0, 0.0)]], dtype=torch.float64)
    check(replay.sample(highest), numbered(3))


def test_a_cleared_memory_starts_from_nothing() -> None:
    replay = memory(seeds=2)
    for seed in (0, 1):
        replay.add(seed, numbered(1, 2, 3))
    replay.clear()
    assert replay.size(0) == replay.size(1) == 0
    replay.add(0, numbered(7))
    assert rewards(replay) == [7]
    drawn = replay.sample(torch.full((2, 3), 0.9, dtype=torch.float64))
    assert (drawn.rewards[0] / 10).tolist() == [7, 7, 7]


@pytest.mark.parametrize("stored", [3, 19], ids=["filling", "wrapped around"])
def test_a_loaded_memory_goes_on_where_the_other_stopped(stored: int) -> None:
    replay, loaded = memory(seeds=2), memory(seeds=2)
    loaded.add(1, numbered(*range(50, 56)))
    for number in range(stored):
        replay.add(1, numbered(number))
    state = replay.state(1)
    replay.add(1, numbered(100))  # a copy does not follow
    loaded.load(1, state)
    loaded.add(1, numbered(100))
    uniform = torch.rand(2, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert rewards(loaded, 1) == rewards(replay, 1)
    assert loaded.sample(uniform).rewards[1].equal(replay.sample(uniform).rewards[1])
    assert loaded.size(0) == 0


def test_more_at_once_than_is_kept_leaves_the_last() -> None:
    replay = memory()
    replay.add(0, numbered(*range(3)))
    replay.add(0, numbered(*range(3, 22)))
    assert rewards(replay) == [16, 17, 18, 19, 20, 21, 14, 15]


def refused(seeds: int, capacity: int) -> str:
    with pytest.raises(CardError) as raised:
        memory(seeds=seeds, capacity=capacity)
    return str(raised.value)


def test_a_memory_larger_than_is_free_is_refused_in_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    facts = tmp_path / "meminfo"
    facts.write_text("MemTotal:  999999 kB\nMemFree:  1 kB\nMemAvailable:  86 kB\nHugePages_Total: 0\n")
    monkeypatch.setattr("legion_bench.agents.legion.replay._MEMORY", facts)
    memory(seeds=2, capacity=1000)  # 2 x 1000 x 11 numbers of 4 bytes: just fits
    said = refused(seeds=2, capacity=1001)
    assert "1,001 transitions for 2 seed(s) takes 88,088 bytes, and cpu has 88,064 to give" in said


def test_where_nobody_says_what_is_free_all_memory_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("legion_bench.agents.legion.replay._MEMORY", tmp_path / "none")
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": 88}.__getitem__)
    memory(seeds=2, capacity=1000)
    assert "takes 88,088 bytes, and cpu has 88,000 to give" in refused(seeds=2, capacity=1001)
