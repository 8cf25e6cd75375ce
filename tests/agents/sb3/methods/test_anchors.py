"""The penalty that L2, EWC and MAS share, and what agents with it must be."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.methods.anchors import add_penalty
from legion_bench.errors import CardError
from tests.conftest import MakeSetup

from .anchored import ALGORITHMS, NAMES, distance, inputs, make, method_of, parameters, visit, weights

TASKS = ("reach", "push", "door-open")
each_method = pytest.mark.parametrize("name", NAMES)
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
with_and_without_heads = pytest.mark.parametrize("heads", [True, False], ids=["heads", "no heads"])
numbers = st.floats(-4, 4, width=32)


@settings(deadline=None)  # the first call warms torch up
@given(data=st.data(), coefficient=st.floats(0, 100), shared=st.booleans())
def test_the_gradient_is_that_of_the_penalty(data: Any, coefficient: float, shared: bool) -> None:
    """``shared``: one importance for all of a parameter's numbers, as in L2."""
    parameters, anchors, importances, before = [], [], [], []
    for shape in ((3,), (2, 3)):
        one = [torch.from_numpy(data.draw(arrays.arrays(np.float32, shape, elements=numbers))) for _ in "ABC"]
        size = () if shared else shape
        importance = data.draw(arrays.arrays(np.float32, size, elements=st.floats(0, 4, width=32)))
        parameter = nn.Parameter(one[0])
        parameter.grad = one[1].clone()
        parameters.append(parameter)
        before.append(one[1])
        anchors.append(one[2])
        importances.append(torch.as_tensor(importance))
    add_penalty(parameters, anchors, importances, coefficient)
    triples = zip(parameters, anchors, importances, strict=True)
    penalty = coefficient * torch.stack([(w * (p - a) ** 2).sum() for p, a, w in triples]).sum()
    expected = torch.autograd.grad(penalty, parameters)
    for parameter, start, gradient in zip(parameters, before, expected, strict=True):
        torch.testing.assert_close(parameter.grad, start + gradient)


@each_method
@each_algorithm
def test_without_strength_it_is_fine_tuning_to_the_bit(
    name: str, algorithm: str, make_setup: MakeSetup
) -> None:
    setup = make_setup(*TASKS)
    agents = [
        make(setup, method, algorithm=algorithm)
        for method in (None, {"name": name, "coefficient": 0.0, "regularize_critic": True})
    ]
    for task in setup.tasks:
        for agent in agents:
            visit(agent, task)
        assert weights(agents[0]) == weights(agents[1])


@each_method
@each_algorithm
@with_and_without_heads
def test_the_first_task_is_learned_freely_and_the_second_is_not(
    name: str, algorithm: str, heads: bool, make_setup: MakeSetup
) -> None:
    setup = make_setup(*TASKS)
    method = {"name": name, "coefficient": 1e4, "samples": 8} if name != "l2" else {"name": name}
    agents = [make(setup, given, algorithm=algorithm, heads=heads) for given in (None, method)]
    for agent in agents:
        visit(agent, setup.tasks[0])
    assert weights(agents[0]) == weights(agents[1])
    for agent in agents:
        visit(agent, setup.tasks[1])
    assert distance(*map(parameters, agents)) > 1e-4


@each_method
@each_algorithm
@pytest.mark.parametrize("at", [(0, 7), (1, 0), (1, 7), (1, 12)])
def test_a_loaded_agent_goes_on_as_the_saved_one(
    name: str, algorithm: str, at: tuple[int, int], make_setup: MakeSetup
) -> None:
    """Saved after so many steps of a visit: at last between the last update and the visit's end."""
    setup, (where, step) = make_setup(*TASKS), at
    method = {"name": name, "coefficient": 1.0, "regularize_critic": True}
    saved, loaded = (make(setup, method, algorithm=algorithm) for _ in range(2))
    for task in setup.tasks[:where]:
        visit(saved, task)
    visit(saved, setup.tasks[where], step, end=False)
    loaded.load_state_dict(saved.state_dict())
    # What PPO acted on last is no part of a state; a visit goes on with an action.
    for agent in (saved, loaded):
        visit(agent, setup.tasks[where], first=max(step, 1))
        for task in setup.tasks[where + 1 :]:
            visit(agent, task)
    assert weights(saved) == weights(loaded)
    assert method_of(saved).stored_bytes == method_of(loaded).stored_bytes > 0


@each_algorithm
@with_and_without_heads
def test_a_huge_coefficient_keeps_what_is_shared(algorithm: str, heads: bool, make_setup: MakeSetup) -> None:
    setup, moved, own = make_setup(*TASKS), [], []
    for method in (None, {"name": "l2", "coefficient": 1e12, "regularize_critic": True}):
        agent = make(setup, method, algorithm=algorithm, heads=heads)
        visit(agent, setup.tasks[0])
        before = {part: parameters(agent, part) for part in ("actor", "critic")}
        everything = {name: value.clone() for name, value in agent.model.policy.state_dict().items()}
        visit(agent, setup.tasks[1], 60)
        moved.append([distance(before[part], parameters(agent, part)) for part in ("actor", "critic")])
        own.append(distance(everything, agent.model.policy.state_dict()))
    # Not zero: Adam steps off before the spring pulls, and its steps are of one size however hard it pulls.
    for free, held in zip(*moved, strict=True):
        assert held < 0.3 * free
    assert not heads or own[1] > 0.3 * own[0], "a head is nobody else's"


