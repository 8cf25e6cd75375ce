"""LEGION's actor and critics: networks of one kind, forwards and, written out by hand, backwards.

Without a graph of what was computed there is little but matrix products to an update, and
each pass writes over what the last one left rather than asking for memory anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from legion_bench.agents.legion.networks import Shapes, Tensors, dense, perceptron_shapes

_SLOPE = 0.01
_EPSILON = 1e-5
# Where PyTorch keeps the operators that autograd itself calls on the way back.
_AUTOGRADS = torch.ops.aten


def trunk_shapes(inputs: int, width: int, depth: int, outputs: int) -> Shapes:
    """Return the shapes of :func:`trunk`."""
    scale = {"norm.scale": (1, width), "norm.bias": (1, width)}
    return {**perceptron_shapes("trunk", inputs, width, depth, outputs), **scale}


@dataclass(slots=True)
class Tape:
    """What a pass forwards leaves for the one backwards, M networks side by side."""

    first: Tensor
    """[M, B, width] the first layer before it is normalised."""
    hidden: list[Tensor]
    """[M, B, width] each: what hidden layers have come to."""
    spare: list[Tensor]
    """[M, B, width] each: gradients, on the way back."""
    inputs: Tensor
    """[M, B, in]"""
    normal: Tensor
    """[M, B, width] the first layer normalised."""
    moments: tuple[Tensor, Tensor]
    """[M, B, 1] each: mean and inverse deviation of the first layer."""

    @classmethod
    def of(cls, members: int, batch: int, width: int, depth: int, device: torch.device) -> Tape:
        """Return a tape with nothing on it."""
        room = [torch.empty(members, batch, width, device=device) for _ in range(depth + 3)]
        nothing = torch.empty(0, device=device)
        return cls(room[0], room[1 : depth + 1], room[depth + 1 :], nothing, nothing, (nothing, nothing))


def trunk(tensors: Tensors, inputs: Tensor, depth: int, tape: Tape | None = None) -> Tensor:
    """Return the linear output [M, B, out] of LEGION's actor and critics.

    The first layer is Linear, LayerNorm, tanh; the other hidden ones Linear, LeakyReLU. Autograd
    cannot follow, since layers are written over.

    Args:
        tensors: the networks'.
        inputs: [M, B, in]
        depth: number of hidden layers.
        tape: written over with what :func:`backward` needs.
    """
    first, hidden = (None, [None] * depth) if tape is None else (tape.first, tape.hidden)
    found = dense(tensors, "trunk.0", inputs, out=first)
    normal, *moments = torch.native_layer_norm(found, found.shape[-1:], None, None, _EPSILON)
    if tape is not None:
        tape.inputs, tape.normal, tape.moments = inputs, normal, (moments[0], moments[1])
    found = torch.addcmul(tensors["norm.bias"], normal, tensors["norm.scale"], out=hidden[0])
    # tanh itself takes three times as long on a CPU.
    found = found.mul_(2).sigmoid_().mul_(2).sub_(1)
    for layer in range(1, depth):
        found = torch.nn.functional.leaky_relu_(
            dense(tensors, f"trunk.{layer}", found, out=hidden[layer]), _SLOPE
        )
    return dense(tensors, f"trunk.{depth}", found)


def backward(
    tensors: Tensors, gradient: Tensor, depth: int, tape: Tape, into: Tensors | None = None
) -> Tensor:
    """Return the gradient [M, B, width] of the first layer's output, before it is normalised.

    Args:
        tensors: the networks'.
        gradient: [M, B, out] of what :func:`trunk` returned.
        depth: number of hidden layers.
        tape: left by :func:`trunk`.
        into: where gradients of the tensors are written, by name; None if nobody asks for them.
    """
    for layer in range(depth, 0, -1):
        hidden, name = tape.hidden[layer - 1], f"trunk.{layer}"
        if into is not None:
            _differentiate(into, name, hidden, gradient)
        gradient = _before(tensors[f"{name}.weight"], gradient, out=tape.spare[layer % 2])
        if layer > 1:
            _AUTOGRADS.leaky_relu_backward.grad_input(gradient, hidden, _SLOPE, True, grad_input=gradient)
        else:
            _AUTOGRADS.tanh_backward.grad_input(gradient, hidden, grad_input=gradient)
    if into is not None:
        torch.sum(gradient, 1, keepdim=True, out=into["norm.bias"])
        torch.sum(gradient * tape.normal, 1, keepdim=True, out=into["norm.scale"])
    gradient.mul_(tensors["norm.scale"])
    gradient, _, _ = _AUTOGRADS.native_layer_norm_backward(
        gradient, tape.first, tape.first.shape[-1:], *tape.moments, None, None, [True, False, False]
    )
    if into is not None:
        _differentiate(into, "trunk.0", tape.inputs, gradient)
    return gradient


def _before(weight: Tensor, gradient: Tensor, out: Tensor) -> Tensor:
    """Return the gradient [M, B, in] of a layer's input."""
    if weight.shape[-1] == 1:  # a product of vectors, for which a matrix product is slow
        return torch.mul(gradient, weight.mT, out=out)
    return torch.bmm(gradient, weight.mT, out=out)


def _differentiate(into: Tensors, name: str, inputs: Tensor, gradient: Tensor) -> None:
    """Write the gradients of a linear layer's tensors, given that of its output."""
    torch.bmm(inputs.mT, gradient, out=into[f"{name}.weight"])
    torch.sum(gradient, 1, keepdim=True, out=into[f"{name}.bias"])
