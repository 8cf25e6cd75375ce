"""Seeds derived by name."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.errors import LegionBenchError
from legion_bench.seeding import MAX_SEED, check_seed, derive
from tests.helpers import python

seeds = st.integers(0, MAX_SEED - 1)
paths = st.lists(st.text(max_size=8) | st.integers(0, 2**32 - 1), max_size=4)


@given(seed=seeds, path=paths)
@settings(derandomize=True, deadline=None)
def test_a_derived_seed_is_in_range_and_always_the_same(seed: int, path: list[str | int]) -> None:
    derived = derive(seed, *path)
    assert 0 <= derived < MAX_SEED
    assert type(derived) is int
    assert derive(seed, *path) == derived


@given(seed=seeds, paths=st.lists(paths, min_size=2, max_size=2, unique_by=tuple))
@settings(derandomize=True, deadline=None)
def test_another_path_gives_another_seed(seed: int, paths: list[list[str | int]]) -> None:
    assert derive(seed, *paths[0]) != derive(seed, *paths[1])


@given(pair=st.lists(seeds, min_size=2, max_size=2, unique=True))
@settings(derandomize=True, deadline=None)
def test_another_seed_gives_another_seed(pair: list[int]) -> None:
    assert derive(pair[0], "task", "reach") != derive(pair[1], "task", "reach")


def test_the_uses_of_one_run_never_share_a_seed() -> None:
    uses = [(use, *rest) for use in ("agent", "stream", "task") for rest in ((), ("reach",), ("reach", 0))]
    derived = {use: derive(0, *use) for use in uses}
    assert all(derived[a] != derived[b] for a, b in itertools.combinations(uses, 2))


@pytest.mark.parametrize(
    ("seed", "path", "expected"),
    [(0, (), 821328062), (0, ("agent",), 710807535), (3, ("task", "reach", 2), 219228376)],
)
def test_seeds_are_those_that_published_numbers_were_made_with(
    seed: int, path: tuple[str | int, ...], expected: int
) -> None:
    assert derive(seed, *path) == expected


def test_a_seed_is_the_same_in_another_process() -> None:
    """Python's own hash would differ: it is salted per process."""
    code = "from legion_bench.seeding import derive; print(derive(0, 'agent'))"
    assert int(python("-c", code, PYTHONHASHSEED="5").stdout) == derive(0, "agent")


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(LegionBenchError, match="seed must be in"):
        check_seed(seed)
