"""LEGION's actor and critics against torch.nn, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.networks import Parameters
from legion_bench.agents.legion.trunk import Tape, backward, trunk, trunk_shapes

from . import reference

MEMBERS, BATCH, INPUTS, WIDTH = 2, 6, 5, 7
CPU = torch.device("cpu")


def made(depth: int, outputs: int) -> Parameters:
    """Return networks none of whose tensors are special."""
    parameters = Parameters(trunk_shapes(INPUTS, WIDTH, depth, outputs), MEMBERS)
    with torch.no_grad():
        parameters.flat.normal_(generator=torch.Generator().manual_seed(1))
    return parameters


def plain(parameters: Parameters, depth: int, outputs: int) -> list[list[nn.Module]]:
    """Return the same networks in torch.nn."""
    networks = [
        reference.trunk(INPUTS, outputs, LegionConfig(width=WIDTH, depth=depth)) for _ in range(MEMBERS)
    ]
    values = parameters.members(slice(None))
    reference.load([reference.named("trunk", network) for network in networks], values)
    return networks


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[1, 2, 4])
def depth(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.mark.parametrize("outputs", [1, 8, 40], ids=["value", "action", "wide"])
def test_both_ways_are_torchs(depth: int, outputs: int, double: None) -> None:
    parameters, tape = made(depth, outputs), Tape.of(MEMBERS, BATCH, WIDTH, depth, CPU)
    networks = plain(parameters, depth, outputs)
    for turn in range(2):  # the second writes over the first
        inputs, to_outputs = drawn(turn, MEMBERS, BATCH, INPUTS), drawn(turn + 9, MEMBERS, BATCH, outputs)
        with torch.no_grad():
            found = trunk(parameters.tensors, inputs, depth, tape)
            to_first = backward(parameters.tensors, to_outputs, depth, tape, parameters.slopes)
        for member, network in enumerate(networks):
            own = inputs[member].requires_grad_()
            expected = reference.run(network, own)
            torch.testing.assert_close(found[member], expected)
            weights = reference.named("trunk", network)
            given = torch.autograd.grad(expected, [own, *weights.values()], to_outputs[member])
            to_inputs = to_first[member] @ parameters.members(slice(None))["trunk.0.weight"][member].T
            torch.testing.assert_close(to_inputs, given[0])
            for name, gradient in zip(weights, given[1:], strict=True):
                slope = parameters.slopes[name][member].flatten()
                torch.testing.assert_close(slope, reference.ours(gradient), msg=f"{name}, turn {turn}")


def test_gradients_that_nobody_asks_for_are_left_alone(depth: int) -> None:
    parameters, tape = made(depth, 1), Tape.of(MEMBERS, BATCH, WIDTH, depth, CPU)
    inputs, to_outputs = drawn(0, MEMBERS, BATCH, INPUTS), drawn(1, MEMBERS, BATCH, 1)
    with torch.no_grad():
        trunk(parameters.tensors, inputs, depth, tape)
        without = backward(parameters.tensors, to_outputs, depth, tape)
        assert not parameters.gradients.any()
        trunk(parameters.tensors, inputs, depth, tape)
        with_them = backward(parameters.tensors, to_outputs, depth, tape, parameters.slopes)
    assert parameters.gradients.any()
    assert without.equal(with_them)


def test_a_tape_changes_nothing(depth: int) -> None:
    parameters, inputs = made(depth, 8), drawn(0, MEMBERS, BATCH, INPUTS)
    with torch.no_grad():
        found = trunk(parameters.tensors, inputs, depth, Tape.of(MEMBERS, BATCH, WIDTH, depth, CPU))
        assert found.equal(trunk(parameters.tensors, inputs, depth))


def test_gradients_by_name_are_the_buffers() -> None:
    parameters = Parameters({"weight": (2, 2), "bias": (1, 2)}, 2)
    parameters.slopes["bias"][1] = 3.0
    assert parameters.gradients.tolist() == [[0.0] * 6, [0.0] * 4 + [3.0] * 2]
