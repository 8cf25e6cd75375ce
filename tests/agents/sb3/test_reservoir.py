"""The reservoir: a uniform sample of all that was seen, as fast as SB3's own buffer, kept and restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from scipy import stats
from stable_baselines3.common.buffers import ReplayBuffer

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.reservoir import ReservoirBuffer
from legion_bench.agents.sb3.rng import GlobalRng
from legion_bench.errors import CardError

from . import toy

SPACE = Box(-np.inf, np.inf, (1,), np.float32)


@pytest.fixture(autouse=True)
def own_randomness() -> Iterator[None]:
    with GlobalRng():
        np.random.seed(0)  # noqa: NPY002
        yield


def add(buffer: ReplayBuffer, number: int) -> None:
    """Add a transition all of whose values are its number."""
    value = np.array([[float(number)]])
    timeout = bool(number % 2)
    buffer.add(value, value, value, value[0], np.array([timeout]), [{"TimeLimit.truncated": timeout}])


def fill(size: int, length: int, kind: type[ReplayBuffer] = ReservoirBuffer) -> Any:
    buffer = kind(size, SPACE, SPACE, device="cpu")
    for number in range(length):
        add(buffer, number)
    return buffer


def kept(buffer: Any) -> list[int]:
    return sorted(int(number) for number in buffer.observations[: buffer.size(), 0, 0])


@pytest.mark.parametrize(("size", "length"), [(1, 6), (3, 12), (7, 8), (5, 40)])
def test_what_is_kept_is_a_uniform_sample(size: int, length: int) -> None:
    """Every transition is kept equally often, the earliest and the latest too."""
    lives = 3_000
    counts = np.bincount(np.concatenate([kept(fill(size, length)) for _ in range(lives)]), minlength=length)
    assert counts.sum() == lives * size
    # Kept transitions of a life exclude one another, which makes counts vary less than independent ones.
    statistic = ((counts - counts.mean()) ** 2).sum() / (counts.mean() * (1 - size / length))
    assert 1e-4 < stats.chi2.sf(statistic * (length - 1) / length, length - 1)


def test_pairs_are_kept_independently() -> None:
    """All subsets are equally likely, not only all transitions."""
    size, length, lives = 2, 5, 4_000
    pairs = [tuple(kept(fill(size, length))) for _ in range(lives)]
    names, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(names) == 10
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("length", [0, 1, 4, 5])
def test_until_it_is_full_it_is_sb3s(length: int) -> None:
    ours, theirs = fill(5, length), fill(5, length, ReplayBuffer)
    assert (ours.pos, ours.full, ours.size()) == (theirs.pos, theirs.full, theirs.size())
    np.testing.assert_array_equal(ours.observations, theirs.observations)
    assert ours.seen == length


def test_each_row_stays_one_transition() -> None:
    buffer = fill(4, 50)
    for name in ("next_observations", "actions", "rewards"):
        np.testing.assert_array_equal(getattr(buffer, name).ravel(), buffer.observations.ravel())
    np.testing.assert_array_equal(buffer.timeouts.ravel(), buffer.observations.ravel() % 2)
    assert len(set(kept(buffer))) == 4
    assert buffer.seen == 50
    assert buffer.size() == 4


def test_samples_come_from_every_place() -> None:
    buffer = fill(6, 100)
    drawn = buffer.sample(500).observations.flatten().tolist()
    assert {int(number) for number in drawn} == set(kept(buffer))


def test_a_reset_forgets_what_was_seen() -> None:
    buffer = fill(3, 10)
    buffer.reset()
    assert (buffer.seen, buffer.size()) == (0, 0)
    for number in range(3):
        add(buffer, number)
    assert kept(buffer) == [0, 1, 2]


def agent(steps: int = 60, **parameters: Any) -> Sb3Agent:
    options = {**toy.SHARED, "buffer_size": 40, "learning_starts": 10, "batch_size": 8}
    given = {"algorithm": "SAC", "memory": "reservoir", "reset": (), "options": options}
    return Sb3Agent(toy.setup("A", "B", steps=steps), **{**given, **parameters})


def test_an_agent_keeps_a_sample_of_all_its_tasks() -> None:
    setup, lived = toy.setup("A", "B", steps=200), agent(200)
    for visit in setup.tasks:
        toy.visit(lived, visit, 200, np.random.default_rng(visit.position))
    buffer: Any = lived.model.replay_buffer
    tasks = buffer.observations[:, 0, -1]
    assert buffer.seen == 400
    assert 8 <= tasks.sum() <= 32, "both tasks, of 40 transitions"


def test_the_reservoir_draws_in_the_agents_own_stream() -> None:
    visit = toy.setup("A", "B").tasks[0]
    agents = agent(), agent()
    before = repr(np.random.get_bit_generator().state)
    for number, lived in enumerate(agents):
        lived.begin_task(visit)
        np.random.seed(number)  # noqa: NPY002
        toy.train(lived, visit, 80, np.random.default_rng(0))
    np.random.seed(0)  # noqa: NPY002
    assert repr(np.random.get_bit_generator().state) == before
    one, two = (lived.model.replay_buffer for lived in agents)
    assert one is not None
    assert two is not None
    np.testing.assert_array_equal(one.observations, two.observations)


def test_a_restored_agent_goes_on_keeping_the_same() -> None:
    setup, first, second = toy.setup("A", "B", steps=60), agent(), agent()
    first.begin_task(setup.tasks[0])
    toy.train(first, setup.tasks[0], 55, np.random.default_rng(0))
    second.load_state_dict(first.state_dict())
    for lived in (first, second):
        toy.train(lived, setup.tasks[0], 30, np.random.default_rng(1))
    buffers: list[Any] = [lived.model.replay_buffer for lived in (first, second)]
    assert buffers[0].seen == buffers[1].seen == 85
    np.testing.assert_array_equal(buffers[0].observations, buffers[1].observations)
    for name, value in first.model.policy.state_dict().items():
        assert torch.equal(value, second.model.policy.state_dict()[name])


def test_a_card_without_it_has_sb3s_buffer() -> None:
    assert type(agent(memory="recent").model.replay_buffer) is ReplayBuffer


@pytest.mark.parametrize(
    "parameters", [{"memory": "resevoir"}, {"algorithm": "PPO", "options": {"n_steps": 8}}], ids=str
)
def test_what_has_no_reservoir_says_so(parameters: dict[str, Any]) -> None:
    with pytest.raises(CardError, match=r"memory|resevoir"):
        agent(**parameters)
