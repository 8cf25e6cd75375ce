"""A-GEM: what is projected and when, and what the memory holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from legion_bench.agents.sb3.learner import Part
from legion_bench.agents.sb3.losses import loss
from legion_bench.agents.sb3.methods.agem import excess
from legion_bench.agents.sb3.rng import GlobalRng
from legion_bench.errors import CardError
from tests.agents.sb3 import toy

from .lives import SETUP, build, fine_tuned, go_on, lived, same_weights, toy_returns

AGEM = {"name": "agem", "memory_per_task": 30, "batch_size": 16}
every_part = pytest.mark.parametrize("part", ["actor", "critic"])
every_algorithm = pytest.mark.parametrize("algorithm", ["SAC", "TD3"])


@pytest.fixture(autouse=True)
def own_randomness() -> Iterator[None]:
    """Hooks that a test calls itself draw from the global generators."""
    with GlobalRng():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        yield


numbers = st.floats(-100, 100, width=32)
vectors = st.integers(1, 6).flatmap(lambda n: st.tuples(*[st.lists(numbers, min_size=n, max_size=n)] * 2))


@given(vectors, st.integers(0, 6))
def test_the_projection_is_the_closed_form(pair: Any, cut: int) -> None:
    g, m = (np.array(vector, np.float64) for vector in pair)
    parts = [[torch.tensor(part) for part in (vector[:cut], vector[cut:])] for vector in (g, m)]
    scale = excess(*parts)
    product = g @ m
    if product >= 0:
        assert scale == 0
        return
    projected = g - scale * m
    np.testing.assert_allclose(projected, g - product / (m @ m) * m, rtol=1e-9, atol=1e-9)
    assert projected @ m >= -1e-6 * np.linalg.norm(g) * np.linalg.norm(m)
    assert np.linalg.norm(projected) <= np.linalg.norm(g) * (1 + 1e-9)


def test_the_excess_by_hand() -> None:
    g, m = torch.tensor([1.0, -3.0]), torch.tensor([0.0, 2.0])
    assert excess([g], [m]) == -1.5
    assert excess([g[:1], g[1:]], [m[:1], m[1:]]) == -1.5
    assert excess([-g], [m]) == 0
    assert excess([g], [torch.zeros(2)]) == 0, "a flat memory forbids nothing"


def reference(agent: Any, part: Part) -> list[torch.Tensor]:
    """Return the gradient on the batch that the method is about to draw."""
    method, state = agent._method, torch.get_rng_state()
    batch = ReplayBufferSamples(*method._memory.sample(AGEM["batch_size"]))
    value = loss(method.learner, part, batch)
    found = torch.autograd.grad(value, list(method.learner.parameters(part).values()))
    torch.set_rng_state(state)
    return list(found)


def after_hook(agent: Any, part: Part, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
    parameters = agent._method.learner.parameters(part).values()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    agent._method.on_gradients(part)
    return [parameter.grad for parameter in parameters]


@every_part
@every_algorithm
@pytest.mark.parametrize("heads", [False, True])
def test_gradients_that_point_away_are_projected(algorithm: str, part: Part, heads: bool) -> None:
    agent = lived(1, algorithm, heads=heads, method=AGEM)
    parameters = agent._learner.parameters(part).values()
    noise = [torch.randn_like(parameter) for parameter in parameters]
    m = reference(agent, part)
    gradients = [0.1 * n * value.abs().mean() - 2 * value for n, value in zip(noise, m, strict=True)]
    changed = after_hook(agent, part, gradients)
    flat, before, now = (torch.cat([t.flatten().double() for t in ts]) for ts in (m, gradients, changed))
    assert before @ flat < 0
    torch.testing.assert_close(now, before - (before @ flat) / (flat @ flat) * flat, rtol=1e-4, atol=1e-5)
    assert now @ flat >= -1e-4 * now.norm() * flat.norm()


@every_part
def test_gradients_at_an_acute_angle_stay_to_the_bit(part: Part) -> None:
    agent = lived(1, method=AGEM)
    gradients = [1e-3 * value for value in reference(agent, part)]
    changed = after_hook(agent, part, gradients)
    assert all(torch.equal(a, b) for a, b in zip(changed, gradients, strict=True))


def test_in_the_first_task_it_is_fine_tuning_and_then_it_is_not() -> None:
    plain, ours = lived(1), lived(1, method=AGEM)
    assert same_weights(plain, ours)
    for agent in (plain, ours):
        agent.begin_task(SETUP.tasks[1])
        go_on(agent, 80)
    assert not same_weights(plain, ours)


@pytest.mark.parametrize("reset", [(), ("buffer",)], ids=["one buffer for all", "a buffer per task"])
def test_memory_holds_equally_many_of_each_task(reset: tuple[str, ...]) -> None:
    agent: Any = lived(2, reset=reset, method=AGEM)
    memory, buffer = agent._method._memory, agent.model.replay_buffer
    assert memory.tasks == [0, 1]
    for task, columns in memory.state_dict().items():
        observations = columns[0]
        assert observations.shape == (30, 3)
        assert (observations[:, -1] == int(task)).all()
    kept = {tuple(row) for row in memory.state_dict()["1"][0].tolist()}
    assert kept <= {tuple(row) for row in buffer.observations[: buffer.size(), 0].tolist()}
    drawn = memory.sample(4_000)[0][:, -1]
    assert 1_800 < drawn.sum() < 2_200


def test_memory_keeps_transitions_whole() -> None:
    agent: Any = lived(1, method=AGEM)
    buffer = agent.model.replay_buffer
    batch = ReplayBufferSamples(*agent._method._memory.sample(20))
    for row in range(20):
        (place,) = np.flatnonzero((buffer.observations[:, 0] == batch.observations[row].numpy()).all(1))
        assert batch.actions[row].tolist() == buffer.actions[place, 0].tolist()
        assert batch.next_observations[row].tolist() == buffer.next_observations[place, 0].tolist()
        assert batch.rewards[row].item() == buffer.rewards[place, 0]
        assert batch.dones[row].item() == 0, "truncated, not ended"


def test_another_visit_replaces_what_was_kept_of_the_task() -> None:
    agent: Any = lived(2, method=AGEM)
    before = agent._method.state_dict()["0"][0]
    toy.visit(agent, SETUP.tasks[2], 80, np.random.default_rng(2))
    after = agent._method.state_dict()
    assert agent._method._memory.tasks == [0, 1]
    assert agent._method.stored_bytes == 2 * 30 * 4 * 12
    assert list(after) == ["0", "1"]
    assert not after["0"][0].equal(before)


def test_bytes_are_counted() -> None:
    counted = [lived(visits, method=AGEM)._method.stored_bytes for visits in (0, 1, 2)]
    assert counted == [0, 30 * 4 * (3 + 4 + 3 + 1 + 1), 2 * 30 * 4 * 12]


@every_algorithm
def test_a_restored_agent_goes_on_alike(algorithm: str) -> None:
    first, second = lived(1, algorithm, method=AGEM), build(algorithm, method=AGEM)
    first.begin_task(SETUP.tasks[1])
    go_on(first, 61)
    state = first.state_dict()
    second.load_state_dict(state)
    for agent in (first, second):
        go_on(agent, 60)
    assert same_weights(first, second)
    third = build(algorithm, method=AGEM)
    state["method"] = {}
    third.load_state_dict(state)
    go_on(third, 60)
    assert not same_weights(first, third), "the memory matters"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"method": {**AGEM, "memory_per_task": 0}}, "memory_per_task"),
        ({"method": {**AGEM, "batch_size": 0}}, "batch_size"),
        ({"method": {**AGEM, "strength": 1}}, "strength"),
        ({"algorithm": "PPO", "options": {"n_steps": 8}, "reset": ()}, "agem needs a replay buffer"),
    ],
    ids=["no memory", "no batch", "unknown", "PPO"],
)
def test_what_cannot_work_is_said(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CardError, match=complaint):
        build(**{"method": AGEM, **changes})


@pytest.mark.parametrize("heads", [False, True], ids=["one output", "heads"])
def test_it_forgets_less_than_fine_tuning(heads: bool) -> None:
    """Less, not nothing: steps are small, but the memory's loss may rise between them."""
    plain = fine_tuned("SAC", heads)
    ours = toy_returns("SAC", heads, {**AGEM, "memory_per_task": 500, "batch_size": 64})
    assert min(ours[0, 1], ours[1, 2]) > -1.2
    assert plain[0, 2] < plain[0, 1] - 1.5
    assert ours[0, 2] > plain[0, 2] + 1.0