def test_the_critic_is_held_if_the_card_says_so(make_setup: MakeSetup) -> None:
    setup = make_setup(*TASKS)
    for both in (False, True):
        agent = make(setup, {"name": "l2", "coefficient": 10.0, "regularize_critic": both})
        visit(agent, setup.tasks[0])
        method = method_of(agent)
        for part in ("actor", "critic"):
            shared = method.learner.shared(part)
            for value in shared.values():
                value.data += 1.0
                value.grad = torch.zeros_like(value)
            method.on_gradients(part)
            added = 20.0 if both or part == "actor" else 0.0
            for value in shared.values():
                assert value.grad is not None
                torch.testing.assert_close(value.grad, torch.full_like(value, added), rtol=1e-4, atol=0)


@each_method
@with_and_without_heads
def test_what_is_stored_is_two_numbers_per_shared_one_and_no_more_with_more_tasks(
    name: str, heads: bool, make_setup: MakeSetup
) -> None:
    setup = make_setup(*TASKS)
    agent = make(setup, {"name": name, "regularize_critic": True}, heads=heads)
    assert method_of(agent).stored_bytes == 0
    sizes = []
    for task in setup.tasks:
        visit(agent, task)
        sizes.append(method_of(agent).stored_bytes)
    shared = [value for part in ("actor", "critic") for value in parameters(agent, part).values()]
    numbers = sum(value.numel() for value in shared)
    # With heads: one layer of 8 on 12 + 3 inputs, twice that and 4 actions more in critics.
    assert numbers == 8 * (15 + 1) + 2 * 8 * (19 + 1) + (0 if heads else 2 * (8 + 1) * 4 + 2 * (8 + 1))
    expected = 4 * (numbers + len(shared)) if name == "l2" else 2 * 4 * numbers
    assert sizes == [expected] * 3


@each_method
def test_importances_add_up(name: str, make_setup: MakeSetup) -> None:
    setup = make_setup(*TASKS)
    agent = make(setup, {"name": name})
    before: list[Any] = [0.0] * 2
    for task in setup.tasks:
        visit(agent, task)
        after = method_of(agent)._importances["actor"]
        assert all((new >= 0.95 * old).all() for old, new in zip(before, after, strict=True))
        assert any((new > 1.01 * old).any() for old, new in zip(before, after, strict=True))
        before = after


@pytest.mark.parametrize("name", ["ewc", "mas"])
def test_ppo_is_measured_on_the_visits_latest_rollout(name: str, make_setup: MakeSetup) -> None:
    """A rollout has four steps; it is gone from PPO's buffer when it was learned from."""
    setup = make_setup(*TASKS)
    agent = make(setup, {"name": name, "samples": 64}, algorithm="PPO")
    visit(agent, setup.tasks[0], 11, end=False)
    seen: list[Any] = []
    method: Any = method_of(agent)
    outputs = method.outputs
    method.outputs = lambda part, observations, actions: (
        seen.append(observations) or outputs(part, observations, actions)
    )
    rollout = np.concatenate([inputs(seed=step).numpy() for step in range(4, 8)])
    assert {row.tobytes() for row in method._rollout} == {row.tobytes() for row in rollout}
    agent.end_task(setup.tasks[0])
    held = method._importances["actor"]
    assert seen[0].numpy().tobytes() in {row.tobytes() for row in rollout}
    visit(agent, setup.tasks[1], 3)
    assert method._importances["actor"] is held, "no rollout, nothing learned"


@each_method
def test_old_answers_move_far_less_than_in_fine_tuning(name: str, make_setup: MakeSetup) -> None:
    """Task by task with another head each, so that only what is shared can change task one's answers."""
    setup, moved = make_setup(*TASKS), []
    for method in (None, {"name": name, "coefficient": 1e6}):
        agent = make(setup, method, options={"policy_kwargs": {"net_arch": [16, 16]}})
        visit(agent, setup.tasks[0], 40)
        before = answers(agent)
        visit(agent, setup.tasks[1], 80)
        moved.append(float((answers(agent) - before).square().mean().sqrt()))
    assert moved[1] < 0.3 * moved[0]


@torch.no_grad()
def answers(agent: Sb3Agent) -> Tensor:
    """Return the means of the policy's actions where task 0 was learned."""
    mean, _ = agent._method.learner.policy(torch.cat([inputs(seed=step) for step in range(40)]))
    return mean


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("l2", {"coefficient": -1.0}, ">= 0"),
        ("l2", {"coefficient": float("nan")}, ">= 0"),
        ("l2", {"coefficient": float("inf")}, "<="),
        ("l2", {"coeficient": 1.0}, "coefficient"),
        ("l2", {"samples": 10}, "samples"),
        ("ewc", {"samples": 0}, ">= 1"),
        ("ewc", {"floor": -1e-5}, ">= 0"),
        ("ewc", {"decay": 0.5}, "decay"),
        ("ewc", {"regularize_critic": "yes"}, "bool"),
        ("mas", {"floor": 1e-5}, "floor"),
        ("mas", {"samples": 2.5}, "int"),
        ("online-ewc", {"decay": 1.5}, "<= 1"),
        ("online-ewc", {"decay": -0.5}, ">= 0"),
    ],
)
def test_a_wrong_option_is_a_cards_error(
    name: str, options: dict[str, Any], message: str, make_setup: MakeSetup
) -> None:
    with pytest.raises(CardError, match=message):
        make(make_setup(*TASKS), {"name": name, **options})


@each_method
def test_tasks_that_share_nothing_are_a_cards_error(name: str, make_setup: MakeSetup) -> None:
    bare = {"options": {"policy_kwargs": {"net_arch": []}}}
    with pytest.raises(CardError, match="share nothing"):
        make(make_setup(*TASKS), {"name": name}, **bare)
    make(make_setup(*TASKS), {"name": name}, **bare, heads=False)
