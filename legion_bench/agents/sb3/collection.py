"""How transitions are collected and when SB3 trains on them, for its two kinds of algorithm.

Both are SB3's own loops turned inside out: the runner steps the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.noise import NormalActionNoise

from legion_bench.agents.sb3.reservoir import ReservoirBuffer
from legion_bench.types import Actions, Bools, Ints

Inputs = NDArray[np.float32]
"""[N, obs + 1] what the model is given: scaled observations, each with its task's identity last."""


@dataclass(frozen=True, slots=True)
class Steps:
    """N environment steps as the model takes them."""

    inputs: Inputs
    actions: Actions
    rewards: NDArray[np.float32]
    next_inputs: Inputs
    terminated: Bools
    truncated: Bools


class Collection(Protocol):
    """Between the runner's steps and a model's ``train``."""

    @property
    def warming_up(self) -> bool:
        """Whether actions need no policy yet."""

    def begin_visit(self) -> None:
        """Count steps from here."""

    def act(self, inputs: Inputs, guides: Ints | None) -> Actions:
        """Return actions [N, 4] to explore with; in the warm-up, those of the tasks ``guides``, if given."""

    def store(self, steps: Steps) -> None:
        """Keep what came of the latest actions."""

    @property
    def due(self) -> bool:
        """Whether to train now."""

    def train(self) -> bool:
        """Train when that is due; return whether there was enough to train on."""

    @property
    def stored_bytes(self) -> int:
        """Of the transitions that are kept."""

    def state_dict(self) -> dict[str, Any]:
        """Return the kept transitions and counts."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""


class OffPolicy:
    """SAC and TD3: a replay buffer, and gradient steps every few environment steps."""

    def __init__(self, model: SAC | TD3, train_every: int, action_noise: float) -> None:
        """Collect for ``model``, which trains after every ``train_every`` steps of all rows."""
        self._model, self._every, self._noise = model, train_every, action_noise
        self._rounds = self._since = 0

    @property
    def warming_up(self) -> bool:
        """Whether the visit's random steps last."""
        return self._model.num_timesteps < self._model.learning_starts

    def begin_visit(self) -> None:
        """Begin with random steps again."""
        self._model.num_timesteps = self._rounds = self._since = 0

    def act(self, inputs: Inputs, guides: Ints | None) -> Actions:
        """Return SB3's exploring actions [N, 4]."""
        model, rows = self._model, len(inputs)
        if self.warming_up and guides is not None:
            actions, _ = model.predict(_on_tasks(inputs, guides))
            return actions
        model._last_obs = inputs
        noise = (
            NormalActionNoise(np.zeros((rows, 4)), np.full((rows, 4), self._noise)) if self._noise else None
        )
        actions, _ = model._sample_action(model.learning_starts, noise, rows)
        return actions.astype(np.float32)

    def store(self, steps: Steps) -> None:
        """Store the transitions; a truncated episode is bootstrapped, not ended."""
        over, timeouts = steps.terminated | steps.truncated, steps.truncated & ~steps.terminated
        for row in range(len(over)):  # the buffer has room for one environment's
            one = slice(row, row + 1)
            infos = [{"TimeLimit.truncated": bool(timeouts[row])}]
            self._buffer.add(
                steps.inputs[one],
                steps.next_inputs[one],
                steps.actions[one],
                steps.rewards[one],
                over[one],
                infos,
            )
        self._model.num_timesteps += len(over)
        self._rounds += 1
        self._since += len(over)

    @property
    def due(self) -> bool:
        """Whether a round is complete."""
        return self._rounds % self._every == 0

    def train(self) -> bool:
        """Take a round's gradient steps, if the visit's random steps are over."""
        model = self._model
        steps = self._since if model.gradient_steps < 0 else model.gradient_steps
        self._since = 0
        if model.num_timesteps <= model.learning_starts:
            return False
        model.train(gradient_steps=steps, batch_size=model.batch_size)
        return True

    @property
    def stored_bytes(self) -> int:
        """Of the filled part of the replay buffer."""
        return sum(array.nbytes for array in _rows(self._buffer).values())

    @property
    def _buffer(self) -> ReplayBuffer:
        assert self._model.replay_buffer is not None
        return self._model.replay_buffer

    def state_dict(self) -> dict[str, Any]:
        """Return the replay buffer and counts."""
        return {
            "timesteps": self._model.num_timesteps,
            "rounds": self._rounds,
            "since": self._since,
            **_buffer_state(self._buffer),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put them back."""
        self._model.num_timesteps = state["timesteps"]
        self._rounds, self._since = state["rounds"], state["since"]
        _load_buffer(self._buffer, state)


class OnPolicy:
    """PPO: rollouts of ``n_steps`` in every row, each trained on once.

    A visit's last rollout is dropped if it is not full.
    """

    warming_up = False

    def __init__(self, model: PPO) -> None:
        """Collect for ``model``."""
        self._model = model
        self._starts: Bools = np.ones(0, bool)
        """[rows] whether an episode begins with the next step."""
        self._chosen: tuple[Any, Any, Any] | None = None

    def begin_visit(self) -> None:
        """Begin a rollout."""
        self._model.policy.set_training_mode(False)
        self._starts = np.ones(0, bool)

    def act(self, inputs: Inputs, guides: Ints | None) -> Actions:
        """Return drawn actions [N, 4], clipped; remember them as they were drawn."""
        model = self._model
        with torch.no_grad():
            actions, values, log_probabilities = model.policy(torch.as_tensor(inputs, device=model.device))
        # Unclipped, which is what they were drawn as, with what the networks thought of them.
        drawn: Actions = actions.cpu().numpy()
        self._chosen = drawn, values, log_probabilities
        return drawn.clip(-1.0, 1.0)

    def store(self, steps: Steps) -> None:
        """Add to the rollout; a truncated episode's last reward includes the value of what follows."""
        model, rows = self._model, len(steps.rewards)
        assert self._chosen is not None
        if len(self._starts) != rows:  # the visit's first steps
            self._starts = np.ones(rows, bool)
            model.n_envs = model.rollout_buffer.n_envs = rows
            model.rollout_buffer.reset()
        rewards = steps.rewards.copy()
        cut = steps.truncated & ~steps.terminated
        if cut.any():
            rewards[cut] += model.gamma * self._values(steps.next_inputs[cut])
        actions, values, log_probabilities = self._chosen
        model.rollout_buffer.add(steps.inputs, actions, rewards, self._starts, values, log_probabilities)
        self._starts = steps.terminated | steps.truncated
        if model.rollout_buffer.full:
            last = torch.as_tensor(self._values(steps.next_inputs))
            model.rollout_buffer.compute_returns_and_advantage(last, self._starts)

    @property
    def due(self) -> bool:
        """Whether the rollout is full."""
        return self._model.rollout_buffer.full

    def train(self) -> bool:
        """Train on the rollout, once."""
        self._model.train()
        self._model.policy.set_training_mode(False)
        self._model.rollout_buffer.reset()
        return True

    def _values(self, inputs: Inputs) -> NDArray[np.float32]:
        with torch.no_grad():
            seen = torch.as_tensor(inputs, device=self._model.device)
            return np.asarray(self._model.policy.predict_values(seen).flatten().cpu())

    @property
    def stored_bytes(self) -> int:
        """Of the filled part of the rollout."""
        return sum(array.nbytes for array in _rows(self._model.rollout_buffer).values())

    def state_dict(self) -> dict[str, Any]:
        """Return the rollout so far."""
        return {
            "starts": self._starts.copy(),
            "rows": self._model.rollout_buffer.n_envs,
            **_buffer_state(self._model.rollout_buffer),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put it back."""
        buffer = self._model.rollout_buffer
        self._starts = state["starts"].copy()
        self._model.n_envs = buffer.n_envs = state["rows"]
        buffer.reset()
        _load_buffer(buffer, state)


_ARRAYS = {
    ReplayBuffer: ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"),
    RolloutBuffer: (
        "observations",
        "actions",
        "rewards",
        "episode_starts",
        "values",
        "log_probs",
        "returns",
        "advantages",
    ),
}


def _rows(buffer: ReplayBuffer | RolloutBuffer) -> dict[str, NDArray[Any]]:
    """Return the part of each array that is filled."""
    (names,) = (names for kind, names in _ARRAYS.items() if isinstance(buffer, kind))
    return {name: getattr(buffer, name)[: buffer.size()] for name in names}


def _buffer_state(buffer: ReplayBuffer | RolloutBuffer) -> dict[str, Any]:
    arrays = {name: array.copy() for name, array in _rows(buffer).items()}
    state = {"arrays": arrays, "pos": buffer.pos, "full": buffer.full}
    return state | {"seen": buffer.seen} if isinstance(buffer, ReservoirBuffer) else state


def _load_buffer(buffer: ReplayBuffer | RolloutBuffer, state: dict[str, Any]) -> None:
    buffer.pos, buffer.full = state["pos"], state["full"]
    if isinstance(buffer, ReservoirBuffer):
        buffer.seen = state["seen"]
    for name, array in _rows(buffer).items():
        array[:] = state["arrays"][name]


def _on_tasks(inputs: Inputs, tasks: Ints) -> Inputs:
    changed = inputs.copy()
    changed[:, -1] = tasks
    return changed
