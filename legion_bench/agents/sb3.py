"""Stable-Baselines3 algorithms on our runner: the only module that imports SB3.

SB3 owns networks, replay buffer and losses; we own the loop and call its ``train``.
"""

from __future__ import annotations

import copy
import inspect
import random
from types import TracebackType
from typing import Annotated, Any, Literal

import gymnasium
import msgspec
import numpy as np
import torch
from gymnasium import spaces
from msgspec import Meta
from numpy.random import mtrand
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger

from legion_bench.agents.parameters import offset, parse
from legion_bench.errors import CardError, unknown
from legion_bench.seeding import derive
from legion_bench.types import Actions, AgentSetup, Floats, Ints, Metrics, TaskInfo, Transitions

ALGORITHMS = {"SAC": SAC}
# What the adapter decides itself, and why a card cannot.
_OURS = {
    "policy": "it is always MlpPolicy",
    "env": "the runner owns the environment",
    "seed": "it comes from the run",
    "verbose": "progress goes to training.jsonl",
    "tensorboard_log": "progress goes to training.jsonl",
    "_init_setup_model": "it is internal to SB3",
    # What SB3 uses in its own training loop alone, and would here be silently ignored.
    "action_noise": "the runner owns the loop",
    "stats_window_size": "the runner owns the loop",
    "use_sde": "the runner owns the loop",
    "use_sde_at_warmup": "the runner owns the loop",
    "sde_sample_freq": "the runner owns the loop",
}

Part = Literal["buffer", "optimizer", "actor", "critic", "temperature"]


class Sb3Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an SB3 card sets."""

    algorithm: Literal["SAC"]
    options: dict[str, Any] = {}
    """Keyword arguments of the algorithm's class, under SB3's own names. Two mean a
    little more here: ``learning_starts`` counts environment steps of each visit
    (uniform random actions, no updates), and ``train_freq`` is a whole number of
    environment steps, after which ``gradient_steps`` updates follow."""
    reset: tuple[Part, ...] = ()
    """What starts afresh with each visit after the first."""
    observation_offset: tuple[float, ...] = ()
    """Subtracted from observations, one number per value; empty for none."""
    observation_scale: float = 1.0
    """Observations are multiplied by it then; metres are small numbers for a network."""
    reward_scale: float = 1.0
    """Rewards are multiplied by it before they are stored."""


class _Limits(msgspec.Struct):
    """What SB3 itself would notice late or never."""

    batch_size: Annotated[int, Meta(ge=1)] = 1
    buffer_size: Annotated[int, Meta(ge=1)] = 1
    learning_starts: Annotated[int, Meta(ge=0)] = 0
    train_freq: Annotated[int, Meta(ge=1)] = 1
    gradient_steps: Annotated[int, Meta(ge=1)] = 1
    gamma: Annotated[float, Meta(ge=0, le=1)] = 1.0
    tau: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Sb3Agent:
    """One SB3 algorithm taken through a stream."""

    def __init__(self, setup: AgentSetup, **parameters: Any) -> None:
        """Build the algorithm.

        Args:
            setup: spaces, tasks and seed.
            **parameters: the fields of :class:`Sb3Config`.

        Raises:
            CardError: an unknown parameter or option (with its nearest match), or a
                value that SB3 refuses.
        """
        self.config = _config(parameters)
        self._setup = setup
        self._offset = offset(self.config.observation_offset, setup)
        self._rng = _GlobalRng()
        with self._rng:
            self._model = self._build(setup.seed)
        self._exploration = np.random.default_rng(derive(setup.seed, "exploration"))
        self._train_every: int = self.config.options.get("train_freq", 1)
        self._visit_steps = 0

    def begin_task(self, task: TaskInfo) -> None:
        """Reset what the card says, from the second visit on."""
        self._visit_steps = 0
        if task.position > 0 and self.config.reset:
            self._reset(derive(self._setup.seed, "reset", task.position))

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return actions [N, 4]; uniform at random in a visit's first steps."""
        if explore and self._visit_steps < self._model.learning_starts:
            return self._exploration.uniform(-1.0, 1.0, (len(observations), 4)).astype(np.float32)
        with self._rng:
            actions, _ = self._model.predict(self._scaled(observations), deterministic=not explore)
        return actions

    def observe(self, batch: Transitions) -> None:
        """Store the transitions; a truncated episode is bootstrapped, not ended."""
        self._visit_steps += 1
        buffer = self._model.replay_buffer
        assert buffer is not None
        before, after = self._scaled(batch.observations), self._scaled(batch.next_observations)
        rewards, over = batch.rewards * self.config.reward_scale, batch.terminated | batch.truncated
        timeouts = batch.truncated & ~batch.terminated
        for row in range(len(over)):  # the buffer has room for one environment's
            one = slice(row, row + 1)
            infos = [{"TimeLimit.truncated": bool(timeouts[row])}]
            buffer.add(before[one], after[one], batch.actions[one], rewards[one], over[one], infos)

    def update(self) -> Metrics:
        """Take the card's gradient steps when they are due, after the visit's random steps."""
        model = self._model
        if self._visit_steps <= model.learning_starts or self._visit_steps % self._train_every:
            return {}
        with self._rng:
            model.train(gradient_steps=model.gradient_steps, batch_size=model.batch_size)
        reported = {
            name.removeprefix("train/"): float(value) for name, value in model.logger.name_to_value.items()
        }
        model.logger.name_to_value.clear()
        return reported

    def end_task(self, task: TaskInfo) -> None:
        """Nothing to consolidate."""

    def _scaled(self, observations: Floats) -> NDArray[np.float32]:
        return ((observations - self._offset) * self.config.observation_scale).astype(np.float32)

    def _build(self, seed: int) -> SAC:
        algorithm = ALGORITHMS[self.config.algorithm]
        # A copy: SB3 writes into policy_kwargs, and the card is part of the run's record.
        options = {"device": "cpu", **copy.deepcopy(self.config.options)}
        python_state = random.getstate()  # SB3 seeds this one too, and never draws from it
        try:
            model = algorithm("MlpPolicy", _Spaces(self._setup), seed=seed, **options)
        except (TypeError, ValueError, AssertionError, RuntimeError) as error:
            raise CardError(f"{self.config.algorithm} refuses the card's options: {error}") from error
        finally:
            random.setstate(python_state)
        model.set_logger(Logger(folder=None, output_formats=[]))
        return model

    def _reset(self, seed: int) -> None:
        """Copy a fresh model's parts over the ones that the card resets."""
        model, parts = self._model, self.config.reset
        with _GlobalRng():  # building draws initial weights: leave the agent's stream alone
            fresh = self._build(seed)
        if "buffer" in parts:
            assert model.replay_buffer is not None
            model.replay_buffer.reset()
        if "actor" in parts:
            model.actor.load_state_dict(fresh.actor.state_dict())
        if "critic" in parts:
            model.critic.load_state_dict(fresh.critic.state_dict())
            model.critic_target.load_state_dict(fresh.critic_target.state_dict())
        if "temperature" in parts and model.log_ent_coef is not None:
            assert fresh.log_ent_coef is not None
            with torch.no_grad():
                model.log_ent_coef.copy_(fresh.log_ent_coef)
        if "optimizer" in parts:
            for old, new in zip(_optimizers(model), _optimizers(fresh), strict=True):
                old.load_state_dict(new.state_dict())


