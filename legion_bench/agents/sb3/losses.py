"""The losses of SB3's ``train``, on transitions that a method chooses.

SB3 computes them inline, on what its replay buffer draws; tests hold ours to the same
gradients. A learned temperature is taken as it is: when SB3 is about to step the critics or
the actor, it has stepped the temperature already, and uses what it was before.
(SAC: Haarnoja et al. 2018; TD3: Fujimoto et al. 2018.)
"""

from __future__ import annotations

import torch
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor
from torch.nn.functional import mse_loss

from legion_bench.agents.sb3.learner import Learner, Part


def loss(learner: Learner, part: Part, samples: ReplayBufferSamples) -> Tensor:
    """Return the loss whose gradient SB3 follows with a part's parameters, on ``samples``."""
    model = learner.model
    assert isinstance(model, SAC | TD3)
    return critic_loss(model, samples) if part == "critic" else actor_loss(model, samples)


def critic_loss(model: SAC | TD3, samples: ReplayBufferSamples) -> Tensor:
    """Squared distance of every critic from the smallest target critic's bootstrapped value."""
    with torch.no_grad():
        target = samples.rewards + (1 - samples.dones) * model.gamma * _next_values(model, samples)
    scale = 0.5 if isinstance(model, SAC) else 1.0
    values = model.critic(samples.observations, samples.actions)
    return scale * torch.stack([mse_loss(value, target) for value in values]).sum()


def actor_loss(model: SAC | TD3, samples: ReplayBufferSamples) -> Tensor:
    """Return how little the critics like the policy's actions, and for SAC how certain these are."""
    if isinstance(model, TD3):
        return -model.critic.q1_forward(samples.observations, model.actor(samples.observations)).mean()
    actions, log_probability = model.actor.action_log_prob(samples.observations)
    value = torch.cat(model.critic(samples.observations, actions), 1).amin(1)
    return (_temperature(model) * log_probability - value).mean()


def _next_values(model: SAC | TD3, samples: ReplayBufferSamples) -> Tensor:
    after = samples.next_observations
    if isinstance(model, SAC):
        actions, log_probability = model.actor.action_log_prob(after)
        values = torch.cat(model.critic_target(after, actions), 1).amin(1, keepdim=True)
        return values - _temperature(model) * log_probability.reshape(-1, 1)
    noise = torch.randn_like(samples.actions) * model.target_policy_noise
    noise = noise.clamp(-model.target_noise_clip, model.target_noise_clip)
    actions = (model.actor_target(after) + noise).clamp(-1, 1)
    return torch.cat(model.critic_target(after, actions), 1).amin(1, keepdim=True)


def _temperature(model: SAC) -> Tensor:
    if model.log_ent_coef is None:
        return model.ent_coef_tensor
    return model.log_ent_coef.detach().exp()
