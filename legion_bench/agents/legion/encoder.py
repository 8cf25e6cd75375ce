"""Task inference: the encoder q(z | s, e) and its two decoders (Meng et al. 2025)."""

from __future__ import annotations

import torch
from torch import Tensor

from legion_bench.agents.legion.networks import Shapes, Tensors, dense, perceptron, perceptron_shapes


def encoder_shapes(
    observation: int, identity: int, action: int, latent: int, width: int, depth: int, *, decoders: bool
) -> Shapes:
    """Return the shapes of the encoder and, if there are any, the decoders.

    Args:
        observation: length of an observation s.
        identity: length of what is told of the task, e; 0 for nothing.
        action: length of an action.
        latent: length of z.
        width: of hidden layers.
        depth: hidden layers of each network.
        decoders: whether there are any; without an identity there is none for it.
    """
    shapes = dict(perceptron_shapes("encoder", observation + identity, width, depth - 1, width))
    for head in ("mean", "log_variance"):
        shapes |= {f"{head}.weight": (width, latent), f"{head}.bias": (1, latent)}
    if decoders:
        shapes |= perceptron_shapes("dynamics", observation + action + latent, width, depth, observation)
    if decoders and identity:
        shapes |= perceptron_shapes("language", latent, width, depth, identity)
    return shapes


def tabulate(tensors: Tensors, identities: Tensor) -> Tensor:
    """Return the first layer's output [M, T, width] for each task, but for what the observation adds.

    Args:
        tensors: the encoder's.
        identities: [M, T, E]
    """
    observation = tensors["encoder.0.weight"].shape[1] - identities.shape[-1]
    return torch.baddbmm(tensors["encoder.0.bias"], identities, tensors["encoder.0.weight"][:, observation:])


def encode(tensors: Tensors, told: Tensor, observations: Tensor, depth: int) -> tuple[Tensor, Tensor]:
    """Return mean and log variance [M, B, z] of the latent.

    Args:
        tensors: the encoder's.
        told: [M, B, width] each observation's row of :func:`tabulate`.
        observations: [M, B, obs]
        depth: number of hidden layers.
    """
    weights = tensors["encoder.0.weight"][:, : observations.shape[-1]]
    hidden = torch.baddbmm(told, observations, weights).relu_()
    for layer in range(1, depth):
        hidden = dense(tensors, f"encoder.{layer}", hidden).relu_()
    heads = {
        f"heads.{kind}": torch.cat([tensors[f"{head}.{kind}"] for head in ("mean", "log_variance")], -1)
        for kind in ("weight", "bias")
    }
    mean, log_variance = dense(heads, "heads", hidden).chunk(2, -1)
    return mean, log_variance


def sample(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return latents, given noise of a standard normal distribution; all of one shape."""
    return mean + (0.5 * log_variance).exp() * noise


def predict(tensors: Tensors, observations: Tensor, actions: Tensor, latents: Tensor, depth: int) -> Tensor:
    """Return the predicted next observation [M, B, obs]."""
    return perceptron(tensors, "dynamics", torch.cat((observations, actions, latents), -1), depth)


def describe(tensors: Tensors, latents: Tensor, depth: int) -> Tensor:
    """Return the reconstructed identity [M, B, E], in (-1, 1)."""
    return torch.tanh(perceptron(tensors, "language", latents, depth))
