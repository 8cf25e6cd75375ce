"""LEGION on our loop: when it does what, that it learns, and that it can be stopped and stacked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kstest, uniform

from legion_bench.agents.legion.agent import LegionAgent
from legion_bench.errors import CardError, StackError
from legion_bench.types import AgentSetup, Floats, Transitions
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

from .threads import together

SMALL: dict[str, Any] = {
    "latent": 3,
    "encoder_width": 16,
    "encoder_depth": 1,
    "width": 16,
    "depth": 2,
    "batch_size": 8,
    "buffer_size": 500,
    "learning_starts": 4,
    "warmup_updates": 3,
    "encoder_every": 2,
    "learning_rate": 3e-3,
    "engine": "torch",
    "first_fit": 50,
    "fit_every": 5,
    "fit_samples": 60,
}
TASKS = np.arange(2)


@pytest.fixture
def setup(make_setup: MakeSetup) -> AgentSetup:
    """Two visits to each of two tasks."""
    return replace(make_setup("reach", "push", "reach", "push"), steps_per_task=1000)


def build(setup: AgentSetup, **parameters: Any) -> LegionAgent:
    """Return an agent in its first visit."""
    agent = LegionAgent(setup, **{**SMALL, **parameters})
    agent.begin_task(setup.tasks[0])
    return agent


def experience(seed: int) -> Transitions:
    """Return a step of one slot of each task."""
    return replace(random_transitions(seed, 2), tasks=TASKS)


def live(agent: LegionAgent, steps: int, first: int = 0, *, judged: bool = False) -> list[Any]:
    """Take an agent through steps; return what it does and reports."""
    found: list[Any] = []
    for step in range(first, first + steps):
        batch = experience(step)
        if judged:
            agent.act(batch.observations, TASKS, explore=False)
        actions = agent.act(batch.observations, TASKS, explore=True)
        agent.observe(batch)
        found.append((actions.tolist(), agent.update()))
    return found


class Points:
    """A point on a plane for each of two tasks; its goal is left or right, which it cannot see."""

    LENGTH = 20
    GOALS = np.array([[-0.7, 0.3], [0.7, -0.3]])

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._age = 0
        self._places = np.zeros((2, 2))

    def observations(self) -> Floats:
        return np.concatenate([self._places, np.zeros((2, 10))], axis=1)

    def step(self, actions: np.ndarray) -> Transitions:
        """Move both points; after an episode they begin somewhere else."""
        before = self.observations()
        self._places = np.clip(self._places + 0.2 * actions[:, :2], -1, 1)
        self._age += 1
        over = self._age % self.LENGTH == 0
        found = Transitions(
            observations=before,
            actions=actions,
            rewards=-np.linalg.norm(self._places - self.GOALS, axis=1),
            next_observations=self.observations(),
            terminated=np.zeros(2, bool),
            truncated=np.full(2, over),
            tasks=TASKS,
        )
        if over:
            self._places = self._rng.uniform(-1, 1, (2, 2))
        return found


def mean_reward(agent: LegionAgent) -> Floats:
    """Return what the judged policy earns per step in each task."""
    points = Points(seed=9)
    rewards = [
        points.step(agent.act(points.observations(), TASKS, explore=False)).rewards
        for _ in range(10 * Points.LENGTH)
    ]
    return np.mean(rewards, axis=0)


def test_it_learns_two_tasks_that_only_their_identity_tells_apart(setup: AgentSetup) -> None:
    agent = build(
        setup,
        identity="one-hot",
        width=32,
        encoder_width=32,
        batch_size=64,
        learning_starts=100,
        warmup_updates=50,
        first_fit=200,
        fit_every=300,
        encoder_every=5,
        initial_temperature=0.1,
        buffer_size=2_000,
        reward_scale=1.0,
        gamma=0.9,
    )
    points, before = Points(seed=1), mean_reward(agent)
    for _ in range(700):
        agent.observe(points.step(agent.act(points.observations(), TASKS, explore=True)))
        agent.update()
    # The goals are 1.5 apart: going to the wrong one, or between the two, earns -0.76 or less in one.
    after = mean_reward(agent)
    assert after.min() > -0.5
    assert (after - before).min() > 0.3


def test_random_steps_come_first_then_many_updates_then_one_each(setup: AgentSetup) -> None:
    agent, done = build(setup), 0
    for visit in setup.tasks[:2]:
        agent.begin_task(visit)
        for step, expected in enumerate([0, 0, 0, 3, 1, 1, 1], start=1):
            agent.observe(experience(step))
            assert bool(agent.update()) == (expected > 0)
            done += expected
            assert agent._learner.updates == done


def test_updates_may_be_rarer_than_steps(setup: AgentSetup) -> None:
    agent, reported = build(setup, train_freq=3, learning_starts=2), []
    for step in range(9):
        agent.observe(experience(step))
        reported.append(bool(agent.update()))
    assert reported == [False, True, False, False, True, False, False, True, False]


def test_random_steps_ignore_the_observation(setup: AgentSetup) -> None:
    """Until learning starts, actions are uniform; afterwards they are the policy's."""
    one, two = build(setup), build(setup)
    for step in range(8):
        first = one.act(np.zeros((2, 12)), TASKS, explore=True)
        second = two.act(np.ones((2, 12)), TASKS, explore=True)
        assert np.array_equal(first, second) == (step < SMALL["learning_starts"])
        for agent in (one, two):
            agent.observe(experience(step))


