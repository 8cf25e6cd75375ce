"""The SB3 adapter: SB3's own training, on our loop, with a random stream of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.networks import TaskInput
from legion_bench.agents.sb3.rng import GlobalRng
from legion_bench.types import AgentSetup, Transitions
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

from .conftest import OPTIONS, MakeAgent, live, small, weights


def visits(setup: AgentSetup, agent: Sb3Agent) -> None:
    """Live through three visits."""
    for visit in setup.tasks:
        agent.begin_task(visit)
        list(live(agent, 5, judged=True))
        agent.end_task(visit)


@pytest.mark.parametrize(
    "state",
    [
        lambda: repr(np.random.get_bit_generator().state),
        lambda: torch.get_rng_state().numpy().tobytes(),
        lambda: repr(random.getstate()),
    ],
    ids=["numpy", "torch", "python"],
)
def test_the_global_random_states_stay_as_they_were(
    state: Callable[[], Any], make_agent: MakeAgent, make_setup: MakeSetup
) -> None:
    before = state()
    agent = make_agent(reset=("buffer", "optimizer", "actor", "critic", "temperature"))
    assert state() == before, "after building"
    visits(make_setup("reach", "push", "door-open"), agent)
    assert state() == before, "after training"


def test_global_draws_do_not_change_an_agent(make_agent: MakeAgent) -> None:
    alone = list(live(make_agent()))
    disturbed = make_agent()
    for number, expected in enumerate(live(disturbed)):
        torch.rand(3)
        random.random()
        np.random.get_bit_generator().random_raw(3)
        assert expected == alone[number]


def test_two_agents_in_one_process_are_two_agents(make_agent: MakeAgent) -> None:
    apart = [list(live(make_agent(seed))) for seed in (1, 2)]
    together = [make_agent(seed) for seed in (1, 2)]
    for step, interleaved in enumerate(zip(live(together[0]), live(together[1]), strict=True)):
        assert interleaved == (apart[0][step], apart[1][step])
    assert apart[0] != apart[1]


def test_being_judged_changes_no_training(make_agent: MakeAgent) -> None:
    assert list(live(make_agent(), judged=True)) == list(live(make_agent()))


def test_random_steps_come_first_and_again_in_each_visit(
    make_agent: MakeAgent, make_setup: MakeSetup
) -> None:
    agent = make_agent()
    for visit in make_setup("reach", "push").tasks:
        agent.begin_task(visit)
        start, updated = weights(agent.model.policy), []
        for step in range(6):
            batch = random_transitions(step)
            agent.act(batch.observations, batch.tasks, explore=True)
            agent.observe(batch)
            updated.append(bool(agent.update()))
            assert (weights(agent.model.policy) != start) == updated[-1]
        assert updated == [False, False, False, True, True, True]


def test_random_steps_ignore_the_observation(make_agent: MakeAgent) -> None:
    """Until learning starts, actions are uniform; afterwards they are the policy's."""
    one, two = make_agent(), make_agent()
    for step in range(6):
        seen = [np.zeros((1, 12)), np.ones((1, 12))]
        first, second = (
            agent.act(observations, np.array([0]), explore=True)
            for agent, observations in zip((one, two), seen, strict=True)
        )
        assert np.array_equal(first, second) == (step < OPTIONS["learning_starts"])
        for agent in (one, two):
            agent.observe(random_transitions(step))


def test_judged_actions_are_the_policys_mean_from_the_first_step(make_agent: MakeAgent) -> None:
    agent, given = make_agent(observation_scale=2.0), random_transitions(0, 5).observations
    inputs = np.column_stack([given * 2, np.zeros(5)]).astype(np.float32)
    expected, _ = agent.model.predict(inputs, deterministic=True)
    for _ in range(2):
        np.testing.assert_array_equal(agent.act(given, np.zeros(5, int), explore=False), expected)


