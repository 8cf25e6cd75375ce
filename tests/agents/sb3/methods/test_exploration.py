"""Who explores a new task: past policies in turn, then the one that earned most, by hand-made rewards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from legion_bench.agents.sb3.methods.exploration import BestReturn
from tests.helpers import random_transitions


def explorer(*past: int) -> BestReturn:
    made = BestReturn(5)
    made.begin(list(past))
    return made


def step(
    guides: BestReturn, tasks: Sequence[int], rewards: Sequence[float], over: Sequence[bool]
) -> list[int]:
    """Take a step in each row; return who acted."""
    rows = np.array(tasks)
    acted = guides.guides(rows)
    batch = random_transitions(0, len(rows))
    guides.observe(replace(batch, tasks=rows, rewards=np.array(rewards, float), truncated=np.array(over)))
    assert acted is not None
    return acted.tolist()


def episode(guides: BestReturn, rewards: dict[int, Sequence[float]], task: int = 3) -> int:
    """Live through an episode in which each guide earns its own rewards; return the guide."""
    asked = guides.guides(np.array([task]))
    assert asked is not None
    mine = rewards[int(asked[0])]
    for number, reward in enumerate(mine, start=1):
        assert step(guides, [task], [reward], [number == len(mine)]) == [asked[0]]
    return int(asked[0])


def test_without_past_tasks_nobody_guides() -> None:
    assert explorer().guides(np.array([0, 1])) is None


@pytest.mark.parametrize("best", [0, 1, 2])
def test_each_is_tried_for_an_episode_and_then_the_best_goes_on(best: int) -> None:
    guides = explorer(0, 1, 2)
    rewards = {guide: [1.0, 1.0, 5.0 if guide == best else 0.0] for guide in range(3)}
    assert [episode(guides, rewards) for _ in range(6)] == [0, 1, 2, best, best, best]


def test_the_return_counts_and_not_the_last_reward_or_the_mean() -> None:
    guides = explorer(0, 1)
    rewards = {0: [0.0, 9.0], 1: [4.0, 4.0, 4.0, 1.0]}
    assert [episode(guides, rewards) for _ in range(3)] == [0, 1, 1]


def test_who_disappoints_is_left() -> None:
    guides = explorer(0, 1)
    assert episode(guides, {0: [10.0]}) == 0
    assert episode(guides, {1: [8.0]}) == 1
    assert episode(guides, {0: [0.0]}) == 0, "10 against 8"
    assert episode(guides, {1: [8.0]}) == 1, "a mean of 5 against 8"


def test_negative_returns_are_compared_too() -> None:
    guides = explorer(0, 1)
    rewards = {0: [-5.0], 1: [-2.0]}
    assert [episode(guides, rewards) for _ in range(3)] == [0, 1, 1]


def test_rows_try_different_guides_at_once() -> None:
    guides = explorer(0, 1)
    assert step(guides, [3, 3, 3], [1, 2, 1], [False] * 3) == [0, 1, 0]
    assert step(guides, [3, 3, 3], [1, 2, 0], [True] * 3) == [0, 1, 0]
    assert step(guides, [3, 3, 3], [0, 0, 0], [False] * 3) == [1, 1, 1]


def test_who_has_finished_no_episode_is_not_the_best() -> None:
    guides = explorer(0, 1)
    assert step(guides, [3, 3], [-5, 0], [True, False]) == [0, 1]
    assert step(guides, [3, 3], [-5, 0], [True, False]) == [0, 1]


def test_what_is_best_is_asked_of_each_task() -> None:
    guides = explorer(0, 1)
    earned = {(3, 0): 5, (3, 1): 1, (4, 0): 2, (4, 1): 7}
    for _ in range(2):
        asked = guides.guides(np.array([3, 4]))
        assert asked is not None
        step(guides, [3, 4], [earned[3, asked[0]], earned[4, asked[1]]], [True, True])
    assert step(guides, [3, 4], [0, 0], [True, True]) == [0, 1]


def test_steps_that_no_guide_took_count_for_nobody() -> None:
    guides = explorer(0, 1)
    rewards = {0: [1.0], 1: [2.0]}
    assert [episode(guides, rewards) for _ in range(2)] == [0, 1]
    before = repr(guides.state_dict())
    guides.observe(replace(random_transitions(0, truncated=True), tasks=np.array([3])))
    assert repr(guides.state_dict()) == before


def test_a_new_visit_tries_all_anew() -> None:
    guides = explorer(0, 1)
    assert [episode(guides, {0: [1.0], 1: [2.0]}) for _ in range(3)] == [0, 1, 1]
    guides.begin([0, 1, 3])
    assert [episode(guides, {0: [1.0], 1: [2.0], 3: [0.0]}) for _ in range(4)] == [0, 1, 3, 1]


@pytest.mark.parametrize("steps", range(7))
def test_a_restored_explorer_goes_on_alike(steps: int) -> None:
    def go(guides: BestReturn, count: int, start: int) -> list[int]:
        rewards = {0: 1.0, 1: 2.0, 2: 3.0}
        acted = []
        for number in range(start, start + count):
            asked = guides.guides(np.array([3]))
            assert asked is not None
            acted += step(guides, [3], [rewards[int(asked[0])]], [number % 2 == 1])
        return acted

    first, second = explorer(0, 1, 2), BestReturn(5)
    go(first, steps, 0)
    state = first.state_dict()
    second.load_state_dict(state)
    assert go(first, 8, steps) == go(second, 8, steps)
    assert repr(state) != repr(first.state_dict()), "a state is a copy"
