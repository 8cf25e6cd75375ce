"""The learner's comings and goings: what moves what, what starts afresh, what a state holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from legion_bench.agents.legion.config import Part
from legion_bench.agents.legion.encoder import tabulate
from legion_bench.agents.legion.learner import POLICY_TERMS, Learner
from legion_bench.errors import AgentError

from .learners import OBSERVATION, TASKS, components, make, transitions

NETWORKS = ("encoder", "actor", "critic", "temperature")


def prints(learner: Learner) -> dict[str, bytes]:
    """Return all of a learner by name, to see what has changed."""
    found = {part: own.flat.numpy().tobytes() for part, own in learner.parameters.items()}
    found["target"] = learner._critic_target.flat.numpy().tobytes()
    found["table"] = learner._table.numpy().tobytes()
    for part, optimiser in learner._optimisers.items():
        found[f"{part} moments"] = b"".join(tensor.numpy().tobytes() for tensor in optimiser.tensors)
    for use, generators in learner._random.items():
        found[use] = b"".join(generator.get_state().numpy().tobytes() for generator in generators)
    found["buffer"] = repr(learner.replay._counts).encode()
    found["mixture"] = repr([own is None for own in learner.components]).encode()
    return found


def changed(learner: Learner, action: Callable[[], object]) -> set[str]:
    before = prints(learner)
    action()
    after = prints(learner)
    return {name for name in before if before[name] != after[name]}


def act(learner: Learner, *, explore: bool, seed: int = 0, count: int = 2) -> torch.Tensor:
    observations = torch.linspace(-1, 1, count * OBSERVATION).view(count, OBSERVATION)
    return learner.act(seed, observations, torch.arange(count) % TASKS, explore=explore)


def live(learner: Learner, steps: int, *, judged: bool = False) -> list[Any]:
    """Let every seed act and remember, then update, so many times; return what came of it."""
    found: list[Any] = []
    for step in range(steps):
        for seed in range(len(learner.components)):
            if judged:
                act(learner, explore=False, seed=seed, count=5)
            found.append(act(learner, explore=True, seed=seed).tolist())
            learner.replay.add(seed, transitions(100 * seed + step, 2))
        found.append(learner.update())
    return found


@pytest.fixture
def trained() -> Learner:
    learner = make(seeds=(3, 4))
    live(learner, 5)
    learner.components = [components(0), components(1)]
    return learner


def test_the_policys_update_leaves_the_encoder_alone_and_the_encoders_the_policy() -> None:
    learner = make()
    policy = {f"{part}{what}" for part in NETWORKS[1:] for what in ("", " moments")}
    assert changed(learner, learner._learn_policy) == {*policy, "target", "learning"}
    encoder = {"encoder", "encoder moments", "table", "learning"}
    assert changed(learner, learner._learn_encoder) == encoder


def test_the_encoder_is_due_every_so_many_updates() -> None:
    learner = make(encoder_every=3)
    for update in range(1, 10):
        before = learner.parameters["encoder"].flat.clone()
        (reported,) = learner.update()
        due = update % 3 == 0
        assert learner.parameters["encoder"].flat.equal(before) != due
        encoder = ("kl", "dynamics_loss", "language_loss") if due else ()
        assert tuple(reported) == POLICY_TERMS + encoder


def test_without_decoders_nothing_is_reported_of_them() -> None:
    (reported,) = make(decoders=False, encoder_every=1).update()
    assert tuple(reported) == (*POLICY_TERMS, "kl")
    assert reported["kl"] > 0


def test_nobody_goes_on_from_what_is_no_number() -> None:
    learner = make()
    learner.parameters["critic"].flat[0, 0] = float("nan")
    with pytest.raises(AgentError, match="critic holds what is no number after update 0"):
        learner.state(0)


def test_a_state_of_other_sizes_is_refused() -> None:
    with pytest.raises(AgentError, match=r"encoder has .* parameters, that of the state"):
        make(encoder_width=16).load(0, make(encoder_width=8).state(0))


class Unwaiting(TorchDispatchMode):
    """Refuses what makes a host wait for its GPU, or a shape depend on values."""

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = operator.overloadpacket.__name__
        if name in {"_local_scalar_dense", "nonzero", "masked_select", "equal"}:
            raise RuntimeError(f"{name} cannot be captured")
        return operator(*args, **(kwargs or {}))


@pytest.mark.parametrize("seeds", [(3,), (3, 4)])
def test_the_policys_update_waits_for_nothing_so_that_it_can_be_captured(seeds: tuple[int, ...]) -> None:
    learner = make(seeds)
    with Unwaiting():
        learner._learn_policy()
        with pytest.raises(RuntimeError, match="cannot be captured"):
            learner._policy_losses[0, 0].item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_captured_update_is_the_eager_one() -> None:
    captured, eager = make(device="cuda"), make(device="cuda")
    eager._update_policy = eager._learn_policy
    for _ in range(60):
        captured.update()
        eager.update()
    for part, parameters in captured.parameters.items():
        torch.testing.assert_close(parameters.flat, eager.parameters[part].flat, rtol=1e-4, atol=1e-5)


def test_each_task_has_its_own_temperature() -> None:
    learner = make()
    learner.replay.clear()
    for step in range(30):
        batch = transitions(step)
        if batch.tasks[0] != 1:
            learner.replay.add(0, batch)
    learner.update()
    first, absent, last = learner.parameters["temperature"].flat[0].tolist()
    assert absent == 0.0
    assert first != 0.0
    assert last != 0.0


def test_latents_are_those_of_given_noise(trained: Learner) -> None:
    batch = trained.replay.take(1, torch.arange(10))
    noise = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    mean = trained.latents(1, batch, torch.zeros(10, 3))
    once, twice = trained.latents(1, batch, noise) - mean, trained.latents(1, batch, 2 * noise) - mean
    assert mean.shape == (10, 3)
    torch.testing.assert_close(twice, 2 * once)
    assert (once.sign() == noise.sign()).all()


def test_latents_are_drawn_anew_even_to_be_judged() -> None:
    learner = make()
    assert not act(learner, explore=False).equal(act(learner, explore=False))


def test_being_judged_moves_nothing_that_matters(trained: Learner) -> None:
    assert changed(trained, lambda: act(trained, explore=False)) == {"judged"}
    assert live(make(), 6, judged=True) == live(make(), 6)


def test_exploring_does_not_move_learning(trained: Learner) -> None:
    assert changed(trained, lambda: act(trained, explore=True)) == {"exploring"}


RESETS = {
    "optimizer": {f"{part} moments" for part in NETWORKS},
    "actor": {"actor", "actor moments"},
    "critic": {"critic", "critic moments", "target"},
    "encoder": {"encoder", "encoder moments", "table"},
    "temperature": {"temperature", "temperature moments"},
    "buffer": {"buffer"},
    "mixture": set(),  # the agent's
}


@pytest.mark.parametrize("part", get_args(Part))
def test_a_reset_moves_its_part_alone(trained: Learner, part: Part) -> None:
    assert changed(trained, lambda: trained.reset((part,), 1)) == RESETS[part]


def test_after_a_reset_parts_are_as_new_but_not_the_first_ones_again(trained: Learner) -> None:
    first, new = make(seeds=(3, 4), initial_temperature=0.5), make(seeds=(3, 4), initial_temperature=0.5)
    live(first, 3)
    first.reset(get_args(Part), 1)
    assert first.replay.size(0) == first.replay.size(1) == 0
    assert first.parameters["temperature"].flat.unique().tolist() == pytest.approx([math.log(0.5)])
    assert first._critic_target.flat.equal(first.parameters["critic"].flat)
    assert first._table.equal(tabulate(first._frozen, first._identities))
    for part, own in first.parameters.items():
        assert not any(tensor.any() for tensor in first._optimisers[part].tensors)
        assert own.flat.equal(new.parameters[part].flat) == (part == "temperature")
    new.reset(get_args(Part), 1)
    for part, own in first.parameters.items():
        assert own.flat.equal(new.parameters[part].flat), "a seed and a visit decide"
    new.reset(("actor",), 2)
    assert not new.parameters["actor"].flat.equal(first.parameters["actor"].flat)


@pytest.mark.parametrize("seeds", [(3,), (3, 4)])
def test_a_loaded_learner_continues_bit_for_bit(seeds: tuple[int, ...]) -> None:
    learner, loaded = make(seeds), make(seeds)
    live(learner, 7)
    learner.components[0] = loaded.components[0] = components(0)
    for seed in range(len(seeds)):
        loaded.load(seed, learner.state(seed))
    assert prints(loaded) == prints(learner)
    assert live(loaded, 30, judged=True) == live(learner, 30, judged=True)
    assert prints(loaded) == prints(learner)


def test_a_state_does_not_follow_its_learner() -> None:
    learner, loaded = make(), make()
    state = learner.state(0)
    live(learner, 3)
    loaded.load(0, state)
    assert prints(loaded) == prints(make())


@pytest.mark.parametrize(
    ("term", "part", "name"),
    [
        ("critic_loss", "critic", "trunk.0.bias"),
        ("dynamics_loss", "encoder", "dynamics.0.bias"),
        ("language_loss", "encoder", "language.0.bias"),
    ],
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_named_with_its_update(
    term: str, part: str, name: str, value: float
) -> None:
    learner = make(seeds=(3, 4))
    live(learner, 3)
    with torch.no_grad():
        learner.parameters[part].tensors[name][-1] = value
    with pytest.raises(
        AgentError, match=rf"LEGION's {term}, of seed 2 of 2, is (nan|inf) at update 4:.* learning_rate"
    ):
        learner.update()
