"""An SB3 model as continual-learning methods see it, whatever its algorithm."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import numpy as np
import torch
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor, nn

from legion_bench.agents.sb3.networks import Heads

Model = SAC | TD3 | PPO
Part = Literal["actor", "critic"]
PARTS: tuple[Part, ...] = ("actor", "critic")

# What the parts are called in the state of a policy, targets included.
_PREFIXES: dict[Part, tuple[str, ...]] = {
    "actor": ("actor.", "actor_target.", "mlp_extractor.policy_net.", "action_net.", "log_std"),
    "critic": ("critic.", "critic_target.", "mlp_extractor.value_net.", "value_net."),
}
_TARGETS = ("actor_target.", "critic_target.")


class Learner:
    """The networks, memory and losses of an SB3 model."""

    def __init__(self, model: Model, tasks: int, visits: int = 0, resets: Collection[str] = ()) -> None:
        """Look at a model.

        Args:
            model: what learns.
            tasks: distinct tasks of its stream.
            visits: of the stream, in all.
            resets: what the card has start afresh with each visit.
        """
        self.model = model
        self.tasks, self.visits, self.resets = tasks, visits, frozenset(resets)

    def parameters(self, part: Part) -> dict[str, nn.Parameter]:
        """Return a part's trained parameters by name, the target networks' left out."""
        return {
            name: parameter
            for name, parameter in self.model.policy.named_parameters()
            if name.startswith(_PREFIXES[part]) and not name.startswith(_TARGETS)
        }

    def shared(self, part: Part) -> dict[str, nn.Parameter]:
        """Return those of :meth:`parameters` that serve all tasks: all but an output head per task's."""
        heads = {
            id(parameter)
            for module in self.model.policy.modules()
            if isinstance(module, Heads)
            for parameter in module.parameters()
        }
        return {name: value for name, value in self.parameters(part).items() if id(value) not in heads}

    def policy(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Gaussian [B, 4] that actions are drawn from: its means and log standard deviations.

        SAC's before squashing. TD3 has no deviations: they are constant zeros, in log, and the means its
        actions.
        """
        match self.model:
            case SAC():
                mean, log_std, _ = self.model.actor.get_action_dist_params(observations)
            case TD3():
                mean = self.model.actor(observations)
                log_std = torch.zeros_like(mean)
            case PPO():
                normal: Any = self.model.policy.get_distribution(observations).distribution
                mean, log_std = normal.mean, normal.stddev.log()
        return mean, log_std

    def values(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return what the critics say: [B, critics]; PPO's one critic sees no actions."""
        if isinstance(self.model, PPO):
            return self.model.policy.predict_values(observations)
        return torch.cat(self.model.critic(observations, actions), 1)

    def sample(self, count: int) -> ReplayBufferSamples:
        """Draw transitions from the replay buffer, with replacement; their observations are [B, obs + 1]."""
        assert not isinstance(self.model, PPO)
        assert self.model.replay_buffer is not None
        return self.model.replay_buffer.sample(count)

    def sample_of(self, task: int, count: int) -> ReplayBufferSamples | None:
        """Draw as :meth:`sample` does, but a task's transitions alone; None if the buffer holds none."""
        assert not isinstance(self.model, PPO)
        buffer = self.model.replay_buffer
        assert buffer is not None
        places = np.flatnonzero(buffer.observations[: buffer.size(), 0, -1] == task)
        if not len(places):
            return None
        return buffer._get_samples(places[torch.randint(len(places), (count,)).numpy()])

    def on_task(self, observations: Tensor, task: int) -> Tensor:
        """Return observations [B, obs + 1] as if they were of task ``task``."""
        changed = observations.clone()
        changed[:, -1] = task
        return changed

    def part_of_state(self, state: dict[str, Tensor], part: Part) -> dict[str, Tensor]:
        """Return the entries of a policy's ``state_dict`` that belong to a part, targets included."""
        return {name: value for name, value in state.items() if name.startswith(_PREFIXES[part])}