@pytest.mark.parametrize("gradient_steps", [1, 3])
def test_training_is_sb3s_own(make_agent: MakeAgent, gradient_steps: int) -> None:
    agent = make_agent(options={"gradient_steps": gradient_steps})
    batches = [random_transitions(step) for step in range(6)]
    for batch in batches:
        agent.observe(batch)
        agent.update()
    with GlobalRng():
        task_input = {"features_extractor_class": TaskInput, "features_extractor_kwargs": {"codes": None}}
        options = {**OPTIONS, "policy_kwargs": {"net_arch": [8], **task_input}}
        bare = SAC(
            "MlpPolicy", agent.model.env, seed=7, device="cpu", gradient_steps=gradient_steps, **options
        )
        bare.set_logger(Logger(folder=None, output_formats=[]))
        for number, batch in enumerate(batches, start=1):
            add(bare, batch)
            if number > OPTIONS["learning_starts"]:
                bare.train(gradient_steps, OPTIONS["batch_size"])
    assert bare._n_updates == 3 * gradient_steps
    assert weights(bare.policy) == weights(agent.model.policy)


def add(model: SAC, batch: Any) -> None:
    assert model.replay_buffer is not None
    before, after = (np.append(seen, [[0]], 1) for seen in (batch.observations, batch.next_observations))
    model.replay_buffer.add(before, after, batch.actions, batch.rewards, np.array([False]), [{}])


def test_rows_of_several_environments_are_kept_one_by_one(make_agent: MakeAgent) -> None:
    agent, one_by_one = make_agent(), make_agent()
    batch = random_transitions(3, 4)
    agent.observe(batch)
    for row in range(4):
        part = {name: getattr(batch, name)[row : row + 1] for name in Transitions.__dataclass_fields__}
        one_by_one.observe(Transitions(**part))
    kept, expected = agent.model.replay_buffer, one_by_one.model.replay_buffer
    assert kept is not None
    assert expected is not None
    assert kept.size() == 4
    for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
        np.testing.assert_array_equal(getattr(kept, name)[:4], getattr(expected, name)[:4])


@pytest.mark.parametrize("every", [1, 2, 3])
def test_train_freq_is_a_number_of_steps(make_agent: MakeAgent, every: int) -> None:
    agent = make_agent(options={"train_freq": every})
    updated = []
    for step in range(1, 13):
        agent.observe(random_transitions(step))
        if agent.update():
            updated.append(step)
    assert updated == [step for step in range(4, 13) if step % every == 0]


def test_what_an_update_reports_is_sb3s_and_not_repeated(make_agent: MakeAgent) -> None:
    agent = make_agent(options={"train_freq": 2})
    reports = []
    for step in range(6):
        agent.observe(random_transitions(step))
        reports.append(agent.update())
    assert {"actor_loss", "critic_loss", "ent_coef"} <= set(reports[3])
    assert all(np.isfinite(value) for value in reports[3].values())
    assert reports[4] == {}
    assert reports[5]["critic_loss"] != reports[3]["critic_loss"]


@pytest.mark.parametrize(("activation", "switched"), [(torch.nn.Tanh, False), (torch.nn.RReLU, True)])
def test_only_networks_that_know_the_difference_change_modes(
    make_agent: MakeAgent, activation: type[torch.nn.Module], switched: bool
) -> None:
    options = {**OPTIONS, "policy_kwargs": {"net_arch": [8], "activation_fn": activation}}
    policy = make_agent(options=options).model.policy
    before = policy.actor.training
    policy.set_training_mode(not before)
    assert (policy.actor.training != before) == switched


@pytest.mark.parametrize(("algorithm", "starts"), [("SAC", 3), ("TD3", 3), ("PPO", 0)])
def test_when_updates_begin_can_be_asked(algorithm: str, starts: int, make_setup: MakeSetup) -> None:
    assert Sb3Agent(make_setup(), **small(algorithm)).learning_starts == starts
