"""LEGION's networks and their update, for one seed or several side by side.

What makes it fast changes no mathematics: latents are computed once per update in one
pass over observations and next observations, since losses of actor and critics do not
reach the encoder; the embedding's product with the encoder's first layer is a table with
a row per task; decoders run only where they are trained; gradients of actor and critics are
written out by hand; and the actor's step asks the critics for none of their weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from legion_bench.agents.legion import losses
from legion_bench.agents.legion.config import LegionConfig, Part
from legion_bench.agents.legion.encoder import describe, encode, encoder_shapes, predict, sample, tabulate
from legion_bench.agents.legion.graph import record
from legion_bench.agents.legion.mixture import Components, kl_to_mixture, kl_to_normal
from legion_bench.agents.legion.networks import Adam, Parameters, Tensors
from legion_bench.agents.legion.replay import Batch, Replay
from legion_bench.agents.legion.trunk import Tape, backward, trunk, trunk_shapes
from legion_bench.errors import AgentError
from legion_bench.seeding import derive
from legion_bench.types import Metrics

ACTION = 4
POLICY_TERMS = ("critic_loss", "actor_loss", "temperature_loss", "temperature")
# Updates between looks at the losses on a GPU, which has to be waited for.
_LOOK_EVERY = 50


class Learner:
    """Networks, optimisers, replay memory and random numbers of S seeds."""

    def __init__(
        self, config: LegionConfig, observation: int, identities: Tensor, seeds: Sequence[int]
    ) -> None:
        """Draw initial weights.

        Args:
            config: hyper-parameters.
            observation: length of an observation.
            identities: [T, E] what the encoder is told of each task.
            seeds: S of them.

        Raises:
            CardError: the replay memory is larger than the machine's.
        """
        self.config = config
        self._seeds = tuple(seeds)
        count = len(seeds)
        device = self._device = torch.device(config.device)
        self.replay = Replay(count, config.buffer_size, observation, ACTION, device)
        self.components: list[Components | None] = [None] * count
        """Of each seed: what latents are drawn towards; None for a standard normal."""
        self._identities = identities.to(device).expand(count, *identities.shape).contiguous()

        tasks, identity = identities.shape
        state = observation + config.latent
        sizes = (observation, identity, ACTION, config.latent, config.encoder_width, config.encoder_depth)
        actor = trunk_shapes(state, config.width, config.depth, 2 * ACTION)
        critic = trunk_shapes(state + ACTION, config.width, config.depth, 1)
        self.parameters = {
            "encoder": Parameters(encoder_shapes(*sizes, decoders=config.decoders), count, device),
            "actor": Parameters(actor, count, device),
            "critic": Parameters(critic, 2 * count, device),
            "temperature": Parameters({"log_alpha": (tasks,)}, count, device),
        }
        self._critic_target = Parameters(critic, 2 * count, device)
        self._target = self._critic_target.members(slice(None))
        self._frozen = self.parameters["encoder"].members(slice(None))
        self._policies = [
            {part: self.parameters[part].members(slice(seed, seed + 1)) for part in ("encoder", "actor")}
            for seed in range(count)
        ]
        self._optimisers = {part: Adam(own, config.learning_rate) for part, own in self.parameters.items()}

        # Three streams, so that being judged moves neither exploring nor learning.
        self._random = {
            use: [torch.Generator(device).manual_seed(derive(seed, use)) for seed in seeds]
            for use in ("learning", "exploring", "judged")
        }
        self._uniform = torch.zeros(count, config.batch_size, dtype=torch.float64, device=device)
        self._noise = torch.zeros(count, config.batch_size, 3 * config.latent + 2 * ACTION, device=device)
        self._table = torch.zeros(count, tasks, config.encoder_width, device=device)
        for part in self.parameters:
            self._initialise(part, 0)

        room = (config.batch_size, config.width, config.depth, device)
        self._actor_tape, self._critic_tape = Tape.of(count, *room), Tape.of(2 * count, *room)
        self._numbers = torch.arange(tasks, device=device)

        self.updates = 0
        """Taken so far; one of the policy, and of the encoder where it is due."""
        self._batch: Batch | None = None
        self._policy_losses = torch.zeros(len(POLICY_TERMS), count, device=device)
        self._encoder_terms = ["kl"]
        if config.decoders:
            self._encoder_terms += ["dynamics_loss", "language_loss"] if identity else ["dynamics_loss"]
        self._encoder_losses = torch.zeros(len(self._encoder_terms), count, device=device)
        self._update_policy: Callable[[], None] = self._learn_policy
        if device.type == "cuda":
            self._update_policy = self._record

    @property
    def size(self) -> int:
        """How many numbers are trained for each seed."""
        return sum(own.flat.numel() for own in self.parameters.values()) // len(self._seeds)

    def _initialise(self, part: str, visit: int) -> None:
        """Draw what a part starts from, at the start of a visit."""
        if part == "temperature":
            self.parameters[part].flat.fill_(math.log(self.config.initial_temperature))
            return
        seeds = [derive(seed, "weights", part, visit) for seed in self._seeds]
        self.parameters[part].initialise([torch.Generator().manual_seed(seed) for seed in seeds])
        if part == "critic":
            self._critic_target.flat.copy_(self.parameters["critic"].flat)
        elif part == "encoder":
            self._tabulate()

    def _tabulate(self) -> None:
        """Bring the table up to date with the encoder."""
        self._table.copy_(tabulate(self._frozen, self._identities))

    def reset(self, parts: Sequence[Part], visit: int) -> None:
        """Start parts of all seeds afresh, at the start of a visit."""
        for part, optimiser in self._optimisers.items():
            if part in parts:
                self._initialise(part, visit)
            if part in parts or "optimizer" in parts:
                optimiser.reset()
        if "buffer" in parts:
            self.replay.clear()

    @torch.no_grad()
    def act(self, seed: int, observations: Tensor, tasks: Tensor, *, explore: bool) -> Tensor:
        """Return actions [N, 4] of one seed in [-1, 1].

        The latent is sampled at every call; the action is while exploring, and else is
        that of the distribution's mean.

        Args:
            seed: which of the S.
            observations: [N, obs]
            tasks: [N] identities.
            explore: whether this is for learning, or to be judged.
        """
        latent = self.config.latent
        generator = self._random["exploring" if explore else "judged"][seed]
        noise = torch.randn(1, len(tasks), latent + ACTION, generator=generator, device=self._device)
        own, observations = self._policies[seed], observations.to(self._device)[None]
        told = torch.bmm(self._present(tasks.to(self._device)[None]), self._table[seed : seed + 1])
        encoding = encode(own["encoder"], told, observations, self.config.encoder_depth)
        state = torch.cat((observations, sample(*encoding, noise[..., :latent])), -1)
        mean, log_std = losses.gaussian(trunk(own["actor"], state, self.config.depth))
        if explore:
            mean = mean + log_std.exp() * noise[..., latent:]
        return torch.tanh(mean)[0].cpu()

    @torch.no_grad()
    def latents(self, seed: int, batch: Batch, noise: Tensor) -> Tensor:
        """Return sampled latents [B, z] of one seed's transitions, given noise [B, z]."""
        told = torch.bmm(self._present(batch.tasks), self._table[seed : seed + 1])
        own = self._policies[seed]["encoder"]
        encoding = encode(own, told, batch.observations, self.config.encoder_depth)
        return sample(*encoding, noise.to(self._device)[None])[0].cpu()

    def update(self) -> list[Metrics]:
        """Take one gradient step of everything that is due.

        Returns:
            What there is to report of each seed.

        Raises:
            AgentError: a loss is not finite; names the term and the update.
        """
        self._update_policy()
        self.updates += 1
        due = self.updates % self.config.encoder_every == 0
        if due:
            self._learn_encoder()
        if self._device.type == "cuda" and not due and self.updates % _LOOK_EVERY:
            return [{}] * len(self._seeds)
        return self._look(with_encoder=due)

    @torch.no_grad()
    def _learn_policy(self) -> None:
        """Update critics, actor and temperature on a batch, which is left for the encoder."""
        config = self.config
        for seed, generator in enumerate(self._random["learning"]):
            torch.rand(config.batch_size, dtype=torch.float64, generator=generator, out=self._uniform[seed])
            torch.randn(self._noise.shape[1:], generator=generator, out=self._noise[seed])
        for_critic, for_target, for_actor, to_target, to_act = torch.split(
            self._noise, [config.latent] * 3 + [ACTION] * 2, -1
        )
        batch = self._batch = self.replay.sample(self._uniform)
        present = self._present(batch.tasks)
        both = torch.cat((batch.observations, batch.next_observations), 1)
        told = torch.bmm(torch.cat((present, present), 1), self._table)
        encoding = encode(self._frozen, told, both, config.encoder_depth)
        (mean, next_mean), (log_variance, next_log_variance) = (part.chunk(2, 1) for part in encoding)
        next_latent = sample(next_mean, next_log_variance, for_target)
        next_state = torch.cat((batch.next_observations, next_latent), -1)
        state = torch.cat((batch.observations, sample(mean, log_variance, for_critic)), -1)
        acting = torch.cat((batch.observations, sample(mean, log_variance, for_actor)), -1)

        actor, critic = self.parameters["actor"], self.parameters["critic"]
        temperature = self.parameters["temperature"]
        alphas = torch.bmm(present, temperature.tensors["log_alpha"].exp().unsqueeze(-1)).squeeze(-1)

        next_actions, next_log_probs, _ = self._draw(next_state, to_target)
        values = self._values(self._target, next_state, next_actions)
        targets = losses.target(batch.rewards, batch.continues, values, next_log_probs, alphas, config.gamma)
        values = self._values(critic.tensors, state, batch.actions)
        critic_loss, to_values = losses.critic_loss(values, targets)
        self._back(critic, to_values.flatten(0, 1).unsqueeze(-1), self._critic_tape)
        self._optimisers["critic"].step()

        actions, log_probs, log_std = self._draw(acting, to_act)
        values = self._values(critic.tensors, acting, actions)
        actor_loss, to_values, to_log_probs = losses.actor_loss(values, log_probs, alphas)
        to_actions = self._to_actions(to_values)
        to_head = losses.squashed_gradient(actions, log_std, to_act, to_actions, to_log_probs)
        self._back(actor, to_head, self._actor_tape)
        self._optimisers["actor"].step()

        temperature_loss, to_log_alphas = losses.temperature_loss(alphas, log_probs, config.target_entropy)
        torch.bmm(to_log_alphas.unsqueeze(1), present, out=temperature.slopes["log_alpha"].unsqueeze(1))
        self._optimisers["temperature"].step()

        self._critic_target.flat.lerp_(critic.flat, config.tau)
        terms = (critic_loss, actor_loss, temperature_loss, alphas.mean(-1))
        torch.stack(terms, out=self._policy_losses)

    def _present(self, tasks: Tensor) -> Tensor:
        """Return which of the T tasks each is [..., T], 0 or 1, of tasks [...].

        A product with it looks up what belongs to each task, and its transpose sums by task in
        one order, which indices do not on a GPU.
        """
        return (tasks.unsqueeze(-1) == self._numbers).to(self._table.dtype)

    def _draw(self, states: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions [S, B, 4], log-probabilities [S, B] and logarithms of deviations [S, B, 4]."""
        head = trunk(self.parameters["actor"].tensors, states, self.config.depth, self._actor_tape)
        mean, log_std = losses.gaussian(head)
        return *losses.squashed(mean, log_std, noise), log_std

    def _values(self, critic: Tensors, states: Tensor, actions: Tensor) -> Tensor:
        """Return what twin critics [S, 2, B] say."""
        inputs = torch.cat((states, actions), -1).unsqueeze(1)
        inputs = inputs.expand(-1, 2, -1, -1).flatten(0, 1)
        return trunk(critic, inputs, self.config.depth, self._critic_tape).view(len(states), 2, -1)

    def _back(self, part: Parameters, to_outputs: Tensor, tape: Tape) -> None:
        """Set a part's gradients, given a loss's gradient of the outputs [M, B, out] on its tape."""
        backward(part.tensors, to_outputs, self.config.depth, tape, part.slopes)

    def _to_actions(self, to_values: Tensor) -> Tensor:
        """Return a loss's gradient of actions [S, B, 4], given that of the critics' values [S, 2, B]."""
        critic, to_outputs = self.parameters["critic"].tensors, to_values.flatten(0, 1).unsqueeze(-1)
        to_first = backward(critic, to_outputs, self.config.depth, self._critic_tape)
        weights = critic["trunk.0.weight"][:, -ACTION:]
        return torch.bmm(to_first, weights.mT).view(*to_values.shape, ACTION).sum(1)

    def _learn_encoder(self) -> None:
        """Update encoder and decoders on the batch that the policy has just learned from."""
        assert self._batch is not None
        config, batch = self.config, self._batch
        tensors = self.parameters["encoder"].tensors
        noise = self._noise[..., : config.latent]
        for seed, generator in enumerate(self._random["learning"]):
            torch.randn(noise.shape[1:], generator=generator, out=noise[seed])
        present = self._present(batch.tasks)
        told = torch.bmm(present, tabulate(tensors, self._identities))
        mean, log_variance = encode(tensors, told, batch.observations, config.encoder_depth)
        latents = sample(mean, log_variance, noise)
        terms = {"kl": self._divergence(mean, log_variance, latents)}
        loss = config.kl_weight * terms["kl"]
        if config.decoders:
            predicted = predict(tensors, batch.observations, batch.actions, latents, config.encoder_depth)
            terms["dynamics_loss"] = losses.dynamics_loss(predicted, batch.next_observations)
            loss = loss + terms["dynamics_loss"]
        if config.decoders and self._identities.shape[-1]:
            described = describe(tensors, latents, config.encoder_depth)
            terms["language_loss"] = losses.language_loss(described, torch.bmm(present, self._identities))
            loss = loss + terms["language_loss"]
        self._descend("encoder", loss)
        with torch.no_grad():
            self._tabulate()
            torch.stack([terms[term] for term in self._encoder_terms], out=self._encoder_losses)

    def _divergence(self, mean: Tensor, log_variance: Tensor, latents: Tensor) -> Tensor:
        """Return the KL divergence [S] from what latents are drawn towards, mean over the batch."""
        found = []
        for seed, components in enumerate(self.components):
            if components is None:
                each = kl_to_normal(mean[seed], log_variance[seed])
            else:
                each = kl_to_mixture(mean[seed], log_variance[seed], latents[seed], components)
            found.append(each.mean())
        return torch.stack(found)

    def _descend(self, part: str, loss: Tensor) -> None:
        self.parameters[part].backward(loss.sum())
        self._optimisers[part].step()

    def _look(self, *, with_encoder: bool) -> list[Metrics]:
        """Return the losses of each seed, having made sure that they are numbers."""
        terms = dict(zip(POLICY_TERMS, self._policy_losses.tolist(), strict=True))
        if with_encoder:
            terms |= zip(self._encoder_terms, self._encoder_losses.tolist(), strict=True)
        for name, values in terms.items():
            for seed, value in enumerate(values):
                if not math.isfinite(value):
                    whose = "" if len(values) == 1 else f", of seed {seed + 1} of {len(values)},"
                    raise AgentError(
                        f"LEGION's {name}{whose} is {value} at update {self.updates}: training cannot go"
                        " on. A card with a lower learning_rate or reward_scale may help."
                    )
        return [{name: values[seed] for name, values in terms.items()} for seed in range(len(self._seeds))]

    def state(self, seed: int) -> dict[str, Any]:
        """Return copies of all that decides what one seed does next, but for its components.

        Raises:
            AgentError: its networks have come to hold what is no number; nobody should go on from that.
        """
        target = self._critic_target.flat[self._members("critic", seed)]
        for part, own in self.parameters.items():
            if not own.flat[self._members(part, seed)].isfinite().all():
                raise AgentError(f"LEGION's {part} holds what is no number after update {self.updates}")
        return {
            "parameters": {
                part: own.flat[self._members(part, seed)].cpu().clone()
                for part, own in self.parameters.items()
            },
            "critic_target": target.cpu().clone(),
            "optimisers": {
                part: optimiser.state(self._members(part, seed))
                for part, optimiser in self._optimisers.items()
            },
            "random": {use: generators[seed].get_state() for use, generators in self._random.items()},
            "updates": self.updates,
            "replay": self.replay.state(seed),
        }

    def load(self, seed: int, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            AgentError: it is that of networks of other sizes, say because embeddings have another.
        """
        for part, own in self.parameters.items():
            members = self._members(part, seed)
            if own.flat[members].shape != (shape := state["parameters"][part].shape):
                raise AgentError(
                    f"LEGION's {part} has {own.flat.shape[1]:,} parameters, that of the state {shape[1]:,}:"
                    " sizes, tasks or embeddings are not those it was made with"
                )
            own.flat[members] = state["parameters"][part].to(self._device)
            self._optimisers[part].load(members, state["optimisers"][part])
        self._critic_target.flat[self._members("critic", seed)] = state["critic_target"].to(self._device)
        for use, generators in self._random.items():
            generators[seed].set_state(state["random"][use])
        self.updates = state["updates"]
        self.replay.load(seed, state["replay"])
        self._tabulate()

    def _members(self, part: str, seed: int) -> slice:
        each = len(self.parameters[part].flat) // len(self._seeds)
        return slice(seed * each, (seed + 1) * each)

    def _record(self) -> None:
        """Record the policy's update, and from then on replay it."""
        flats = [own.flat for own in (*self.parameters.values(), self._critic_target)]
        moments = [tensor for optimiser in self._optimisers.values() for tensor in optimiser.tensors]
        self._update_policy = record(self._learn_policy, [*flats, *moments], self._random["learning"])
        self._update_policy()
