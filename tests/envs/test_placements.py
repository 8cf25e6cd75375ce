"""Which placement an episode has."""

from __future__ import annotations

from itertools import pairwise

import pytest

from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.options import Options
from legion_bench.envs.placements import Placements


def drawn(count: int, seed: int = 0, **options: object) -> list[int]:
    placements = Placements(Options(**options))  # type: ignore[arg-type]
    assert not placements.seeded
    placements.restart(seed)
    assert placements.seeded
    return [placements.next() for _ in range(count)]


def test_fixed_is_one_placement_and_also_the_one_judged() -> None:
    assert len(set(drawn(5, placement="fixed"))) == 1
    assert drawn(1, placement="fixed") == drawn(1, placement="fixed", split="evaluation")
    assert drawn(1, placement="fixed") != drawn(1, seed=1, placement="fixed")


def test_every_episode_has_its_own() -> None:
    assert len(set(drawn(200, placement="every-episode"))) == 200


def test_a_pool_has_as_many_as_it_says_in_no_simple_order() -> None:
    many = drawn(400, placement="pool:7")
    assert len(set(many)) == 7
    assert set(many) == set(drawn(7, placement="every-episode")), "the first seven numbers"
    assert any(first == second for first, second in pairwise(many))
    assert min(many.count(one) for one in set(many)) > 30


@pytest.mark.parametrize("placement", ["pool:50", "every-episode"])
def test_training_and_evaluation_never_mix(placement: str) -> None:
    assert not set(drawn(300, placement=placement)) & set(drawn(300, placement=placement, split="evaluation"))


@pytest.mark.parametrize("placement", ["fixed", "pool:5", "every-episode"])
def test_a_seed_decides(placement: str) -> None:
    assert drawn(20, placement=placement) == drawn(20, placement=placement)


def test_a_pool_of_starts_in_the_environment() -> None:
    env = ManipulationEnv("push", placement="pool:3")
    starts = [env.reset(seed=2)[0].tobytes(), *(env.reset()[0].tobytes() for _ in range(20))]
    assert len(set(starts)) == 3
