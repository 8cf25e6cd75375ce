"""The agent: SB3 owns networks, losses and buffers; we own the loop and call its ``train``."""

from __future__ import annotations

import copy
import random
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.logger import Logger
from torch import nn

from legion_bench.agents.parameters import offset
from legion_bench.agents.sb3.collection import Collection, Inputs, OffPolicy, OnPolicy, Steps
from legion_bench.agents.sb3.config import ALGORITHMS, Sb3Config, check_tasks, checked, method_class
from legion_bench.agents.sb3.learner import PARTS, Learner, Model, Part
from legion_bench.agents.sb3.methods.base import Method
from legion_bench.agents.sb3.networks import (
    MultiHeadPpoPolicy,
    MultiHeadSacPolicy,
    MultiHeadTd3Policy,
    TaskInput,
)
from legion_bench.agents.sb3.reservoir import ReservoirBuffer
from legion_bench.agents.sb3.rng import GlobalRng
from legion_bench.errors import CardError
from legion_bench.language import embedding
from legion_bench.seeding import derive
from legion_bench.types import Actions, AgentSetup, Floats, Footprint, Ints, Metrics, TaskInfo, Transitions

# What SB3 and PyTorch raise at options of the wrong type, or too large.
_REFUSALS = (TypeError, ValueError, ArithmeticError, AssertionError, RuntimeError, MemoryError)
_MULTI_HEAD = {"SAC": MultiHeadSacPolicy, "TD3": MultiHeadTd3Policy, "PPO": MultiHeadPpoPolicy}


