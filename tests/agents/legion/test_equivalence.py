"""Our fast update against LEGION written down plainly, and stacked seeds against separate ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from legion_bench.agents.legion.learner import Learner
from legion_bench.seeding import derive

from .learners import OBSERVATION, TASKS, components, make
from .reference import Noise, Reference, ours, tensors

pytestmark = pytest.mark.usefixtures("double")

CASES: dict[str, dict[str, Any]] = {
    "small": {},
    "an identity of its own for each task": {"identity": TASKS},
    "no identity": {"identity": 0},
    "no decoders": {"decoders": False},
    "neither": {"identity": 0, "decoders": False},
    "one hidden layer": {"depth": 1, "encoder_depth": 1},
    "other rates": {"gamma": 0.9, "tau": 0.3, "kl_weight": 5.0, "target_entropy": 1.5},
    "another temperature": {"initial_temperature": 0.1},
    "published sizes": {
        "latent": 10,
        "encoder_width": 400,
        "encoder_depth": 3,
        "width": 300,
        "depth": 4,
        "observation": 12,
        "identity": 768,
        "learning_rate": 3e-4,
    },
}


def close(actual: Tensor, expected: Tensor, what: str) -> None:
    """Compare by the largest number: what is zero but for rounding has no relative error."""
    scale = expected.abs().max().item()
    assert scale > 0, what
    torch.testing.assert_close(
        actual, expected, rtol=0, atol=1e-8 * scale, msg=f"{what}: {actual - expected}"
    )


def check(learner: Learner, reference: Reference, part: str) -> None:
    """Compare a part's gradients, layer by layer, and its weights."""
    found = tensors(learner, part, 0)
    for member, network in enumerate(reference.parts[part]):
        for name, weight in network.items():
            where = f"{part} {member}, {name}"
            torch.testing.assert_close(found[name][member].flatten(), ours(weight), rtol=0, atol=1e-8)
            if part != "critic target":
                assert weight.grad is not None
                close(gradients(learner, part)[name][member], ours(weight.grad), f"gradient of {where}")


def gradients(learner: Learner, part: str) -> dict[str, Tensor]:
    """Return gradients [M, size]."""
    own = learner.parameters[part]
    sizes = [tensor[0].numel() for tensor in own.tensors.values()]
    return dict(zip(own.tensors, own.gradients.split(sizes, 1), strict=True))


def learn(learner: Learner, reference: Reference) -> None:
    """Let both take the same step of everything, and compare."""
    latent = learner.config.latent
    learner._learn_policy()
    batch = learner._batch
    assert batch is not None
    reference.update_policy(batch, Noise(*learner._noise[0].split([latent] * 3 + [4] * 2, 1)))
    for part in ("critic", "actor", "temperature", "critic target"):
        check(learner, reference, part)
    learner._learn_encoder()
    reference.update_encoder(batch, learner._noise[0, :, :latent], learner.components[0])
    check(learner, reference, "encoder")


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_updates_are_the_plain_ones(changes: dict[str, Any]) -> None:
    learner = make(**changes)
    reference = Reference(learner)
    for _ in range(3):
        learn(learner, reference)


def test_updates_towards_a_mixture_are_the_plain_ones() -> None:
    learner = make(kl_weight=1.0)
    reference = Reference(learner)
    for fit in range(3):
        learner.components[0] = components(fit)
        learn(learner, reference)


def test_each_update_of_the_encoder_draws_latents_of_its_own() -> None:
    learner = make()
    learner._learn_policy()
    noise = learner._noise[..., : learner.config.latent].clone()
    learner._learn_encoder()
    assert not torch.isclose(learner._noise[..., : learner.config.latent], noise).any()


@pytest.mark.parametrize("explore", [True, False])
def test_actions_are_the_plain_ones(explore: bool) -> None:
    learner = make(seeds=(3, 4))
    for _ in range(4):  # the encoder's table must follow it
        learner.update()
    reference, latent = Reference(learner, seed=1), learner.config.latent
    observations = torch.randn(6, OBSERVATION, generator=torch.Generator().manual_seed(0))
    tasks = torch.arange(6) % TASKS
    generator = torch.Generator().manual_seed(derive(4, "exploring" if explore else "judged"))
    noise = torch.randn(6, latent + 4, generator=generator)
    inferred = reference.infer(observations, tasks)
    state = torch.cat([observations, inferred.mean + inferred.stddev * noise[:, :latent]], 1)
    policy = reference.policy(state)
    expected = torch.tanh(policy.mean + policy.stddev * noise[:, latent:] * explore)
    torch.testing.assert_close(learner.act(1, observations, tasks, explore=explore), expected.detach())


@pytest.mark.parametrize("fitted", [False, True], ids=["standard normal", "mixtures"])
def test_stacked_seeds_learn_as_separate_ones_do(fitted: bool) -> None:
    seeds = (3, 1, 2)
    changes: dict[str, Any] = {"kl_weight": 1.0, "encoder_every": 1}
    stack, apart = make(seeds, **changes), [make([seed], **changes) for seed in seeds]
    if fitted:  # one of them is not yet
        for place in (0, 2):
            stack.components[place] = apart[place].components[0] = components(place)
    for update in range(20):
        metrics = stack.update()
        for place, alone in enumerate(apart):
            (expected,) = alone.update()
            assert metrics[place] == pytest.approx(expected, rel=1e-6)
            assert stack._batch is not None
            assert alone._batch is not None
            assert stack._batch.rewards[place].equal(alone._batch.rewards[0]), update
            assert stack._noise[place].equal(alone._noise[0]), update
            for part, own in alone.parameters.items():
                members = stack._members(part, place)
                close(stack.parameters[part].gradients[members], own.gradients, f"{part}, update {update}")
                close(stack.parameters[part].flat[members], own.flat, f"{part}, update {update}")
            target = stack._critic_target.flat[stack._members("critic", place)]
            close(target, alone._critic_target.flat, f"target, update {update}")