def test_random_actions_are_uniform(setup: AgentSetup) -> None:
    actions = build(setup).act(np.zeros((5_000, 12)), np.zeros(5_000, int), explore=True)
    assert kstest(actions.ravel(), uniform(-1, 2).cdf).pvalue > 0.01


def test_the_task_is_what_the_policy_is_told(setup: AgentSetup) -> None:
    """Of agents that draw the same latents' noise, and see the same."""
    one, other, blind, too = (
        build(setup, identity=kind) for kind in ("language", "language", "none", "none")
    )
    given = random_transitions(0, 4).observations
    reach, push = np.zeros(4, int), np.ones(4, int)
    assert not np.isclose(one.act(given, reach, explore=False), other.act(given, push, explore=False)).any()
    np.testing.assert_array_equal(blind.act(given, reach, explore=False), too.act(given, push, explore=False))


def test_observations_and_rewards_are_scaled_once(setup: AgentSetup) -> None:
    offset, batch = np.linspace(0, 1, 12), experience(0)
    scaled = build(setup, observation_offset=offset.tolist(), observation_scale=5.0, reward_scale=0.25)
    plain = build(setup, reward_scale=1.0)
    given = 5 * (batch.observations - offset)
    np.testing.assert_array_equal(
        scaled.act(batch.observations, TASKS, explore=False), plain.act(given, TASKS, explore=False)
    )
    scaled.observe(batch)
    stored = scaled._learner.replay.take(0, torch.arange(2))
    following = 5 * (batch.next_observations - offset)
    np.testing.assert_allclose(stored.observations[0].numpy(), given, rtol=1e-6)
    np.testing.assert_allclose(stored.next_observations[0].numpy(), following, rtol=1e-6)
    np.testing.assert_allclose(stored.rewards[0].numpy(), 0.25 * batch.rewards, rtol=1e-6)