class Sb3Agent:
    """One SB3 algorithm taken through a stream, with a continual-learning method if its card names one."""

    def __init__(self, setup: AgentSetup, **parameters: Any) -> None:
        """Build the algorithm.

        Args:
            setup: spaces, tasks and seed.
            **parameters: the fields of :class:`~legion_bench.agents.sb3.config.Sb3Config`.

        Raises:
            CardError: an unknown parameter or option (with its nearest match), a value that
                SB3 refuses, a method whose needs are not met, or too many tasks.
        """
        self.config = checked(parameters)
        self._setup = setup
        self._offset = offset(self.config.observation_offset, setup)
        self._slots = check_tasks(self.config, setup)
        method, options = method_class(self.config)
        self._rng = GlobalRng()
        with self._rng:
            self.model = self._build(setup.seed)
        tasks = len({task.index for task in setup.tasks})
        self._learner = Learner(self.model, tasks, len(setup.tasks), self.config.reset)
        self._collection = _collection(self.model, self.config)
        with self._rng:
            self._method = method(self._learner, options)
        self._views = method.view is not Method.view
        if method.on_gradients is not Method.on_gradients:
            _hook(self.model, self._method)

    @property
    def learning_starts(self) -> int:
        """Environment steps of a visit before the first update."""
        return 0 if isinstance(self.model, PPO) else self.model.learning_starts

    def begin_task(self, task: TaskInfo) -> None:
        """Reset what the card says, from the second visit on."""
        self._collection.begin_visit()
        if task.position > 0 and self.config.reset:
            self._reset(derive(self._setup.seed, "reset", task.position))
        with self._rng:
            self._method.on_task_start(task)

    def act(self, observations: Floats, tasks: Ints, *, explore: bool) -> Actions:
        """Return actions [N, 4]; uniform at random in the first steps of a visit with SAC or TD3."""
        inputs = self._inputs(observations, tasks)
        with self._rng:
            if explore:
                guides = self._method.warmup(tasks) if self._collection.warming_up else None
                return self._collection.act(inputs, guides)
            if not self._views:
                return self._predict(inputs)
            actions = np.empty((len(inputs), 4), np.float32)
            for task in np.unique(tasks):
                rows = tasks == task
                with self._method.view(int(task)):
                    actions[rows] = self._predict(inputs[rows])
            return actions

    def observe(self, batch: Transitions) -> None:
        """Keep the transitions."""
        steps = Steps(
            inputs=self._inputs(batch.observations, batch.tasks),
            actions=batch.actions,
            rewards=(batch.rewards * self.config.reward_scale).astype(np.float32),
            next_inputs=self._inputs(batch.next_observations, batch.tasks),
            terminated=batch.terminated,
            truncated=batch.truncated,
        )
        with self._rng:  # a reservoir draws
            self._collection.store(steps)
            self._method.on_transitions(batch)

    def update(self) -> Metrics:
        """Let SB3 train when that is due; return what it logged."""
        if not self._collection.due:
            return {}
        with self._rng:
            if not self._collection.train():
                return {}
        logged = self.model.logger.name_to_value
        reported = {name.removeprefix("train/"): float(value) for name, value in logged.items()}
        logged.clear()
        return reported

    def end_task(self, task: TaskInfo) -> None:
        """Let the method keep what it wants of the task."""
        with self._rng:
            self._method.on_task_end(task)

    def footprint(self) -> Footprint:
        """Return what learning has cost."""
        networks = [self._learner.parameters(part) for part in PARTS]
        return Footprint(
            gradient_updates=self.model._n_updates,
            parameters=sum(value.numel() for network in networks for value in network.values()),
            stored_bytes=self._collection.stored_bytes + self._method.stored_bytes,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, transitions, random states and the method's memory."""
        model = self.model
        return {
            "policy": copy.deepcopy(model.policy.state_dict()),
            "optimizers": [copy.deepcopy(optimizer.state_dict()) for optimizer in _optimizers(model)],
            "temperature": _temperature(model),
            "updates": model._n_updates,
            "collection": self._collection.state_dict(),
            "method": self._method.state_dict(),
            "rng": self._rng.state_dict(),
            "action_space": model.action_space.np_random.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the agent that ``state_dict`` described, having been built from the same setup."""
        model = self.model
        model.policy.load_state_dict(state["policy"])
        for optimizer, saved in zip(_optimizers(model), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        _set_temperature(model, state["temperature"])
        model._n_updates = state["updates"]
        self._collection.load_state_dict(state["collection"])
        self._method.load_state_dict(state["method"])
        self._rng.load_state_dict(state["rng"])
        model.action_space.np_random.bit_generator.state = state["action_space"]

    def _inputs(self, observations: Floats, tasks: Ints) -> Inputs:
        inputs = np.empty((len(observations), observations.shape[1] + 1), np.float32)
        inputs[:, :-1] = (observations - self._offset) * self.config.observation_scale
        inputs[:, -1] = tasks
        return inputs

    def _predict(self, inputs: Inputs) -> Actions:
        return self.model.predict(inputs, deterministic=True)[0]

    def _build(self, seed: int) -> Model:
        config = self.config
        # A copy: SB3 writes into policy_kwargs, and the card is part of the run's record.
        options = {"device": "cpu", **copy.deepcopy(config.options)}
        kwargs = options.setdefault("policy_kwargs", {})
        policy: Any = "MlpPolicy"
        python_state = random.getstate()  # SB3 seeds this one too, and never draws from it
        try:
            kwargs |= {
                "features_extractor_class": TaskInput,
                "features_extractor_kwargs": {"codes": self._codes()},
            }
            if config.memory == "reservoir":
                options["replay_buffer_class"] = ReservoirBuffer
            if config.heads:
                policy = _MULTI_HEAD[config.algorithm]
                kwargs["heads"] = self._slots
            model: Model = ALGORITHMS[config.algorithm](policy, _Spaces(self._setup), seed=seed, **options)
        except _REFUSALS as error:
            raise CardError(f"{config.algorithm} refuses the card's options: {error}") from error
        finally:
            random.setstate(python_state)
        model.set_logger(Logger(folder=None, output_formats=[]))
        _keep_mode(model)
        return model

    def _codes(self) -> torch.Tensor | None:
        """Return what stands for each task in the networks' input [tasks, width]."""
        match self.config.identity:
            case "none":
                return None
            case "one-hot":
                return torch.eye(self._slots)
            case "language":
                instructions = {task.index: task.instruction for task in self._setup.tasks}
                return torch.tensor(
                    np.stack([embedding(instructions[index]) for index in sorted(instructions)]),
                    dtype=torch.float32,
                )

    def _reset(self, seed: int) -> None:
        """Copy a fresh model's parts over the ones that the card resets."""
        model, parts = self.model, self.config.reset
        everything = "all" in parts
        with GlobalRng():  # building draws initial weights: leave the agent's stream alone
            fresh = self._build(seed)
        if (everything or "buffer" in parts) and not isinstance(model, PPO):
            assert model.replay_buffer is not None
            model.replay_buffer.reset()
        state, learner = fresh.policy.state_dict(), Learner(fresh, 0)
        for part in PARTS:
            if everything or part in parts:
                model.policy.load_state_dict(learner.part_of_state(state, part), strict=False)
        if everything or "temperature" in parts:
            _set_temperature(model, _temperature(fresh))
        if everything or "optimizer" in parts:
            for old, new in zip(_optimizers(model), _optimizers(fresh), strict=True):
                old.load_state_dict(new.state_dict())


class _Spaces(gymnasium.Env[Any, Any]):
    """What SB3 reads of an environment; it is never stepped."""

    def __init__(self, setup: AgentSetup) -> None:
        (size,) = setup.observation_space.shape
        self.observation_space = spaces.Box(-np.inf, np.inf, (size + 1,), np.float32)
        self.action_space = copy.deepcopy(setup.action_space)  # SB3 seeds it and draws from it


def _keep_mode(model: Model) -> None:
    """Spare networks the walk through all their modules by which SB3 changes modes at every step and update.

    It takes a twentieth of a small network's step. Without the modules below, both modes are the same.
    """
    aware = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd, nn.RReLU)
    if not any(isinstance(module, aware) for module in model.policy.modules()):
        model.policy.set_training_mode = _stay  # type: ignore[method-assign]


def _stay(mode: bool) -> None:
    pass


def _collection(model: Model, config: Sb3Config) -> Collection:
    if isinstance(model, PPO):
        return OnPolicy(model)
    return OffPolicy(model, config.options.get("train_freq", 1), config.action_noise)


def _hook(model: Model, method: Method) -> None:
    """Have a method asked before every step of the networks' optimizers."""
    for optimizer, parts in _networks_optimizers(model).items():

        def hook(*_: Any, parts: tuple[Part, ...] = parts) -> None:
            for part in parts:
                method.on_gradients(part)

        optimizer.register_step_pre_hook(hook)


def _networks_optimizers(model: Model) -> dict[torch.optim.Optimizer, tuple[Part, ...]]:
    """Return each optimizer with the parts that it trains."""
    if isinstance(model, PPO):
        return {model.policy.optimizer: PARTS}
    return {model.actor.optimizer: ("actor",), model.critic.optimizer: ("critic",)}


def _optimizers(model: Model) -> list[torch.optim.Optimizer]:
    optimizers = list(_networks_optimizers(model))
    if isinstance(model, SAC) and model.ent_coef_optimizer is not None:
        optimizers.append(model.ent_coef_optimizer)
    return optimizers


def _temperature(model: Model) -> torch.Tensor | None:
    """Return SAC's log temperature, where it is learned."""
    learned = isinstance(model, SAC) and model.log_ent_coef is not None
    return model.log_ent_coef.detach().clone() if learned else None  # type: ignore[union-attr]


def _set_temperature(model: Model, value: torch.Tensor | None) -> None:
    if value is not None:
        assert isinstance(model, SAC)
        assert model.log_ent_coef is not None
        with torch.no_grad():
            model.log_ent_coef.copy_(value)
