"""PackNet: who owns which weights, and that what is owned stays, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.learner import PARTS, Part
from legion_bench.agents.sb3.methods.packnet import FREE, PackNet, PackNetOptions, largest
from legion_bench.errors import AgentError, CardError
from legion_bench.types import Actions
from tests.agents.sb3 import toy

Make = Callable[..., Sb3Agent]
STEPS = 120
RESET = ("buffer",)  # not the optimizers: momentum must not move what is frozen


def build(
    names: str = "ABC", algorithm: str = "SAC", options: dict[str, Any] | None = None, **changes: Any
) -> Sb3Agent:
    """Return an agent for a stream of one-letter tasks; keywords are of the card, or PackNet's."""
    method = {key: changes.pop(key) for key in ("retrain_steps", "clip_norm") if key in changes}
    base = toy.PARAMETERS[algorithm]
    parameters: dict[str, Any] = {
        **base,
        "heads": True,
        "reset": RESET,
        "method": {"name": "packnet", "retrain_steps": 20, **method},
        **changes,
        "options": {**base["options"], "batch_size": 16, **(options or {})},
    }
    return Sb3Agent(toy.setup(*names, steps=STEPS), **parameters)


def packnet(agent: Sb3Agent) -> PackNet:
    assert isinstance(agent._method, PackNet)
    return agent._method


def network(agent: Sb3Agent, part: Part = "actor") -> Any:
    return getattr(agent.model, part)


def visits(agent: Sb3Agent, steps: int = STEPS) -> Iterator[int]:
    """Take an agent through its stream; yield after each visit."""
    for task in agent._setup.tasks:
        toy.visit(agent, task, steps, np.random.default_rng(task.position))
        yield task.position


def actions(agent: Sb3Agent, task: int) -> Actions:
    observations = np.random.default_rng(5).uniform(-1, 1, (9, 2))
    return agent.act(observations, np.full(9, task), explore=False)


def actor(agent: Sb3Agent) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network(agent).state_dict().items()}


def owners(agent: Sb3Agent) -> dict[str, Tensor]:
    return {name.removeprefix("actor."): value.clone() for name, value in packnet(agent)._owners.items()}


@pytest.mark.parametrize("heads", [False, True], ids=["one output", "heads"])
@pytest.mark.parametrize("algorithm", ["SAC", "TD3"])
def test_past_tasks_actions_stay_to_the_bit(algorithm: str, heads: bool) -> None:
    agent = build("ABC", algorithm, heads=heads)
    kept: dict[int, Actions] = {}
    for position in visits(agent):
        for task, expected in kept.items():
            np.testing.assert_array_equal(actions(agent, task), expected)
        kept[position] = actions(agent, position)
    assert not np.array_equal(kept[0], kept[1])


def test_past_tasks_actions_stay_in_the_middle_of_a_visit() -> None:
    agent = build("AB")
    first, second = agent._setup.tasks
    toy.visit(agent, first, STEPS, np.random.default_rng(0))
    kept = actions(agent, 0), actions(agent, 1)
    agent.begin_task(second)
    toy.train(agent, second, STEPS, np.random.default_rng(1))
    np.testing.assert_array_equal(actions(agent, 0), kept[0])
    assert not np.array_equal(actions(agent, 1), kept[1])


def test_owned_weights_and_all_biases_stay_to_the_bit() -> None:
    agent = build("ABC")
    before, owned = actor(agent), owners(agent)
    for position in visits(agent):
        after = actor(agent)
        for name, value in after.items():
            if name in owned:
                own = owned[name] < FREE
                assert torch.equal(value[own], before[name][own])
                assert not torch.equal(value, before[name]), "the others are trained"
            elif name.startswith("latent_pi"):
                assert torch.equal(value, before[name]) == (position > 0), "a bias"
        before, owned = after, owners(agent)


def test_every_visit_owns_an_equal_share() -> None:
    agent = build("ABCD")
    for position in visits(agent):
        assert packnet(agent).free == pytest.approx(1 - (position + 1) / 4, abs=0.01)
        for owned in owners(agent).values():
            assert int((owned == position).sum()) == pytest.approx(owned.numel() / 4, abs=1)


def test_heads_are_nobodys_and_one_output_is_shared_out() -> None:
    layers = {"latent_pi.0.weight", "latent_pi.2.weight"}
    assert owners(build(heads=True)).keys() == layers
    assert owners(build(heads=False)).keys() == layers | {"mu.weight", "log_std.weight"}
    assert all(name.startswith("mu.") for name in owners(build(algorithm="TD3", heads=False)))


def test_the_largest_magnitudes_among_the_free() -> None:
    weights = torch.tensor([[-5.0, 0.1, 3.0], [-2.0, 9.0, 0.0]])
    free = torch.tensor([[True, True, True], [True, False, True]])
    assert largest(weights, free, 2).tolist() == [[True, False, True], [False, False, False]]
    assert largest(weights, free, 5).tolist() == free.tolist()
    assert not largest(weights, free, 0).any()