def test_rewards_are_divided_by_their_tasks_own_deviation(setup: AgentSetup) -> None:
    agent, mean, variance, expected = build(setup), np.zeros(2), np.ones(2), []
    for step in range(50):
        batch = replace(experience(step), rewards=np.array([10.0 * step, -0.1 * step]))
        agent.observe(batch)
        mean = 0.999 * mean + 0.001 * batch.rewards
        variance = 0.999 * variance + 0.001 * (batch.rewards - mean) ** 2
        expected += list(batch.rewards / np.sqrt(variance))
    stored = agent._learner.replay.take(0, torch.arange(100))
    np.testing.assert_allclose(stored.rewards[0].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("prior", ["dpmm", "normal"])
def test_the_mixture_is_fitted_when_it_is_due(prior: str, setup: AgentSetup) -> None:
    agent = build(setup, prior=prior)
    fitted = [step for step, (_, report) in enumerate(live(agent, 62), start=1) if "components" in report]
    assert fitted == ([50, 55, 60] if prior == "dpmm" else [])
    assert (agent._learner.components[0] is not None) == (prior == "dpmm")


def test_knowledge_is_one_component_until_there_is_a_mixture(setup: AgentSetup) -> None:
    agent = build(setup)
    live(agent, 20)
    knowledge = agent.end_task(setup.tasks[0])
    assert knowledge.latents.shape == (40, 3)
    assert sorted(knowledge.tasks) == [0] * 20 + [1] * 20
    assert not knowledge.components.any()
    np.testing.assert_array_equal(knowledge.means, np.zeros((1, 3)))
    np.testing.assert_array_equal(knowledge.variances, np.ones((1, 3)))
    live(agent, 33, first=20)
    knowledge, mixture = agent.end_task(setup.tasks[0]), agent._mixture
    assert mixture is not None
    assert knowledge.latents.shape == (SMALL["fit_samples"], 3)
    assert knowledge.components.max() < len(knowledge.means)
    np.testing.assert_array_equal(knowledge.means, mixture.means)


def test_a_fit_draws_transitions_evenly_and_none_twice(
    setup: AgentSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, twin = (build(setup, fit_samples=60) for _ in range(2))
    for step in range(200):
        for one in (agent, twin):
            one.observe(experience(step))
    taken: list[torch.Tensor] = []
    take = agent._learner.replay.take
    monkeypatch.setattr(
        agent._learner.replay, "take", lambda seed, places: taken.append(places) or take(seed, places)
    )
    for _ in range(50):
        latents, tasks = agent._latents()
        again, too = twin._latents()
        assert latents.equal(again)
        np.testing.assert_array_equal(tasks, too)
    assert all(len(places.unique()) == len(places) == 60 for places in taken)
    assert kstest(torch.cat(taken).numpy(), uniform(-0.5, 400).cdf).pvalue > 0.01


def test_what_the_card_names_starts_afresh_from_the_second_visit_on(setup: AgentSetup) -> None:
    agent = build(setup, reset=["mixture", "buffer"])
    live(agent, 53)
    agent.begin_task(setup.tasks[0])
    assert agent._learner.replay.size(0) == 106
    assert agent._learner.components[0] is not None
    actor = agent._learner.parameters["actor"].flat.clone()
    agent.begin_task(setup.tasks[1])
    assert agent._learner.replay.size(0) == 0
    assert agent._learner.components[0] is agent._mixture is None
    assert agent._learner.parameters["actor"].flat.equal(actor)


RESETS = ["optimizer", "actor", "mixture"]


def test_a_resumed_agent_continues_bit_for_bit(setup: AgentSetup) -> None:
    agent, resumed = build(setup, reset=RESETS), build(setup, reset=RESETS)
    live(agent, 53)
    state = agent.state_dict()
    resumed.load_state_dict(state)
    for visit in setup.tasks[1:3]:
        assert live(resumed, 20, first=53, judged=True) == live(agent, 20, first=53, judged=True)
        one, other = resumed.end_task(visit), agent.end_task(visit)
        np.testing.assert_array_equal(one.latents, other.latents)
        np.testing.assert_array_equal(one.components, other.components)
        for either in (agent, resumed):
            either.begin_task(visit)
    assert live(resumed, 53) == live(agent, 53)


def leaves(state: Any, path: str = "") -> dict[str, Any]:
    """Return what nested dicts hold, arrays as bytes."""
    if isinstance(state, dict):
        assert all(isinstance(key, str) for key in state)
        return {
            name: leaf
            for key, value in state.items()
            for name, leaf in leaves(value, f"{path}/{key}").items()
        }
    assert isinstance(state, torch.Tensor | np.ndarray | int | float | None), path
    return {path: np.asarray(state).tobytes() if isinstance(state, torch.Tensor | np.ndarray) else state}


def test_a_state_is_arrays_and_plain_values_and_all_of_it_is_taken_over(setup: AgentSetup) -> None:
    agent, resumed = build(setup), build(setup)
    live(agent, 53)
    state = agent.state_dict()
    expected = leaves(state)
    resumed.load_state_dict(state)
    assert leaves(resumed.state_dict()) == expected
    live(agent, 5)
    assert leaves(state) == expected, "a state does not follow its agent"


def test_being_judged_changes_no_training(setup: AgentSetup) -> None:
    assert live(build(setup), 53, judged=True) == live(build(setup), 53)


def test_global_random_states_are_neither_used_nor_moved(setup: AgentSetup) -> None:
    expected = live(build(setup), 53)
    torch.manual_seed(123)
    before = torch.get_rng_state(), repr(np.random.get_bit_generator().state)
    assert live(build(setup), 53) == expected
    assert torch.get_rng_state().equal(before[0])
    assert repr(np.random.get_bit_generator().state) == before[1]


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"batchsize": 3}, "'batchsize'.*batch_size"),
        ({"batch_size": 0}, ">= 1.*batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"gamma": 1.5}, "gamma"),
        ({"identity": "image"}, "identity"),
        ({"reset": ["memory"]}, "reset"),
        ({"reward_scale": 0.0}, "reward_scale"),
        ({"first_fit": 49}, "first_fit must be at least 50"),
        ({"fit_samples": 49}, "fit_samples must be at least 50"),
        ({"observation_offset": [0.0] * 11}, "observation_offset must hold 12 numbers, got 11"),
    ],
)
def test_a_wrong_parameter_is_a_fault_of_the_card(
    parameters: dict[str, Any], complaint: str, setup: AgentSetup
) -> None:
    with pytest.raises(CardError, match=f"parameters.*{complaint}"):
        build(setup, **parameters)