class _Spaces(gymnasium.Env[Any, Any]):
    """What SB3 reads of an environment; it is never stepped."""

    def __init__(self, setup: AgentSetup) -> None:
        shape = setup.observation_space.shape
        self.observation_space = spaces.Box(-np.inf, np.inf, shape, np.float32)
        self.action_space = setup.action_space


class _GlobalRng:
    """Lends SB3 a random stream of its own.

    SB3 draws from NumPy's and torch's global generators. Inside the block these hold
    this object's state, outside whatever they held before, so that an agent's draws
    depend on nothing but its seed.
    """

    def __init__(self) -> None:
        # MT19937, because SB3 seeds through the legacy numpy.random.seed.
        self._numpy: np.random.BitGenerator = np.random.MT19937()
        self._torch = torch.get_rng_state()

    def __enter__(self) -> None:
        self._swap()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._swap()

    def _swap(self) -> None:
        """Exchange our states with the global ones; exchanging again restores both."""
        numpy_state, torch_state = mtrand.get_bit_generator(), torch.get_rng_state()
        mtrand.set_bit_generator(self._numpy)
        torch.set_rng_state(self._torch)
        self._numpy, self._torch = numpy_state, torch_state


def _optimizers(model: SAC) -> list[torch.optim.Optimizer]:
    temperature = [] if model.ent_coef_optimizer is None else [model.ent_coef_optimizer]
    return [model.actor.optimizer, model.critic.optimizer, *temperature]


def _config(parameters: dict[str, Any]) -> Sb3Config:
    config = parse(parameters, Sb3Config)
    accepted = set(inspect.signature(ALGORITHMS[config.algorithm]).parameters) - _OURS.keys()
    for key in config.options:
        if key in _OURS:
            raise CardError(f"parameters.options: {key!r} cannot be set: {_OURS[key]}")
        if key not in accepted:
            raise CardError(f"parameters.options: {unknown(f'{config.algorithm} option', key, accepted)}")
    try:
        msgspec.convert(config.options, _Limits)
    except msgspec.ValidationError as error:
        raise CardError(f"parameters.options: {error}") from None
    return config
