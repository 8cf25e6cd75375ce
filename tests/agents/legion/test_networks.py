"""Shapes, counts and first weights of LEGION's networks, and Adam over their one buffer."""

from __future__ import annotations

import math

import pytest
import torch

from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.learner import Learner
from legion_bench.agents.legion.networks import Adam, Parameters

from .learners import IDENTITY, make

ENCODER = {
    "encoder.0": (780, 400),
    "encoder.1": (400, 400),
    "encoder.2": (400, 400),
    "mean": (400, 10),
    "log_variance": (400, 10),
}
DYNAMICS = {
    "dynamics.0": (26, 400),
    "dynamics.1": (400, 400),
    "dynamics.2": (400, 400),
    "dynamics.3": (400, 12),
}
LANGUAGE = {
    "language.0": (10, 400),
    "language.1": (400, 400),
    "language.2": (400, 400),
    "language.3": (400, 768),
}
HIDDEN = {f"trunk.{layer}": (300, 300) for layer in (1, 2, 3)}
PUBLISHED = {
    "encoder": ENCODER | DYNAMICS | LANGUAGE,
    "actor": {"trunk.0": (22, 300), **HIDDEN, "trunk.4": (300, 8)},
    "critic": {"trunk.0": (26, 300), **HIDDEN, "trunk.4": (300, 1)},
}


@pytest.fixture(scope="module")
def published() -> Learner:
    return Learner(LegionConfig(buffer_size=1), 12, torch.zeros(10, 768), [5])


def layers(learner: Learner, part: str) -> dict[str, tuple[int, int]]:
    """Return inputs and outputs of each linear layer; its bias must fit."""
    found = {}
    for name, tensor in learner.parameters[part].tensors.items():
        layer, kind = name.rsplit(".", 1)
        if kind == "weight":
            _, rows, columns = tensor.shape
            found[layer] = (rows, columns)
            assert learner.parameters[part].tensors[f"{layer}.bias"].shape[1:] == (1, columns)
    return found


@pytest.mark.parametrize("part", PUBLISHED)
def test_networks_have_the_published_sizes(published: Learner, part: str) -> None:
    assert layers(published, part) == PUBLISHED[part]
    networks = 2 if part == "critic" else 1
    norm = 0 if part == "encoder" else 2 * 300
    count = sum(rows * columns + columns for rows, columns in PUBLISHED[part].values()) + norm
    assert published.parameters[part].flat.shape == (networks, count)


def test_a_temperature_for_each_task_is_learned(published: Learner) -> None:
    assert published.parameters["temperature"].flat.tolist() == [[0.0] * 10]


def test_weights_begin_xavier_uniform_and_the_rest_zero_or_one(published: Learner) -> None:
    for own in published.parameters.values():
        for name, tensor in own.tensors.items():
            if name.endswith("weight"):
                bound = math.sqrt(6 / sum(tensor.shape[1:]))
                assert tensor.abs().max() <= bound
                deviation = bound / math.sqrt(3)
                assert tensor.std().item() == pytest.approx(deviation, rel=0.1)
                assert abs(tensor.mean().item()) < 5 * deviation / math.sqrt(tensor.numel())
            elif name.endswith("scale"):
                assert (tensor == 1).all()
            else:
                assert not tensor.any()


def test_twin_critics_differ_and_their_targets_are_copies(published: Learner) -> None:
    first, second = published.parameters["critic"].tensors["trunk.1.weight"]
    assert not torch.isclose(first, second).all()
    assert published._critic_target.flat.equal(published.parameters["critic"].flat)


@pytest.mark.parametrize(
    ("identity", "decoders", "expected"),
    [
        (IDENTITY, True, {"encoder", "mean", "log_variance", "dynamics", "language"}),
        (0, True, {"encoder", "mean", "log_variance", "dynamics"}),
        (IDENTITY, False, {"encoder", "mean", "log_variance"}),
    ],
)
def test_there_are_as_many_decoders_as_there_is_to_decode(
    identity: int, decoders: bool, expected: set[str]
) -> None:
    learner = make(identity=identity, decoders=decoders)
    assert {name.split(".")[0] for name in learner.parameters["encoder"].tensors} == expected


def test_a_seed_decides_first_weights_whatever_it_is_stacked_with() -> None:
    alone, stacked = make([3]), make([1, 3])
    for part, own in alone.parameters.items():
        flat = stacked.parameters[part].flat
        assert flat[stacked._members(part, 1)].equal(own.flat)
        if part != "temperature":
            assert not flat[stacked._members(part, 0)].equal(own.flat)


def test_adam_is_torchs(double: None) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = Parameters({"one.weight": (3, 2), "two.weight": (2, 2)}, 2)
    ours.initialise([generator])
    theirs = torch.nn.Parameter(ours.flat.clone())
    adam, plain = Adam(ours, 0.1), torch.optim.Adam([theirs], 0.1)
    for _ in range(5):
        ours.gradients.normal_(generator=generator)
        theirs.grad = ours.gradients.clone()
        adam.step()
        plain.step()
        torch.testing.assert_close(ours.flat, theirs.detach(), rtol=1e-12, atol=1e-12)


def test_adam_that_was_reset_steps_as_a_new_one() -> None:
    used, new = Parameters({"weight": (4, 4)}, 1), Parameters({"weight": (4, 4)}, 1)
    adam = Adam(used, 0.1)
    used.gradients.fill_(3.0)
    adam.step()
    adam.reset()
    used.flat.zero_()
    for parameters in (used, new):
        parameters.gradients.copy_(torch.arange(16.0)[None] - 8)
    adam.step()
    Adam(new, 0.1).step()
    assert used.flat.any()
    assert used.flat.equal(new.flat)


def test_a_backward_pass_sets_one_buffers_gradients_alone() -> None:
    one, other = Parameters({"weight": (2,), "bias": (1,)}, 2), Parameters({"weight": (2,)}, 2)
    with torch.no_grad():
        one.tensors["weight"].copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        other.tensors["weight"].copy_(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
    loss = (one.tensors["weight"] * other.tensors["weight"]).sum() + 9 * one.tensors["bias"].sum()
    one.backward(loss)
    assert one.gradients.tolist() == [[5.0, 6.0, 9.0], [7.0, 8.0, 9.0]]
    assert not other.gradients.any()
