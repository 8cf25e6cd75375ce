"""Networks of one shape, M of them side by side, as batched matrix products.

M is the number of seeds (twice that for critics): twin critics and stacked seeds cost
one kernel each. Inputs and outputs are [M, batch, …].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

Shapes = Mapping[str, tuple[int, ...]]
Tensors = Mapping[str, Tensor]
"""Parameters by name, [M, …] each."""
# Outputs of a layer below which its product is faster transposed, on a CPU.
_NARROW = 32


class Parameters:
    """Named tensors in one buffer [M, P], their gradients in another, and Adam over both.

    One buffer makes Adam, the target's average and a seed's state one operation each.
    """

    def __init__(self, shapes: Shapes, members: int, device: torch.device | str = "cpu") -> None:
        """Allocate zeros.

        Args:
            shapes: name → shape of one member's tensor.
            members: M.
            device: where the buffers are.
        """
        sizes = [math.prod(shape) for shape in shapes.values()]
        self.flat = torch.zeros(members, sum(sizes), device=device)
        self.gradients = torch.zeros_like(self.flat)
        self.tensors: dict[str, Tensor] = {}
        """By name, [M, …]; views into the buffer."""
        self.slopes: dict[str, Tensor] = {}
        """Their gradients, likewise."""
        for views, buffer in ((self.tensors, self.flat), (self.slopes, self.gradients)):
            for (name, shape), values in zip(shapes.items(), torch.split(buffer, sizes, 1), strict=True):
                views[name] = values.view(members, *shape)
        for tensor in self.tensors.values():
            tensor.requires_grad_()

    def members(self, chosen: slice) -> dict[str, Tensor]:
        """Return the tensors of some members; they follow what the buffer holds, and need no gradient."""
        return {name: tensor.detach()[chosen] for name, tensor in self.tensors.items()}

    def backward(self, loss: Tensor) -> None:
        """Set our gradients, and nobody else's, to those of a scalar."""
        gradients = torch.autograd.grad(loss, list(self.tensors.values()))
        torch.cat([gradient.flatten(1) for gradient in gradients], 1, out=self.gradients)

    @torch.no_grad()
    def initialise(self, generators: Sequence[torch.Generator]) -> None:
        """Draw weights (Xavier, uniform) and set biases to zero and scales to one.

        Args:
            generators: of the CPU, one per seed; members of one seed draw in turn.
        """
        members = len(self.flat) // len(generators)
        for name, tensor in self.tensors.items():
            if name.endswith("bias"):
                tensor.zero_()
            elif name.endswith("scale"):
                tensor.fill_(1.0)
        for member in range(len(self.flat)):
            for name, tensor in self.tensors.items():
                if name.endswith("weight"):
                    drawn = torch.empty(tensor.shape[1:])
                    torch.nn.init.xavier_uniform_(drawn, generator=generators[member // members])
                    tensor[member] = drawn


class Adam:
    """Adam over :class:`Parameters`, which can start afresh (Kingma & Ba 2015)."""

    def __init__(self, parameters: Parameters, learning_rate: float) -> None:
        """Start with no moments."""
        self._flat, self._gradients = parameters.flat, parameters.gradients
        self._learning_rate = learning_rate
        self._steps = torch.zeros((), device=self._flat.device)
        self._means, self._squares = torch.zeros_like(self._flat), torch.zeros_like(self._flat)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that changes with a step."""
        return (self._steps, self._means, self._squares)

    @torch.no_grad()
    def step(self) -> None:
        """Take one step down the gradients."""
        # The optimiser class around this function takes three times as long for small networks.
        adam(
            [self._flat],
            [self._gradients],
            [self._means],
            [self._squares],
            [],
            [self._steps],
            fused=True,
            capturable=self._flat.is_cuda,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def reset(self) -> None:
        """Forget all moments."""
        for tensor in self.tensors:
            tensor.zero_()

    def state(self, members: slice) -> dict[str, Tensor]:
        """Return copies of some members' moments."""
        kept = {"steps": self._steps, "means": self._means[members], "squares": self._squares[members]}
        return {name: tensor.cpu().clone() for name, tensor in kept.items()}

    def load(self, members: slice, state: dict[str, Tensor]) -> None:
        """Take over what :meth:`state` returned."""
        self._steps.copy_(state["steps"])
        self._means[members] = state["means"].to(self._means.device)
        self._squares[members] = state["squares"].to(self._squares.device)


def perceptron_shapes(name: str, inputs: int, width: int, depth: int, outputs: int) -> Shapes:
    """Return the shapes of :func:`perceptron`: ``depth`` hidden layers and a linear one."""
    sizes = [inputs, *[width] * depth, outputs]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        shapes[f"{name}.{layer}.weight"] = (rows, columns)
        shapes[f"{name}.{layer}.bias"] = (1, columns)
    return shapes


def perceptron(tensors: Tensors, name: str, hidden: Tensor, depth: int) -> Tensor:
    """Return the linear output [M, batch, outputs] of the network ``name`` after ReLU layers."""
    for layer in range(depth):
        hidden = dense(tensors, f"{name}.{layer}", hidden).relu_()
    return dense(tensors, f"{name}.{depth}", hidden)


def dense(tensors: Tensors, name: str, inputs: Tensor, out: Tensor | None = None) -> Tensor:
    """Return a linear layer's output [M, batch, outputs] for [M, batch, in]."""
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    if out is None and weight.shape[-1] < _NARROW:
        return torch.baddbmm(bias.mT, weight.mT, inputs.mT).mT
    return torch.baddbmm(bias, inputs, weight, out=out)
