"""SB3's policies with the task at their input and, if asked for, an output head per task.

What SB3 stores and passes to its networks is an observation with the task's identity as
its last value. The features extractor replaces that value by what the networks are to
see of it, and remembers it for the heads, which come later in the same forward pass.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy, ContinuousCritic
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac.policies import Actor as SacActor
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import Actor as Td3Actor
from stable_baselines3.td3.policies import TD3Policy
from torch import Tensor, nn


class TaskInput(BaseFeaturesExtractor):
    """[B, obs + 1] with identities last → [B, obs + width] with what stands for them."""

    codes: Tensor | None

    def __init__(self, observation_space: spaces.Box, codes: Tensor | None) -> None:
        """Say what stands for a task.

        Args:
            observation_space: of what is stored, the identity included.
            codes: [tasks, width]; None shows the networks nothing of the task.
        """
        width = 0 if codes is None else codes.shape[1]
        super().__init__(observation_space, observation_space.shape[0] - 1 + width)
        self.register_buffer("codes", codes, persistent=False)

    def forward(self, observations: Tensor) -> Tensor:
        """Return what the networks see."""
        seen, self._told = observations[:, :-1], observations[:, -1]
        return seen if self.codes is None else torch.cat([seen, self.codes[self.tasks]], 1)

    @property
    def tasks(self) -> Tensor:
        """[B] identities in the latest batch."""
        return self._told.long()


class Heads(nn.Module):
    """A linear output layer per task; each row of a batch goes through its own task's."""

    def __init__(self, like: Any, heads: int, source: Any) -> None:
        """Stand in for a layer, so many times.

        Args:
            like: the ``nn.Linear`` whose shape each head has.
            heads: how many.
            source: the :class:`TaskInput` that every batch passes before it comes here.
        """
        super().__init__()
        self.all = nn.Linear(like.in_features, heads * like.out_features)
        self._heads, self._source = heads, (source,)  # in a tuple: not a child of this module

    def forward(self, features: Tensor) -> Tensor:
        """Return [B, out] for features [B, in]."""
        outputs: Tensor = self.all(features).view(len(features), self._heads, -1)
        tasks = self._source[0].tasks
        return outputs[torch.arange(len(tasks), device=tasks.device), tasks]


class _OneHeadPerTask:
    """What SACPolicy and TD3Policy share: heads for last layers, put in before an optimizer sees them."""

    def __init__(self, *args: Any, heads: int, **kwargs: Any) -> None:
        self._heads = heads
        super().__init__(*args, **kwargs)

    def make_actor(self, features_extractor: Any = None) -> Any:
        actor = super().make_actor(features_extractor)  # type: ignore[misc]
        return _with_heads(actor, self._heads)

    def make_critic(self, features_extractor: Any = None) -> Any:
        critic = super().make_critic(features_extractor)  # type: ignore[misc]
        return _with_heads(critic, self._heads)


class MultiHeadSacPolicy(_OneHeadPerTask, SACPolicy):
    """SAC with an output layer per task in actor and critics."""


class MultiHeadTd3Policy(_OneHeadPerTask, TD3Policy):
    """TD3 with an output layer per task in actor and critics."""


class MultiHeadPpoPolicy(ActorCriticPolicy):
    """PPO with an output layer per task for actions and values."""

    def __init__(self, *args: Any, heads: int, **kwargs: Any) -> None:
        """As the base class, with so many heads."""
        self._heads = heads
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        for name, gain in (("action_net", 0.01), ("value_net", 1.0)):  # SB3's own gains
            heads = Heads(getattr(self, name), self._heads, self.features_extractor)
            setattr(self, name, heads.apply(partial(self.init_weights, gain=gain)))
        settings: dict[str, Any] = {"lr": lr_schedule(1), **self.optimizer_kwargs}
        self.optimizer = self.optimizer_class(self.parameters(), **settings)


def _with_heads(network: Any, heads: int) -> Any:
    source = network.features_extractor
    match network:
        case SacActor():
            for name in ("mu", "log_std"):
                setattr(network, name, Heads(getattr(network, name), heads, source))
        case Td3Actor():
            layers: Any = network.mu
            layers[-2] = Heads(layers[-2], heads, source)  # a tanh follows
        case ContinuousCritic():
            for layers in network.q_networks:
                layers[-1] = Heads(layers[-1], heads, source)
    return network.to(network.device)
