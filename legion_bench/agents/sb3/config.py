"""What an SB3 card sets, checked before anything is built."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from stable_baselines3 import PPO, SAC, TD3

from legion_bench.agents.imports import import_class
from legion_bench.agents.parameters import parse
from legion_bench.agents.sb3.methods import METHODS
from legion_bench.agents.sb3.methods.base import Method
from legion_bench.errors import CardError, unknown
from legion_bench.types import AgentSetup

ALGORITHMS = {"SAC": SAC, "TD3": TD3, "PPO": PPO}
# What the adapter decides itself, and why a card cannot.
_OURS = {
    "policy": "it is SB3's MlpPolicy, told of tasks by 'identity' and 'heads'",
    "env": "the runner owns the environment",
    "seed": "it comes from the run",
    "verbose": "progress goes to training.jsonl",
    "tensorboard_log": "progress goes to training.jsonl",
    "_init_setup_model": "it is internal to SB3",
    "action_noise": "set parameters.action_noise, a standard deviation",
    "replay_buffer_class": "set parameters.memory",
    "replay_buffer_kwargs": "set parameters.memory",
    "rollout_buffer_class": "it is SB3's RolloutBuffer",
    "rollout_buffer_kwargs": "it is SB3's RolloutBuffer",
    # What SB3 uses in its own training loop alone, and would here be silently ignored.
    "stats_window_size": "the runner owns the loop",
    "use_sde": "the runner owns the loop",
    "use_sde_at_warmup": "the runner owns the loop",
    "sde_sample_freq": "the runner owns the loop",
    "n_steps": "it would need SB3's n-step replay buffer",
    "optimize_memory_usage": "visits do not follow on one another",
}

Resettable = Literal["buffer", "optimizer", "actor", "critic", "temperature", "all"]


class Sb3Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an SB3 card sets."""

    algorithm: Literal["SAC", "TD3", "PPO"]
    options: dict[str, Any] = {}
    """Keyword arguments of the algorithm's class, under SB3's own names. Two of SAC's and
    TD3's mean a little more here: ``learning_starts`` counts environment steps of each
    visit (uniform random actions, no updates), and ``train_freq`` is a whole number of
    environment steps, after which ``gradient_steps`` updates follow (-1: as many as steps)."""
    reset: tuple[Resettable, ...] = ()
    """What starts afresh with each visit after the first."""
    identity: Literal["none", "one-hot", "language"] = "none"
    """What the networks see of a task, beside the observation: nothing, its place among the
    stream's tasks, or the embedding of its instruction."""
    heads: bool = False
    """Whether each task has an output layer of its own."""
    task_slots: Annotated[int, Meta(ge=0)] = 0
    """Width of the one-hot identity and number of heads; 0 for as many as the stream has tasks."""
    memory: Literal["recent", "reservoir"] = "recent"
    """What the replay buffer keeps when it is full: the newest transitions, or a uniform sample of all."""
    action_noise: Annotated[float, Meta(ge=0)] = 0.0
    """Standard deviation of normal noise on actions while training, for TD3."""
    method: dict[str, Any] = {}
    """A continual-learning method: its ``name`` (or ``package.module:Class``) and what it sets."""
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
    gradient_steps: Annotated[int, Meta(ge=-1)] = 1
    n_steps: Annotated[int, Meta(ge=1)] = 1
    n_epochs: Annotated[int, Meta(ge=1)] = 1
    gamma: Annotated[float, Meta(ge=0, le=1)] = 1.0
    tau: Annotated[float, Meta(ge=0, le=1)] = 1.0


def checked(parameters: dict[str, Any]) -> Sb3Config:
    """Return a card's parameters as a record.

    Raises:
        CardError: an unknown parameter or option (with its nearest match), one that the
            adapter decides, a value out of range, or settings that do not go together.
    """
    config = parse(parameters, Sb3Config)
    on_policy = config.algorithm == "PPO"
    accepted = set(inspect.signature(ALGORITHMS[config.algorithm]).parameters) - _OURS.keys()
    if on_policy:  # its n_steps is the length of a rollout
        accepted.add("n_steps")
    for key in config.options:
        if key in accepted:
            continue
        if key in _OURS:
            raise CardError(f"parameters.options: {key!r} cannot be set: {_OURS[key]}")
        raise CardError(f"parameters.options: {unknown(f'{config.algorithm} option', key, accepted)}")
    try:
        limits = msgspec.convert(config.options, _Limits)
    except msgspec.ValidationError as error:
        raise CardError(f"parameters.options: {error}") from None
    if limits.gradient_steps == 0:
        raise CardError("parameters.options: gradient_steps is 0: nothing would be learned")
    if on_policy and (config.action_noise or config.memory != "recent"):
        raise CardError("parameters: action_noise and memory are of SAC and TD3; PPO has no replay buffer")
    kwargs = config.options.get("policy_kwargs", {})
    if not isinstance(kwargs, dict):
        raise CardError(f"parameters.options: policy_kwargs must be a table, got {kwargs!r}")
    if on_policy and kwargs.get("share_features_extractor") is False:
        raise CardError("parameters.options: policy_kwargs: PPO's networks share the task input")
    return config


def check_tasks(config: Sb3Config, setup: AgentSetup) -> int:
    """Return how many tasks the networks have room for.

    Raises:
        CardError: the stream has more tasks than that.
    """
    tasks = len({task.index for task in setup.tasks})
    if config.task_slots and tasks > config.task_slots:
        raise CardError(
            f"parameters: task_slots is {config.task_slots}, but the stream has {tasks} tasks:"
            f" set it to {tasks} or more, or to 0 for as many as there are"
        )
    return config.task_slots or tasks


def method_class(config: Sb3Config) -> tuple[type[Method], Any]:
    """Return the class and options of a card's continual-learning method.

    Raises:
        CardError: no such method, options it does not have, or an algorithm that lacks what it needs.
    """
    if not config.method:
        return Method, None
    options = dict(config.method)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise CardError(f"parameters.method: 'name' must be one of {', '.join(METHODS)}, got {name!r}")
    if name not in METHODS and ":" not in name:
        raise CardError(f"parameters.method: {unknown('method', name, METHODS)}")
    try:
        method: type[Method] = METHODS[name] if name in METHODS else import_class(name)
        parsed = parse(options, method.Options)
    except CardError as error:
        raise CardError(f"parameters.method: {error}") from None
    lacking = {
        "replay": config.algorithm == "PPO" and "a replay buffer, which PPO has not: use SAC or TD3",
        "optimizers": config.algorithm == "PPO"
        and "an optimizer for the actor alone, but PPO's trains actor and critic: use SAC or TD3",
        "tasks": config.identity == "none"
        and not config.heads
        and "networks that tell tasks apart: set identity or heads",
    }
    for need in sorted(method.needs):
        if lacking[need]:
            raise CardError(f"parameters.method: {name} needs {lacking[need]}")
    return method, parsed
