"""LEGION as its paper and released code describe it: torch.nn and ordinary autograd, one seed, slow.

Nothing is shared, tabulated or stacked; the names of weights are all that is common with ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Normal, TanhTransform, TransformedDistribution, kl_divergence
from torch.nn import functional

from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.learner import Learner
from legion_bench.agents.legion.mixture import Components, responsibilities
from legion_bench.agents.legion.replay import Batch


@dataclass(frozen=True)
class Noise:
    """Standard normal numbers of one update of the policy, [B, …] each."""

    critic_latent: Tensor
    target_latent: Tensor
    actor_latent: Tensor
    target_action: Tensor
    action: Tensor


class Reference:
    """One seed, which starts from a learner's weights and target."""

    def __init__(self, learner: Learner, seed: int = 0) -> None:
        config = self.config = learner.config
        self.identities = learner._identities[seed]
        tasks, identity = self.identities.shape
        observation = learner.parameters["actor"].tensors["trunk.0.weight"].shape[1] - config.latent
        state, width, depth = observation + config.latent, config.encoder_width, config.encoder_depth
        self.encoder = [*hidden(observation + identity, width, depth)]
        self.mean, self.log_variance = nn.Linear(width, config.latent), nn.Linear(width, config.latent)
        self.actor = trunk(state, 8, config)
        self.critics = [trunk(state + 4, 1, config) for _ in range(2)]
        self.targets = [trunk(state + 4, 1, config) for _ in range(2)]
        self.log_alpha = nn.Parameter(torch.zeros(tasks))

        encoding = named("encoder", self.encoder) | head("mean", self.mean)
        encoding |= head("log_variance", self.log_variance)
        if config.decoders:
            self.dynamics = [*hidden(state + 4, width, depth), nn.Linear(width, observation)]
            encoding |= named("dynamics", self.dynamics)
        if config.decoders and identity:
            self.language = [*hidden(config.latent, width, depth), nn.Linear(width, identity), nn.Tanh()]
            encoding |= named("language", self.language)
        self.parts = {
            "encoder": [encoding],
            "actor": [named("trunk", self.actor)],
            "critic": [named("trunk", critic) for critic in self.critics],
            "critic target": [named("trunk", target) for target in self.targets],
            "temperature": [{"log_alpha": self.log_alpha}],
        }
        """Of each part: its networks' weights under our names."""
        for part, networks in self.parts.items():
            load(networks, tensors(learner, part, seed))
        self.optimisers = {
            part: torch.optim.Adam([w for own in networks for w in own.values()], config.learning_rate)
            for part, networks in self.parts.items()
        }

    def infer(self, observations: Tensor, tasks: Tensor) -> Normal:
        """Return q(z | s, e)."""
        features = run(self.encoder, torch.cat([observations, self.identities[tasks]], 1))
        return Normal(self.mean(features), torch.sqrt(torch.exp(self.log_variance(features))))

    def policy(self, state: Tensor) -> Normal:
        """Return the distribution of actions before they are squashed."""
        mean, log_std = run(self.actor, state).chunk(2, 1)
        return Normal(mean, torch.exp(-20 + 22 * (torch.tanh(log_std) + 1) / 2))

    def draw(self, state: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return an action and its log-probability, by torch.distributions."""
        gaussian, squash = self.policy(state), TanhTransform(cache_size=1)
        action = squash(gaussian.mean + gaussian.stddev * noise)
        squashed = TransformedDistribution(gaussian, [squash])
        return action, squashed.log_prob(action).sum(1)

    def update_policy(self, batch: Batch, noise: Noise) -> None:
        """Critics, actor and temperature, each with encodings of its own, then the target."""
        observations, following, tasks = batch.observations[0], batch.next_observations[0], batch.tasks[0]
        alpha = torch.exp(self.log_alpha[tasks]).detach()
        with torch.no_grad():
            inferred = self.infer(following, tasks)
            state = torch.cat([following, inferred.mean + inferred.stddev * noise.target_latent], 1)
            action, log_prob = self.draw(state, noise.target_action)
            value = torch.minimum(*(run(target, torch.cat([state, action], 1)) for target in self.targets))
            future = value[:, 0] - alpha * log_prob
            wanted = batch.rewards[0] + self.config.gamma * batch.continues[0] * future

        inferred = self.infer(observations, tasks)
        latent = (inferred.mean + inferred.stddev * noise.critic_latent).detach()
        inputs = torch.cat([observations, latent, batch.actions[0]], 1)
        first, second = (run(critic, inputs)[:, 0] for critic in self.critics)
        self.step("critic", functional.mse_loss(first, wanted) + functional.mse_loss(second, wanted))

        inferred = self.infer(observations, tasks)
        latent = (inferred.mean + inferred.stddev * noise.actor_latent).detach()
        state = torch.cat([observations, latent], 1)
        action, log_prob = self.draw(state, noise.action)
        value = torch.minimum(*(run(critic, torch.cat([state, action], 1)) for critic in self.critics))
        self.step("actor", torch.mean(alpha * log_prob - value[:, 0]))

        surplus = -log_prob.detach() - self.config.target_entropy
        self.step("temperature", torch.mean(torch.exp(self.log_alpha[tasks]) * surplus))

        with torch.no_grad():
            for critic, target in zip(self.critics, self.targets, strict=True):
                for new, old in zip(weights(critic), weights(target), strict=True):
                    old.copy_((1 - self.config.tau) * old + self.config.tau * new)

    def update_encoder(self, batch: Batch, noise: Tensor, components: Components | None) -> None:
        """Encoder and decoders, given noise [B, z]."""
        observations, tasks = batch.observations[0], batch.tasks[0]
        inferred = self.infer(observations, tasks)
        latent = inferred.mean + inferred.stddev * noise
        if components is None:
            divergence = kl_divergence(inferred, Normal(0.0, 1.0)).sum(1)
        else:
            responsible = responsibilities(latent.detach(), components)
            divergence = sum(
                responsible[:, k] * kl_divergence(inferred, Normal(mean, variance.sqrt())).sum(1)
                for k, (mean, variance) in enumerate(zip(components.means, components.variances, strict=True))
            )
        loss = self.config.kl_weight * divergence.mean()
        if self.config.decoders:
            predicted = run(self.dynamics, torch.cat([observations, batch.actions[0], latent], 1))
            loss = loss + functional.mse_loss(predicted, batch.next_observations[0]) / 2
        if self.config.decoders and self.identities.shape[1]:
            described = run(self.language, latent)
            loss = loss + functional.mse_loss(described, self.identities[tasks], reduction="sum")
        self.step("encoder", loss)

    def step(self, part: str, loss: Tensor) -> None:
        """Set the part's gradients, which stay until its next step, and descend."""
        own = [weight for network in self.parts[part] for weight in network.values()]
        for weight, gradient in zip(own, torch.autograd.grad(loss, own), strict=True):
            weight.grad = gradient
        self.optimisers[part].step()


def hidden(inputs: int, width: int, depth: int) -> list[nn.Module]:
    sizes = [inputs, *[width] * (depth - 1)]
    return [layer for size in sizes for layer in (nn.Linear(size, width), nn.ReLU())]


def trunk(inputs: int, outputs: int, config: LegionConfig) -> list[nn.Module]:
    width = config.width
    layers: list[nn.Module] = [nn.Linear(inputs, width), nn.LayerNorm(width), nn.Tanh()]
    for _ in range(config.depth - 1):
        layers += [nn.Linear(width, width), nn.LeakyReLU()]
    return [*layers, nn.Linear(width, outputs)]


def run(network: list[nn.Module], inputs: Tensor) -> Tensor:
    return nn.Sequential(*network)(inputs)


def weights(network: list[nn.Module]) -> list[nn.Parameter]:
    return [weight for layer in network for weight in layer.parameters()]


def head(name: str, layer: nn.Linear) -> dict[str, nn.Parameter]:
    return {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}


def named(name: str, network: list[nn.Module]) -> dict[str, nn.Parameter]:
    """Return a network's weights under our names."""
    found: dict[str, nn.Parameter] = {}
    for number, layer in enumerate(layer for layer in network if isinstance(layer, nn.Linear)):
        found |= head(f"{name}.{number}", layer)
    for layer in network:
        if isinstance(layer, nn.LayerNorm):
            found |= {"norm.scale": layer.weight, "norm.bias": layer.bias}
    return found


def tensors(learner: Learner, part: str, seed: int) -> dict[str, Tensor]:
    """Return a seed's weights [M, …]."""
    own = learner._critic_target if part == "critic target" else learner.parameters[part]
    return own.members(learner._members(part.split()[0], seed))


def ours(value: Tensor) -> Tensor:
    """Return a weight, or its gradient, flat and in our order: [in, out], not [out, in]."""
    return value.detach().T.flatten() if value.ndim == 2 else value.detach()


@torch.no_grad()
def load(networks: list[dict[str, nn.Parameter]], values: dict[str, Tensor]) -> None:
    """Copy our weights [M, …] into M networks; both must have the same names."""
    for member, network in enumerate(networks):
        assert network.keys() == values.keys()
        for name, weight in network.items():
            value = values[name][member]
            weight.copy_(value.T if weight.ndim == 2 else value.flatten())
