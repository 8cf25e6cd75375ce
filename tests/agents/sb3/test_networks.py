"""What the networks see of a task, and an output layer for each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.learner import PARTS, Learner, Part
from legion_bench.agents.sb3.networks import Heads, TaskInput
from legion_bench.errors import CardError
from legion_bench.language import embedding
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

from .conftest import ALGORITHMS, small

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def inputs(tasks: list[int], seed: int = 0) -> torch.Tensor:
    observations = np.random.default_rng(seed).normal(size=(len(tasks), 12))
    return torch.as_tensor(np.column_stack([observations, tasks]), dtype=torch.float32)


@every_algorithm
@pytest.mark.parametrize(("identity", "width"), [("none", 12), ("one-hot", 15), ("language", 12 + 384)])
def test_networks_are_as_wide_as_what_they_see(
    algorithm: str, identity: str, width: int, make_setup: MakeSetup
) -> None:
    agent = Sb3Agent(make_setup("reach", "push", "door-open"), **small(algorithm, identity=identity))
    first = next(value for name, value in agent.model.policy.named_parameters() if name.endswith("0.weight"))
    assert first.shape == (8, width)


def test_a_task_is_seen_as_its_code(make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "reach", "door-open")
    given = inputs([2, 0, 1])
    one_hot = Sb3Agent(setup, **small("SAC", identity="one-hot")).model.actor.features_extractor(given)
    torch.testing.assert_close(one_hot[:, :12], given[:, :12])
    torch.testing.assert_close(one_hot[:, 12:], torch.eye(3)[[2, 0, 1]])
    language = Sb3Agent(setup, **small("SAC", identity="language")).model.actor.features_extractor(given)
    expected = [embedding(setup.tasks[position].instruction) for position in (3, 0, 1)]
    np.testing.assert_allclose(language[:, 12:], np.stack(expected), rtol=1e-6)
    hidden = Sb3Agent(setup, **small("SAC")).model.actor.features_extractor(given)
    torch.testing.assert_close(hidden, given[:, :12])


@every_algorithm
@pytest.mark.parametrize("part", PARTS)
def test_heads_are_their_own_tasks_and_no_others(algorithm: str, part: Part, make_setup: MakeSetup) -> None:
    """A gradient of task 1's outputs touches task 1's rows of every head, and no other's."""
    agent = Sb3Agent(make_setup("reach", "push", "door-open"), **small(algorithm, heads=True))
    learner = Learner(agent.model, 3)
    given = inputs([1, 1, 1, 1])
    outputs = (
        torch.cat(learner.policy(given), 1) if part == "actor" else learner.values(given, torch.zeros(4, 4))
    )
    outputs.sum().backward()  # type: ignore[no-untyped-call]
    own = learner.parameters(part).keys() - learner.shared(part).keys()
    assert own
    for name in own:
        gradient = learner.parameters(part)[name].grad
        assert gradient is not None
        by_task = gradient.unflatten(0, (3, -1))
        assert by_task[1].abs().sum() > 0
        assert by_task[[0, 2]].abs().sum() == 0, name


@every_algorithm
def test_the_same_observation_means_another_thing_to_another_task(
    algorithm: str, make_setup: MakeSetup
) -> None:
    agent = Sb3Agent(make_setup("reach", "push", "door-open"), **small(algorithm, heads=True))
    observations = np.repeat(random_transitions(0).observations, 3, 0)
    together = agent.act(observations, np.array([0, 1, 2]), explore=False)
    assert len(np.unique(together, axis=0)) == 3
    for task in range(3):
        alone = agent.act(observations[:1], np.array([task]), explore=False)
        np.testing.assert_allclose(alone[0], together[task], atol=1e-6)


def test_heads_begin_as_layers_of_their_own_would() -> None:
    torch.manual_seed(0)
    source = TaskInput(small_space(), None)
    heads = Heads(nn.Linear(64, 4), 50, source)
    bound = 1 / 64**0.5  # of a layer with 64 inputs, whatever its outputs
    assert heads.all.weight.abs().max() <= bound
    assert heads.all.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)


def small_space() -> Any:
    from gymnasium.spaces import Box

    return Box(-1, 1, (13,), np.float32)


@every_algorithm
def test_shared_parameters_are_all_where_there_is_one_head(algorithm: str, make_setup: MakeSetup) -> None:
    agent = Sb3Agent(make_setup("reach", "push"), **small(algorithm))
    learner = Learner(agent.model, 2)
    for part in PARTS:
        assert learner.shared(part).keys() == learner.parameters(part).keys()


@every_algorithm
def test_parts_are_what_the_optimizers_train(algorithm: str, make_setup: MakeSetup) -> None:
    """Together they are all trained parameters; no target network is among them."""
    agent = Sb3Agent(make_setup("reach", "push"), **small(algorithm, heads=True))
    model, learner = agent.model, Learner(agent.model, 2)
    trained = {
        id(value)
        for optimizer in (
            [model.policy.optimizer]
            if algorithm == "PPO"
            else [model.actor.optimizer, model.critic.optimizer]
        )
        for group in optimizer.param_groups
        for value in group["params"]
    }
    parts = [{id(value) for value in learner.parameters(part).values()} for part in PARTS]
    assert parts[0] | parts[1] == trained
    assert not parts[0] & parts[1]
    assert agent.footprint().parameters == sum(
        v.numel() for p in PARTS for v in learner.parameters(p).values()
    )


@pytest.mark.parametrize("slots", [3, 7])
def test_more_slots_than_tasks_are_room_for_later(slots: int, make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "door-open")
    agent = Sb3Agent(setup, **small("SAC", identity="one-hot", heads=True, task_slots=slots))
    assert agent.model.actor.latent_pi[0].in_features == 12 + slots
    assert agent.model.actor.mu.all.out_features == 4 * slots


def test_more_tasks_than_slots_are_refused(make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "door-open")
    with pytest.raises(CardError, match="task_slots is 2, but the stream has 3 tasks"):
        Sb3Agent(setup, **small("SAC", identity="one-hot", task_slots=2))


@every_algorithm
def test_learning_one_task_leaves_other_heads_alone(algorithm: str, make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "door-open")
    agent = Sb3Agent(setup, **small(algorithm, heads=True))
    agent.begin_task(setup.tasks[1])
    heads = [
        module
        for name, module in agent.model.policy.named_modules()
        if isinstance(module, Heads) and "_target" not in name  # averages of equals differ in the last bit
    ]
    before = [head.all.weight.detach().clone().unflatten(0, (3, -1)) for head in heads]
    for step in range(24):
        batch = dataclasses.replace(random_transitions(step), tasks=np.array([1]))
        agent.act(batch.observations, batch.tasks, explore=True)
        agent.observe(batch)
        agent.update()
    after = [head.all.weight.detach().unflatten(0, (3, -1)) for head in heads]
    changed = [
        ~torch.isclose(old, new, rtol=0, atol=0).flatten(1).all(1)
        for old, new in zip(before, after, strict=True)
    ]
    assert all(not change[[0, 2]].any() for change in changed)
    assert any(change[1] for change in changed)
