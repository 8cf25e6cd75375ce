"""LEGION frozen: encoder and actor in one module, with limits on what goes in and comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from legion_bench.agents.legion import losses
from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.encoder import encode, encoder_shapes, sample, tabulate
from legion_bench.agents.legion.learner import ACTION
from legion_bench.agents.legion.networks import Parameters, Shapes
from legion_bench.agents.legion.trunk import trunk, trunk_shapes
from legion_bench.errors import AgentError
from legion_bench.types import Floats

DECODERS = ("dynamics.", "language.")
"""What the encoder's weights hold besides, which no action depends on."""


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """Where the hand may be sent."""

    low: Floats
    """[3] metres."""
    high: Floats
    """[3] metres."""
    action_scale: float
    """Metres that a full action moves the hand."""


class FrozenPolicy(torch.nn.Module):
    """Observation, identity and noise to action, by the functions that LEGION is trained with.

    It has no state and draws no random numbers.
    """

    def __init__(
        self,
        config: LegionConfig,
        observation: int,
        identity: int,
        weights: Mapping[str, Tensor],
        workspace: Workspace,
    ) -> None:
        """Copy the weights.

        Args:
            config: hyper-parameters.
            observation: length of an observation, which begins with the hand's position.
            identity: length of what the encoder is told of the task.
            weights: flat, of ``"encoder"`` and ``"actor"``; see :meth:`Learner.state`.
            workspace: where the hand may be sent.

        Raises:
            AgentError: weights of other networks, or some that are not finite.
        """
        super().__init__()
        self._config, self._action_scale = config, workspace.action_scale
        self._sizes = [observation, identity, config.latent]
        offset = config.observation_offset or (0.0,) * observation
        # In 64 bits, as the agent scales observations, and so that inputs of 32 are promoted.
        limits = {"offset": offset, "low": workspace.low, "high": workspace.high}
        for name, values in limits.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float64))
        own: dict[str, Shapes] = {
            "encoder": encoder_shapes(
                observation,
                identity,
                ACTION,
                config.latent,
                config.encoder_width,
                config.encoder_depth,
                decoders=config.decoders,
            ),
            "actor": trunk_shapes(observation + config.latent, config.width, config.depth, 2 * ACTION),
        }
        self._buffers_of: dict[str, dict[str, str]] = {}
        for part, shapes in own.items():
            kept = self._buffers_of[part] = {}
            for name, values in _tensors(part, shapes, weights[part]).items():
                if not name.startswith(DECODERS):
                    kept[name] = f"{part}.{name}".replace(".", "_")  # a buffer's name has no dot
                    self.register_buffer(kept[name], values.clone())

    def forward(self, observations: Tensor, identities: Tensor, noise: Tensor) -> Tensor:
        """Return actions [N, 4] in [-1, 1] that do not send the hand out of the workspace.

        Args:
            observations: [N, obs] as the environment gives them.
            identities: [N, E] what the encoder is told of the task.
            noise: [N, z] of a standard normal distribution; zeros for the latent's mean.
        """
        config = self._config
        inputs = torch.cat((observations - self.get_buffer("offset"), identities, noise), -1)
        _check(torch.isfinite(inputs), "observations, identities and noise must be finite numbers")
        centred, identities, noise = torch.split(inputs, self._sizes, -1)
        scaled = (centred * config.observation_scale).float()[None]
        encoder, actor = (self._weights(part) for part in ("encoder", "actor"))
        encoding = encode(encoder, tabulate(encoder, identities.float()[None]), scaled, config.encoder_depth)
        state = torch.cat((scaled, sample(*encoding, noise.float()[None])), -1)
        mean, _ = losses.gaussian(trunk(actor, state, config.depth))
        return self._limited(observations, torch.tanh(mean)[0])

    def _limited(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Return actions whose displacements end inside the workspace, from where the hand is."""
        hand = observations[:, :3]
        least, most = ((self.get_buffer(end) - hand) / self._action_scale for end in ("low", "high"))
        # Actions are clipped, not positions: where nothing is to be done they stay as they are, to the bit.
        displacements = actions[:, :3].clamp(least, most)
        limited = torch.cat((displacements, actions[:, 3:]), -1).clamp(-1, 1).float()
        _check(torch.isfinite(limited), "the observations are so large that there is no action for them")
        return limited

    def _weights(self, part: str) -> dict[str, Tensor]:
        return {name: self.get_buffer(buffer) for name, buffer in self._buffers_of[part].items()}


def program(policy: FrozenPolicy) -> ExportedProgram:
    """Return the policy as operators and weights, for any N, without a line of Python in it."""
    observation, identity, latent = policy._sizes
    rows = 2  # of an example: with one, N could be taken for a constant
    example = (
        torch.zeros(rows, observation, dtype=torch.float64),
        torch.zeros(rows, identity),
        torch.zeros(rows, latent),
    )
    exported = torch.export.export(policy, example, dynamic_shapes=[{0: Dim("N")}] * len(example))
    for node in exported.graph.nodes:
        # Each line's place in our source, with the folders of this machine.
        node.meta.pop("stack_trace", None)
    return exported


def _check(condition: Tensor, otherwise: str) -> None:
    """Raise RuntimeError where the program runs, unless all is true."""
    torch.ops.aten._assert_async.msg(condition.all(), otherwise)


def _tensors(part: str, shapes: Shapes, flat: Tensor) -> dict[str, Tensor]:
    own = Parameters(shapes, 1)
    if flat.shape != own.flat.shape:
        raise AgentError(
            f"the {part}'s weights have shape {tuple(flat.shape)}, and the agent's card asks for"
            f" {tuple(own.flat.shape)}: they are another agent's"
        )
    if not torch.isfinite(flat).all():
        raise AgentError(f"the {part}'s weights are not all finite: its training diverged")
    own.flat.copy_(flat)
    return own.members(slice(None))
