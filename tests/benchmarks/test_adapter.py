"""The SB3 adapter's whole loop against SB3's own ``learn``, same settings and environment.

``tox run -e bench``; one thread, as in a run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from stable_baselines3 import PPO, SAC

from legion_bench import agents
from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.types import TaskInfo
from tests.agents.sb3.test_parity import Walk, live
from tests.conftest import MakeSetup

Compare = Callable[..., float]
STEPS = 200
SMALL = agents.resolve("sac-finetune-small").parameters["options"]
SETTINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "small card": (SAC, {**SMALL, "learning_starts": 0}),
    "sac-finetune card": (
        SAC,
        {**agents.resolve("sac-finetune").parameters["options"], "learning_starts": 0},
    ),
    "ppo-finetune-small card": (
        PPO,
        {**agents.resolve("ppo-finetune-small").parameters["options"], "n_steps": STEPS},
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_loop_against_sb3s_learn(compare: Compare, make_setup: MakeSetup, name: str) -> None:
    algorithm, options = SETTINGS[name]
    setup = make_setup("reach")
    agent = Sb3Agent(setup, algorithm=algorithm.__name__, options=options)
    task: TaskInfo = setup.tasks[0]
    agent.begin_task(task)
    theirs = algorithm("MlpPolicy", Walk(), device="cpu", **options)
    theirs.learn(STEPS)
    compare(
        lambda: live(agent, STEPS),
        lambda: theirs.learn(STEPS, reset_num_timesteps=False),
        ours_steps=STEPS,
        peer_steps=STEPS,
        rounds=8,
    )