def stack(setup: AgentSetup, seeds: list[int], **parameters: Any) -> list[LegionAgent]:
    setups = [replace(setup, seed=seed) for seed in seeds]
    return LegionAgent.stack(setups, **{**SMALL, **parameters})


def test_a_stack_learns_as_separate_agents_do(setup: AgentSetup) -> None:
    seeds, plan = [3, 4, 5], {"prior": "normal", "reset": RESETS}

    def life(agent: LegionAgent) -> list[Any]:
        found: list[Any] = []
        for visit in setup.tasks[:2]:
            agent.begin_task(visit)
            found += live(agent, 15, first=100 * agent._setup.seed)
        return found

    agents = stack(setup, seeds, **plan)
    lives = together(len(seeds), lambda place: life(agents[place]))
    for seed, found in zip(seeds, lives, strict=True):
        alone = life(build(replace(setup, seed=seed), **plan))
        for (actions, report), (expected, expected_report) in zip(found, alone, strict=True):
            np.testing.assert_allclose(actions, expected, atol=1e-3)
            assert report == pytest.approx(expected_report, rel=1e-2, abs=1e-3)
    assert lives[0] != lives[1]


def test_a_seed_that_cannot_learn_stops_the_stack_and_says_why(setup: AgentSetup) -> None:
    agents = stack(setup, [3, 4, 5])

    def life(agent: LegionAgent) -> None:
        agent.begin_task(setup.tasks[0])
        live(agent, 6)
        if agent is agents[1]:
            agent.observe(replace(random_transitions(0, 400), rewards=np.full(400, np.nan)))
        live(agent, 6)

    errors = together(3, lambda place: life(agents[place]))
    assert sorted(type(error).__name__ for error in errors) == ["AgentError", "StackError", "StackError"]
    assert all("LEGION's critic_loss, of seed 2 of 3, is nan at update 6" in str(error) for error in errors)


def test_a_seed_that_leaves_frees_the_others(setup: AgentSetup) -> None:
    agents = stack(setup, [3, 4, 5])

    def life(agent: LegionAgent) -> None:
        agent.begin_task(setup.tasks[0])
        live(agent, 6)
        if agent is agents[1]:
            agent.leave(OSError("its disk is full"))
        else:
            live(agent, 6)

    errors = together(3, lambda place: life(agents[place]))
    assert errors[1] is None
    assert [type(error) for error in (errors[0], errors[2])] == [StackError] * 2
