"""Our loop is SB3's: the same seeds give the same losses and weights as ``learn``, to the bit."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.networks import TaskInput
from legion_bench.agents.sb3.rng import GlobalRng
from legion_bench.types import Transitions
from tests.conftest import MakeSetup

STEPS = 2_000
NETWORK = {"net_arch": [16, 16]}
OFF_POLICY = {"learning_starts": 100, "batch_size": 32, "buffer_size": 5_000, "policy_kwargs": NETWORK}


class Walk(gymnasium.Env[Any, Any]):
    """A point that is pushed about; it ends near the middle, and after 17 steps. The task comes last."""

    observation_space = spaces.Box(-np.inf, np.inf, (13,), np.float32)

    def __init__(self) -> None:
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self._rng = np.random.default_rng(5)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self._at, self._steps = self._rng.normal(size=12), 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._at[:4] += 0.3 * action + 0.01 * self._rng.normal(size=4)
        self._steps += 1
        distance = float(np.linalg.norm(self._at[:4]))
        return self._seen(), -distance, distance < 0.3, self._steps == 17, {}

    def _seen(self) -> Any:
        return np.append(self._at, 0.0).astype(np.float32)


class Losses(BaseCallback):
    """Collects what SB3's ``train`` logs, as it would be printed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        self._collect()
        return True

    def _on_training_end(self) -> None:
        self._collect()

    def _collect(self) -> None:
        logged = self.model.logger.name_to_value
        if train := {key: float(value) for key, value in logged.items() if key.startswith("train/")}:
            self.seen.append(train)
        logged.clear()


def learn(algorithm: Any, seed: int, **options: Any) -> tuple[Any, list[dict[str, float]]]:
    """Let SB3 learn by itself."""
    with GlobalRng():
        model = algorithm("MlpPolicy", Walk(), seed=seed, device="cpu", **options)
        model.set_logger(Logger(folder=None, output_formats=[]))
        model.dump_logs = lambda *_: None  # it would clear the losses
        losses = Losses()
        model.learn(STEPS, callback=losses)
    return model, losses.seen


def live(agent: Sb3Agent, steps: int = STEPS) -> list[dict[str, float]]:
    """Take our agent through as many steps in the same environment."""
    env, losses = Walk(), []
    seen, _ = env.reset()
    for _ in range(steps):
        action = agent.act(seen[None, :-1], np.array([0]), explore=True)
        after, reward, terminated, truncated, _ = env.step(action[0])
        agent.observe(
            Transitions(
                observations=seen[None, :-1],
                actions=action,
                rewards=np.array([reward]),
                next_observations=after[None, :-1],
                terminated=np.array([terminated]),
                truncated=np.array([truncated]),
                tasks=np.array([0]),
            )
        )
        if reported := agent.update():
            losses.append({f"train/{key}": value for key, value in reported.items()})
        seen = env.reset()[0] if terminated or truncated else after
    return losses


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        (SAC, OFF_POLICY),
        (SAC, {**OFF_POLICY, "train_freq": 4, "gradient_steps": 2, "ent_coef": 0.1}),
        (TD3, OFF_POLICY),  # without noise, which SB3 rounds on its way to the environment, not to the buffer
        (PPO, {"n_steps": 125, "batch_size": 25, "policy_kwargs": NETWORK}),
    ],
    ids=["SAC", "SAC, rarely and fixed temperature", "TD3", "PPO"],
)
def test_our_loop_is_learn_step_for_step(
    algorithm: Any, options: dict[str, Any], make_setup: MakeSetup
) -> None:
    setup = make_setup("reach", seed=11)
    agent = Sb3Agent(setup, algorithm=algorithm.__name__, options=options)
    agent.begin_task(setup.tasks[0])
    ours = live(agent)

    theirs = {**options, "policy_kwargs": {**NETWORK, "features_extractor_class": TaskInput}}
    theirs["policy_kwargs"]["features_extractor_kwargs"] = {"codes": None}
    model, losses = learn(algorithm, 11, **theirs)

    assert len(losses) >= 16
    assert _comparable(ours) == _comparable(losses)
    for name, value in model.policy.state_dict().items():
        np.testing.assert_array_equal(agent.model.policy.state_dict()[name], value, err_msg=name)


def _comparable(losses: list[dict[str, float]]) -> list[str]:
    """Return texts, in which NaN equals NaN."""
    return [repr(sorted(one.items())) for one in losses]
