"""LEGION's losses as pure functions of tensors (Meng et al. 2025; Haarnoja et al. 2018).

Leading dimensions are [S seeds, B batch] throughout. A loss is summed over seeds, which
share no parameter, and averaged over the batch, so that each seed's gradient is its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

LOG_STD_RANGE = (-20.0, 2.0)


def gaussian(head: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log standard deviation [S, B, A] of an actor's output [S, B, 2A]."""
    mean, squashed = head.chunk(2, -1)
    low, high = LOG_STD_RANGE
    return mean, low + 0.5 * (high - low) * (torch.tanh(squashed) + 1)


def squashed(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return an action [S, B, A] of a tanh-squashed Gaussian, and its log-probability [S, B].

    Args:
        mean: [S, B, A] before squashing.
        log_std: [S, B, A] likewise.
        noise: [S, B, A] of a standard normal distribution.
    """
    raw = mean + log_std.exp() * noise
    gaussian_part = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    # log(1 - tanh(x)^2), which loses nothing where tanh(x) rounds to 1.
    volume = 2 * (math.log(2) - raw - functional.softplus(-2 * raw))
    return torch.tanh(raw), (gaussian_part - volume).sum(-1)


def squashed_gradient(
    actions: Tensor, log_std: Tensor, noise: Tensor, to_actions: Tensor, to_log_probs: Tensor
) -> Tensor:
    """Return a loss's gradient of an actor's output [S, B, 2A], see :func:`gaussian`.

    Args:
        actions: [S, B, A] what :func:`squashed` made of that output.
        log_std: [S, B, A]
        noise: [S, B, A]
        to_actions: [S, B, A] the loss's gradient of the actions.
        to_log_probs: [S, B] that of their log-probabilities.
    """
    to_log_probs = to_log_probs.unsqueeze(-1)
    # log p falls by log(1 - tanh(x)^2), of which the derivative is -2 tanh(x).
    to_mean = to_actions * (1 - actions.square()) + to_log_probs * 2 * actions
    to_log_std = to_mean * log_std.exp() * noise - to_log_probs
    low, high = LOG_STD_RANGE
    # Of low + (high - low) / 2 * (tanh(x) + 1), in terms of what it is.
    slope = 2 * (log_std - low) * (high - log_std) / (high - low)
    return torch.cat((to_mean, to_log_std * slope), -1)


def target(
    rewards: Tensor, continues: Tensor, values: Tensor, log_probs: Tensor, alphas: Tensor, gamma: float
) -> Tensor:
    """Return what critics should say [S, B].

    Args:
        rewards: [S, B]
        continues: [S, B] 0 where the task ended, else 1; a time limit does not end it.
        values: [S, 2, B] of the target critics at the next step.
        log_probs: [S, B] of the next action.
        alphas: [S, B] temperature of each transition's task.
        gamma: discount factor.
    """
    return rewards + gamma * continues * (values.amin(1) - alphas * log_probs)


def critic_loss(values: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss [S] of twin critics' values [S, 2, B] against targets [S, B], and its gradient."""
    errors = values - targets.unsqueeze(1)
    return errors.square().mean(-1).sum(1), errors * (2 / errors.shape[-1])


def actor_loss(values: Tensor, log_probs: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss [S] of actions that critics value at [S, 2, B]; the rest is [S, B].

    With it come its gradients of values and log-probabilities.
    """
    batch = values.shape[-1]
    first = values[:, :1] < values[:, 1:]
    to_values = torch.cat((first, ~first), 1).to(values.dtype) / -batch
    return (alphas * log_probs - values.amin(1)).mean(-1), to_values, alphas / batch


def temperature_loss(alphas: Tensor, log_probs: Tensor, target_entropy: float) -> tuple[Tensor, Tensor]:
    """Return the loss [S] of each transition's temperature [S, B], given log_probs [S, B].

    With it comes its gradient [S, B] of the temperatures' logarithms.
    """
    terms = -alphas * (log_probs + target_entropy)
    return terms.mean(-1), terms / terms.shape[-1]


def dynamics_loss(predicted: Tensor, observations: Tensor) -> Tensor:
    """Return half the mean squared error [S] of predicted next observations [S, B, obs]."""
    return 0.5 * (predicted - observations).square().mean((-2, -1))


def language_loss(decoded: Tensor, embeddings: Tensor) -> Tensor:
    """Return the squared error [S] of decoded embeddings [S, B, E], summed over the batch too."""
    return (decoded - embeddings).square().sum((-2, -1))
