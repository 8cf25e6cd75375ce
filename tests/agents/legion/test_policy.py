"""The frozen policy: the agent's own actions, within limits, and what it refuses."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench import launch
from legion_bench.agents.legion.agent import LegionAgent
from legion_bench.agents.legion.config import checked
from legion_bench.agents.legion.policy import FrozenPolicy, Workspace, program
from legion_bench.cards import AgentCard
from legion_bench.errors import AgentError
from legion_bench.seeding import derive
from tests.conftest import MakeStream

PARAMETERS = {
    "prior": "normal",
    "latent": 3,
    "encoder_width": 16,
    "encoder_depth": 2,
    "width": 16,
    "depth": 3,
    "buffer_size": 10,
    "observation_offset": [0.0, 0.6, 0.2] * 4,
    "observation_scale": 5.0,
}
LOW, HIGH, SCALE = np.array([-0.5, 0.4, 0.0]), np.array([0.5, 1.0, 0.6]), 0.01
EVERYWHERE = Workspace(np.full(3, -np.inf), np.full(3, np.inf), SCALE)


def agent(make_stream: MakeStream, **parameters: Any) -> LegionAgent:
    """Return a small agent of three tasks whose parameters, biases too, are all drawn."""
    card = AgentCard(
        name="tiny",
        title="",
        entry_point="legion_bench.agents.legion.agent:LegionAgent",
        parameters=PARAMETERS | parameters,
    )
    made = launch.build_agent(card, make_stream("reach", "push", "door-open"), 0)
    assert isinstance(made, LegionAgent)
    state = made.state_dict()
    for flat in state["learner"]["parameters"].values():
        flat.add_(0.1 * torch.randn(flat.shape, generator=torch.Generator().manual_seed(1)))
    made.load_state_dict(state)
    return made


def frozen(agent: LegionAgent, workspace: Workspace = EVERYWHERE) -> FrozenPolicy:
    weights = agent.state_dict()["learner"]["parameters"]
    identity = agent._learner._identities.shape[-1]
    return FrozenPolicy(agent.config, 12, identity, weights, workspace)


def situation(agent: LegionAgent, rows: int) -> tuple[Any, Any, Any, Any]:
    """Return tasks, and what the policy takes: observations in the workspace, identities, noise."""
    rng = np.random.default_rng(rows)
    tasks = torch.arange(rows) % 3
    observations = torch.from_numpy(rng.uniform(np.tile(LOW, 4), np.tile(HIGH, 4), (rows, 12)))
    noise = torch.from_numpy(rng.normal(size=(rows, agent.config.latent)))
    return tasks, observations, agent._learner._identities[0, tasks], noise


@pytest.mark.parametrize("rows", [1, 100])
@pytest.mark.parametrize("identity", ["language", "one-hot", "none"])
@pytest.mark.parametrize("decoders", [True, False])
def test_actions_are_the_agents(identity: str, decoders: bool, rows: int, make_stream: MakeStream) -> None:
    learner = agent(make_stream, identity=identity, decoders=decoders)
    tasks, observations, identities, _ = situation(learner, rows)
    drawn = torch.Generator().manual_seed(derive(derive(0, "agent"), "judged"))
    noise = torch.randn(1, rows, learner.config.latent + 4, generator=drawn)[0, :, : learner.config.latent]
    expected = learner.act(observations.numpy(), tasks.numpy(), explore=False)
    actions = frozen(learner)(observations, identities, noise)
    assert actions.shape == (rows, 4)
    assert np.ptp(expected, 0).min() > 0.05 or rows == 1, "actions that differ"
    np.testing.assert_allclose(actions, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("identity", ["language", "none"])
def test_the_program_computes_the_same(identity: str, make_stream: MakeStream) -> None:
    learner = agent(make_stream, identity=identity)
    policy = frozen(learner, Workspace(LOW, HIGH, SCALE))
    made = program(policy).module()
    for rows in (1, 2, 100):
        _, *inputs = situation(learner, rows)
        expected = policy(*inputs)
        torch.testing.assert_close(made(*inputs), expected, rtol=0, atol=1e-6)
        in_32_bits = [values.float() for values in inputs]
        torch.testing.assert_close(made(*in_32_bits), expected, rtol=0, atol=1e-4)


def test_noise_decides_the_latent(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    _, observations, identities, noise = situation(learner, 5)
    policy = frozen(learner)
    assert (policy(observations, identities, noise) != policy(observations, identities, 0 * noise)).any()


def test_a_displacement_ends_where_the_workspace_does(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    _, observations, identities, noise = situation(learner, 100)
    edges = torch.tensor(np.stack([LOW, HIGH]))[torch.arange(100) % 2]
    observations[:, :3] = edges + 0.004 * torch.randn(100, 3, generator=torch.Generator().manual_seed(2))
    free = frozen(learner)(observations, identities, noise)
    limited = frozen(learner, Workspace(LOW, HIGH, SCALE))(observations, identities, noise)
    low, high = torch.from_numpy(LOW), torch.from_numpy(HIGH)
    hand = observations[:, :3]
    reached = hand + free[:, :3] * SCALE
    expected = ((reached.clamp(low, high) - hand) / SCALE).clamp(-1, 1)
    np.testing.assert_allclose(limited[:, :3], expected, rtol=0, atol=1e-6)
    inside = (reached >= low) & (reached <= high)
    assert 0.2 < inside.double().mean() < 0.8
    assert torch.equal(limited[:, :3][inside], free[:, :3][inside]), "exactly, where nothing is to be done"
    assert torch.equal(limited[:, 3], free[:, 3]), "the gripper"
    assert limited.abs().max() <= 1


def test_a_hand_far_outside_is_led_back_at_full_speed(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    _, observations, identities, noise = situation(learner, 2)
    observations[:, :3] = torch.tensor([[2.0, -1.0, 0.3], [-2.0, 3.0, 9.0]])
    actions = frozen(learner, Workspace(LOW, HIGH, SCALE))(observations, identities, noise)
    assert actions[0, :2].tolist() == [-1, 1]
    assert actions[1, :3].tolist() == [1, -1, -1]


def test_what_is_not_finite_is_refused(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    made = program(frozen(learner, Workspace(LOW, HIGH, SCALE))).module()
    for bad, which in product((float("nan"), float("inf")), range(3)):
        _, *inputs = situation(learner, 4)
        inputs[which][2, 1] = bad
        with pytest.raises(RuntimeError, match="observations, identities and noise must be finite"):
            made(*inputs)


def test_what_no_network_can_bear_is_refused(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    _, observations, identities, noise = situation(learner, 4)
    with pytest.raises(RuntimeError, match="so large that there is no action"):
        frozen(learner)(observations * 1e300, identities, noise)


def test_wrong_shapes_are_refused(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    _, observations, identities, noise = situation(learner, 4)
    made = program(frozen(learner)).module()
    for inputs, complaint in (
        ((observations[:, 1:], identities, noise), r"observations\.size\(\)\[1\] == 12"),
        ((observations, identities[:, 1:], noise), r"identities\.size\(\)\[1\] == 384"),
        ((observations, identities, noise[:, 1:]), r"noise\.size\(\)\[1\] == 3"),
        ((observations, identities[1:], noise), r"identities\.size\(\)\[0\] == observations"),
    ):
        with pytest.raises(AssertionError, match=complaint):
            made(*inputs)
    with pytest.raises(IndexError):
        made(observations[0], identities[0], noise[0])


def test_no_place_on_this_machine_is_in_the_program(make_stream: MakeStream) -> None:
    made = program(frozen(agent(make_stream)))
    assert not [node for node in made.graph.nodes if "stack_trace" in node.meta]


def test_weights_of_another_agent_are_refused(make_stream: MakeStream) -> None:
    weights = agent(make_stream).state_dict()["learner"]["parameters"]
    config = checked({**PARAMETERS, "width": 17})
    with pytest.raises(AgentError, match=r"actor.s weights have shape .* another agent.s"):
        FrozenPolicy(config, 12, 384, weights, EVERYWHERE)


def test_weights_that_are_no_numbers_are_refused(make_stream: MakeStream) -> None:
    learner = agent(make_stream)
    weights = learner.state_dict()["learner"]["parameters"]
    weights["encoder"][0, 5] = float("nan")
    with pytest.raises(AgentError, match="encoder's weights are not all finite"):
        FrozenPolicy(learner.config, 12, 384, weights, EVERYWHERE)
