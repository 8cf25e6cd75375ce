"""What a LEGION card sets; the defaults are the paper's (Meng et al. 2025)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from legion_bench.agents.legion.mixture import Settings, least_latents
from legion_bench.agents.parameters import parse
from legion_bench.errors import CardError

Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Part = Literal["optimizer", "buffer", "actor", "critic", "encoder", "temperature", "mixture"]


class LegionConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hyper-parameters. Steps are environment steps of each slot within a visit."""

    identity: Literal["language", "one-hot", "none"] = "language"
    """What the encoder is told of the task: its instruction's embedding, its number, or nothing."""
    prior: Literal["dpmm", "normal"] = "dpmm"
    """What latents are drawn towards: the mixture, or a standard normal distribution."""
    decoders: bool = True
    """Whether the encoder learns to predict observations and to reconstruct the identity."""

    latent: Positive = 10
    encoder_width: Positive = 400
    encoder_depth: Positive = 3
    """Hidden layers of the encoder and of either decoder."""
    width: Positive = 300
    depth: Positive = 4
    """Hidden layers of actor and critics."""

    learning_rate: Rate = 3e-4
    gamma: Share = 0.99
    tau: Share = 0.005
    """Share of the critics in their target at each update."""
    target_entropy: float = -4.0
    initial_temperature: Rate = 1.0
    batch_size: Positive = 512
    buffer_size: Positive = 10_000_000
    """Transitions of each seed; of more, the oldest are forgotten."""
    learning_starts: NotNegative = 1_500
    """Steps of uniform random actions, without updates, at the start of a visit."""
    warmup_updates: NotNegative = 1_500
    """Updates at once after these; none if there are none of these."""
    train_freq: Positive = 1
    """Steps between updates."""

    encoder_every: Positive = 50
    """Updates between those of encoder and decoders."""
    kl_weight: Annotated[float, Meta(ge=0)] = 0.001
    engine: Literal["bnpy", "torch"] = "bnpy"
    """What fits the mixture."""
    mixture: Settings = Settings()
    """Its prior, and how it is fitted."""
    first_fit: Positive = 10_000
    """Step of each visit's first fit."""
    fit_every: Positive = 100_000
    """Steps between fits."""
    fit_samples: Positive = 3_000
    """Latents drawn from the memory for a fit, and for the record at a visit's end."""

    reset: tuple[Part, ...] = ("optimizer",)
    """What starts afresh with each visit after the first."""
    reward_scale: Annotated[float, Meta(gt=0)] | Literal["running-std"] = "running-std"
    """A factor, or division by each task's running standard deviation."""
    observation_offset: tuple[float, ...] = ()
    """Subtracted from observations, one number per value; empty for none."""
    observation_scale: Rate = 1.0
    """Observations are multiplied by it then."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where networks and memory are."""


def checked(parameters: dict[str, Any]) -> LegionConfig:
    """Return a card's parameters.

    Raises:
        CardError: an unknown key (with its nearest match), a value of the wrong type or range, or
            fits from fewer latents than a mixture needs.
    """
    config = parse(parameters, LegionConfig)
    least = least_latents(config.mixture)
    for key in ("first_fit", "fit_samples", "buffer_size"):
        if config.prior == "dpmm" and getattr(config, key) < least:
            raise CardError(f"parameters: {key} must be at least {least}, so many latents a mixture needs")
    return config