def test_ties_go_to_the_first() -> None:
    assert largest(torch.zeros(4), torch.tensor([False, True, True, True]), 2).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("position", [0, 1])
def test_pruning_keeps_the_largest_and_puts_the_others_to_zero(position: int) -> None:
    agent = build("ABC", retrain_steps=0)
    task = agent._setup.tasks[position]
    for past in agent._setup.tasks[:position]:
        toy.visit(agent, past, STEPS, np.random.default_rng(0))
    agent.begin_task(task)
    toy.train(agent, task, STEPS, np.random.default_rng(1))
    before, free = actor(agent), {name: owned == FREE for name, owned in owners(agent).items()}
    agent.end_task(task)
    after = actor(agent)
    for name, owned in owners(agent).items():
        kept = owned == position
        assert before[name][kept].abs().min() >= before[name][owned == FREE].abs().max()
        assert not after[name][owned == FREE].any()
        assert torch.equal(after[name][owned < FREE], before[name][owned < FREE])
        assert torch.equal(kept | (owned == FREE), free[name])


@pytest.mark.parametrize("algorithm", ["SAC", "TD3"])
@pytest.mark.parametrize("position", [0, 1])
def test_retraining_moves_the_visits_own_weights_alone(algorithm: str, position: int) -> None:
    pruned, retrained = build("ABC", algorithm), build("ABC", algorithm)
    for agent, steps in ((pruned, 0), (retrained, 20)):
        for past in agent._setup.tasks[:position]:
            toy.visit(agent, past, STEPS, np.random.default_rng(0))
        packnet(agent)._options = PackNetOptions(retrain_steps=steps)
        toy.visit(agent, agent._setup.tasks[position], STEPS, np.random.default_rng(1))
    owned, moved = owners(retrained), actor(retrained)
    for name, value in actor(pruned).items():
        changed = moved[name] != value
        if name in owned:
            assert torch.equal(owned[name], owners(pruned)[name])
            assert not changed[owned[name] != position].any()
            assert changed[owned[name] == position].any()
        elif name.startswith("latent_pi"):
            assert not changed.any(), "a bias"


def test_retraining_is_the_algorithms_own_and_of_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = build("AB", retrain_steps=7)
    task = agent._setup.tasks[0]
    agent.begin_task(task)
    toy.train(agent, task, STEPS, np.random.default_rng(0))
    before, critic = agent.model._n_updates, network(agent, "critic").q_networks[0][0].weight.clone()
    agent.end_task(task)
    assert agent.model._n_updates == before + 7
    assert not torch.equal(network(agent, "critic").q_networks[0][0].weight, critic)


def test_the_last_visit_keeps_all_that_is_left_and_is_not_retrained() -> None:
    agent = build("AB")
    list(visits(agent))
    assert packnet(agent).free == 0
    never = build("AB", retrain_steps=0)
    list(visits(never))
    assert agent.model._n_updates == never.model._n_updates + 20, "of the first visit"


def test_a_view_hides_what_came_later_and_is_undone() -> None:
    agent = build("AB")
    list(visits(agent))
    whole, owned = actor(agent), owners(agent)
    pointers = {name: value.data_ptr() for name, value in network(agent).named_parameters()}
    with packnet(agent).view(0):
        for name, value in actor(agent).items():
            hidden = owned[name] > 0 if name in owned else torch.zeros_like(value, dtype=torch.bool)
            assert torch.equal(value, whole[name].masked_fill(hidden, 0))
            assert name not in owned or hidden.any()
    with packnet(agent).view(1):
        assert all(torch.equal(value, whole[name]) for name, value in actor(agent).items())
    with pytest.raises(KeyError), packnet(agent).view(0):
        raise KeyError
    assert all(torch.equal(value, whole[name]) for name, value in actor(agent).items())
    after = {name: value.data_ptr() for name, value in network(agent).named_parameters()}
    assert after == pointers, "the optimizer's own"


def test_being_judged_changes_no_training() -> None:
    judged, alone = build("AB"), build("AB")
    for _ in zip(visits(judged), visits(alone), strict=True):
        for task in range(2):
            actions(judged, task)
    assert all(torch.equal(value, actor(alone)[name]) for name, value in actor(judged).items())


def test_a_further_visit_owns_further_weights() -> None:
    """And the task is judged with these as well; other tasks stay as they are."""
    agent = build("ABAC", heads=False)
    first: list[Actions] = []
    other: list[Actions] = []
    for _ in visits(agent):
        first.append(actions(agent, 0))
        other.append(actions(agent, 1))
    np.testing.assert_array_equal(first[1], first[0])
    assert not np.array_equal(first[2], first[1])
    np.testing.assert_array_equal(first[3], first[2])
    np.testing.assert_array_equal(other[2], other[1])
    np.testing.assert_array_equal(other[3], other[1])
    for owned in owners(agent).values():
        assert sorted(set(owned.flatten().tolist())) == [0, 1, 2, 3]


