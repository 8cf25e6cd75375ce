"""When transitions are stored and trained on, for several rows and both kinds of algorithm."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.types import Transitions
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

from .conftest import MakeAgent, small


def made(make_setup: MakeSetup, algorithm: str, **parameters: object) -> Sb3Agent:
    setup = make_setup("reach", "push")
    agent = Sb3Agent(setup, **small(algorithm, **parameters))
    agent.begin_task(setup.tasks[0])
    return agent


def step(agent: Sb3Agent, batch: Transitions) -> bool:
    agent.act(batch.observations, batch.tasks, explore=True)
    agent.observe(batch)
    return bool(agent.update())


@pytest.mark.parametrize("rows", [1, 3])
def test_a_rollout_is_trained_on_when_every_row_has_its_steps(rows: int, make_setup: MakeSetup) -> None:
    agent = made(make_setup, "PPO")  # n_steps is 4
    trained = [step(agent, random_transitions(number, rows)) for number in range(12)]
    assert trained == [number % 4 == 3 for number in range(12)]


def test_a_visit_begins_a_rollout_of_its_own(make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push")
    agent = made(make_setup, "PPO")
    for number in range(3):
        step(agent, random_transitions(number))
    agent.begin_task(setup.tasks[1])
    assert [step(agent, random_transitions(number, 2)) for number in range(4)] == [False, False, False, True]


def test_drawn_actions_are_remembered_unclipped(make_setup: MakeSetup) -> None:
    agent = made(make_setup, "PPO", options={"policy_kwargs": {"net_arch": [8], "log_std_init": 1.0}})
    batch = random_transitions(0, 50)
    executed = agent.act(batch.observations, batch.tasks, explore=True)
    agent.observe(dataclasses.replace(batch, actions=executed))
    kept = agent.model.rollout_buffer.actions[0]
    assert np.abs(executed).max() == 1
    assert np.abs(kept).max() > 1
    np.testing.assert_array_equal(np.clip(kept, -1, 1), executed)


def test_a_cut_episode_is_worth_what_would_follow(make_setup: MakeSetup) -> None:
    agent = made(make_setup, "PPO", reward_scale=0.5)
    batch = dataclasses.replace(
        random_transitions(0, 3),
        terminated=np.array([False, True, False]),
        truncated=np.array([True, True, False]),
    )
    agent.act(batch.observations, batch.tasks, explore=True)
    agent.observe(batch)
    model, kept = agent.model, agent.model.rollout_buffer
    after = np.column_stack([batch.next_observations, batch.tasks]).astype(np.float32)
    value = model.policy.predict_values(model.policy.obs_to_tensor(after)[0]).detach().numpy()[:, 0]
    expected = batch.rewards * 0.5 + np.array([model.gamma * value[0], 0, 0])
    np.testing.assert_allclose(kept.rewards[0], expected, rtol=1e-5)
    step(agent, random_transitions(1, 3))
    np.testing.assert_array_equal(kept.episode_starts[:2], [[1, 1, 1], [1, 1, 0]])


@pytest.mark.parametrize(("gradient_steps", "expected"), [(1, 1), (5, 5), (-1, 6)])
def test_updates_per_round_of_steps(gradient_steps: int, expected: int, make_agent: MakeAgent) -> None:
    """Three rows, every second round: -1 means one update for each of six transitions."""
    agent = make_agent(options={"gradient_steps": gradient_steps, "train_freq": 2, "learning_starts": 0})
    for number in range(4):
        agent.observe(random_transitions(number, 3))
        agent.update()
    assert agent.footprint().gradient_updates == 2 * expected


def test_random_steps_are_counted_over_all_rows(make_agent: MakeAgent) -> None:
    agent = make_agent(options={"learning_starts": 7})
    updated = []
    for number in range(4):
        agent.observe(random_transitions(number, 3))
        updated.append(bool(agent.update()))
    assert updated == [False, False, True, True]


def test_noise_is_as_wide_as_the_card_says(make_setup: MakeSetup) -> None:
    quiet = made(make_setup, "TD3", options={"learning_starts": 0})
    noisy = made(make_setup, "TD3", options={"learning_starts": 0}, action_noise=0.1)
    given, tasks = np.repeat(random_transitions(0).observations, 2_000, 0), np.zeros(2_000, int)
    base = quiet.act(given, tasks, explore=True)
    np.testing.assert_allclose(base, base[:1].repeat(2_000, 0), atol=1e-6)
    noise = noisy.act(given, tasks, explore=True) - base
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 0.1, "each row draws for itself"
    np.testing.assert_array_equal(noisy.act(given, tasks, explore=False), base)


def test_a_full_buffer_drops_the_oldest(make_agent: MakeAgent) -> None:
    agent = make_agent(options={"buffer_size": 5})
    for number in range(7):
        agent.observe(random_transitions(number))
    kept = agent.model.replay_buffer
    newest = {float(random_transitions(number).rewards[0]) for number in range(2, 7)}
    assert set(kept.rewards[:, 0].tolist()) == {np.float32(value).item() for value in newest}