def test_a_task_in_training_is_judged_with_all_weights() -> None:
    agent = build("ABA")
    for position in visits(agent):
        if position == 1:
            break
    packed = actions(agent, 0)
    agent.begin_task(agent._setup.tasks[2])
    whole, _ = agent.model.predict(
        agent._inputs(np.random.default_rng(5).uniform(-1, 1, (9, 2)), np.zeros(9, int)), deterministic=True
    )
    np.testing.assert_array_equal(actions(agent, 0), whole)
    assert not np.array_equal(whole, packed)


@pytest.mark.parametrize("algorithm", ["SAC", "TD3"])
def test_gradients_are_clipped(algorithm: str) -> None:
    agent = build("AB", algorithm, clip_norm=1e-3)
    norms: dict[Part, list[float]] = {"actor": [], "critic": []}
    for part in PARTS:

        def look(optimizer: Any, *_: Any, part: Part = part) -> None:
            gradients = [value.grad for group in optimizer.param_groups for value in group["params"]]
            norms[part].append(float(torch.cat([gradient.flatten() for gradient in gradients]).norm()))

        network(agent, part).optimizer.register_step_pre_hook(look)
    list(visits(agent))
    for found in norms.values():
        assert max(found) == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("algorithm", ["SAC", "TD3"])
@pytest.mark.parametrize("position", [0, 1])
def test_a_loaded_agent_goes_on_exactly(algorithm: str, position: int) -> None:
    agent, loaded = build("ABC", algorithm), build("ABC", algorithm)
    tasks, rng = agent._setup.tasks, np.random.default_rng(0)
    for past in tasks[:position]:
        toy.visit(agent, past, STEPS, rng)
    agent.begin_task(tasks[position])
    toy.train(agent, tasks[position], STEPS, rng)
    loaded.load_state_dict(agent.state_dict())
    for one in (agent, loaded):
        rng = np.random.default_rng(1)
        toy.train(one, tasks[position], STEPS, rng)
        one.end_task(tasks[position])
        toy.visit(one, tasks[position + 1], STEPS, rng)
    for name, value in agent.model.policy.state_dict().items():
        assert torch.equal(value, loaded.model.policy.state_dict()[name]), name
    for task in range(3):
        np.testing.assert_array_equal(actions(agent, task), actions(loaded, task))
    assert packnet(agent).free == packnet(loaded).free


def test_a_state_is_a_copy() -> None:
    agent = build("AB")
    state = agent.state_dict()["method"]
    list(visits(agent))
    assert state["latest"] == [-1, -1]
    assert all((owned == FREE).all() for owned in state["owners"].values())


def test_an_owner_takes_two_bytes_a_weight_once_a_visit_is_over() -> None:
    agent, (task, _) = build("AB"), toy.setup(*"AB").tasks
    agent.begin_task(task)
    assert packnet(agent).stored_bytes == 0
    agent.end_task(task)
    assert packnet(agent).stored_bytes == 2 * sum(owned.numel() for owned in owners(agent).values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reset": ("buffer", "actor")}, "'actor' would undo what PackNet has frozen"),
        ({"reset": ("all",)}, "'all' would undo"),
        ({"reset": ()}, "add 'buffer' to reset"),
        (
            {"options": {"policy_kwargs": {"net_arch": [8], "optimizer_kwargs": {"weight_decay": 0.1}}}},
            "weight_decay would change",
        ),
        ({"options": {"policy_kwargs": {"net_arch": [2, 1]}}}, r"latent_pi.2.weight has 2 .* 5 visits"),
        ({"retrain_steps": -1}, "retrain_steps"),
        ({"clip_norm": -1.0}, "clip_norm"),
    ],
)
def test_cards_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        build("ABABA", heads=False, **changes)


def test_ppo_cannot() -> None:
    with pytest.raises(CardError, match="packnet needs"):
        Sb3Agent(toy.setup("A"), algorithm="PPO", method={"name": "packnet"})


def test_a_stream_longer_than_it_was_told() -> None:
    agent = build("AB")
    list(visits(agent))
    with pytest.raises(AgentError, match=r"task 'C', visit 3 of the 2 .* 0.0% of them are free"):
        agent.begin_task(replace(agent._setup.tasks[0], name="C", position=2))


def test_several_tasks_at_once() -> None:
    agent = build("AB")
    agent.begin_task(agent._setup.tasks[0])
    with pytest.raises(AgentError, match="several tasks at once"):
        toy.train(agent, agent._setup.tasks[1], 1, np.random.default_rng(0))


@pytest.mark.parametrize("steps", [0, 50, 52])
def test_a_visit_that_learned_nothing_is_packed_but_not_retrained(steps: int) -> None:
    """Its random steps are 50."""
    agent = build("AB")
    task = agent._setup.tasks[0]
    agent.begin_task(task)
    toy.train(agent, task, steps, np.random.default_rng(0))
    assert agent.model._n_updates == (steps > 50)
    agent.end_task(task)
    assert agent.model._n_updates == (21 if steps > 50 else 0)
    assert packnet(agent).free == pytest.approx(0.5, abs=0.01)
