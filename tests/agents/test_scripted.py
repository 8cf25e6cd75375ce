"""The oracle shows that the tasks can be done on the KUKA from twelve values."""

from __future__ import annotations

import numpy as np
import pytest

from legion_bench.agents.scripted import ScriptedAgent, script
from legion_bench.agents.scripted_policies import SCRIPTS
from legion_bench.cards import Robot, load_stream
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.errors import CardError
from legion_bench.types import LEGION_12, AgentSetup
from tests.conftest import MakeSetup
from tests.envs.tasks import every_task

SEEDS = (0, 1, 2, 3)


def solves(agent: ScriptedAgent, env: ManipulationEnv, seed: int, task: int = 0) -> bool:
    observation, _ = env.reset(seed=seed)
    truncated = False
    while not truncated:
        action = agent.act(observation[None], np.array([task]), explore=False)[0]
        observation, _, _, truncated, info = env.step(action)
        if info["success"]:
            return True
    return False


@every_task
def test_it_solves_every_task(task: str, make_setup: MakeSetup) -> None:
    """Meta-World's policies are written for its horizon of 500."""
    agent = ScriptedAgent(make_setup(task))
    env = ManipulationEnv(task, observation="metaworld-39", horizon=500)
    solved = [solves(agent, env, seed) for seed in SEEDS]
    assert sum(solved) >= 2, "how often of a hundred is in results/environments"


@pytest.mark.parametrize("task", load_stream("kuka-curriculum").tasks)
def test_legions_ten_are_solved_from_twelve_values_within_their_horizon(
    task: str, make_setup: MakeSetup
) -> None:
    agent, env = ScriptedAgent(make_setup(task)), ManipulationEnv(task)
    solved = {seed: solves(agent, env, seed) for seed in SEEDS}
    assert all(solved.values()), solved


def test_doing_nothing_solves_nothing() -> None:
    """So that the test above means something."""
    for task in ("reach", "drawer-close", "pick-place"):
        env = ManipulationEnv(task)
        env.reset(seed=0)
        assert not any(env.step(np.zeros(4))[-1]["success"] for _ in range(150))


def test_it_tells_the_tasks_of_a_stream_apart(make_setup: MakeSetup) -> None:
    agent = ScriptedAgent(make_setup("reach", "drawer-close", "reach"))
    for index, task in enumerate(("reach", "drawer-close")):
        assert solves(agent, ManipulationEnv(task), seed=1, task=index)


def test_slots_do_not_share_a_gripper(make_setup: MakeSetup) -> None:
    """The gripper's opening is remembered: a second slot must not change the first."""
    agent, alone = (ScriptedAgent(make_setup("pick-place")) for _ in range(2))
    envs = [ManipulationEnv("pick-place") for _ in range(2)]
    observations = np.stack([env.reset(seed=seed)[0] for seed, env in enumerate(envs)])
    for _ in range(80):
        actions = agent.act(observations, np.array([0, 0]), explore=False)
        expected = alone.act(observations[:1], np.array([0]), explore=False)
        np.testing.assert_array_equal(actions[:1], expected)
        observations = np.stack([env.step(action)[0] for env, action in zip(envs, actions, strict=True)])


@pytest.mark.parametrize("robot", ["kuka", "sawyer"])
@pytest.mark.parametrize("task", SCRIPTS)
def test_our_own_policies_solve_their_tasks_with_either_arm(
    task: str, robot: Robot, make_setup: MakeSetup
) -> None:
    env = ManipulationEnv(task, robot=robot, observation="metaworld-39")
    solved = {seed: solves(ScriptedAgent(make_setup(task)), env, seed) for seed in SEEDS}
    assert all(solved.values()), solved


@pytest.mark.parametrize("task", SCRIPTS)
def test_our_own_policies_stay_within_the_action_space(task: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        action = SCRIPTS[task](random.uniform(-1.0, 1.0, 39))
        assert action.shape == (4,)
        assert np.abs(action).max() <= 1.0


def test_the_full_observation_is_used_as_it_is(make_setup: MakeSetup) -> None:
    """Of 39 values the gripper's opening is read, not estimated: the first action shows it."""
    agent = ScriptedAgent(make_setup("peg-unplug-side"))
    observation = np.zeros((2, 39))
    observation[:, 4:7] = 0.1, 0.6, 0.13
    observation[:, :3] = observation[:, 4:7] + [-0.02, 0.0, 0.01]
    observation[:, 3] = 1.0, 0.9
    open_, held = agent.act(observation, np.array([0, 0]), explore=False)
    assert open_.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert held.tolist() == [0.5, 0.0, 0.0, 1.0]


def test_full_and_reduced_observations_agree_on_a_task_without_a_grasp(make_setup: MakeSetup) -> None:
    agent = ScriptedAgent(make_setup("window-open"))
    env = ManipulationEnv("window-open", observation="metaworld-39")
    observation = env.reset(seed=0)[0][None]
    actions = [
        agent.act(seen, np.array([0]), explore=False) for seen in (observation, observation[:, LEGION_12])
    ]
    np.testing.assert_array_equal(*actions)


def test_every_meta_world_task_has_a_policy() -> None:
    """Its names are not all formed alike: peg-insert-side's class says Insertion."""
    for task in ("peg-insert-side", "push", "stick-pull", "assembly"):
        assert script(task)(np.zeros(39)).shape == (4,)


def test_a_task_without_a_policy_is_a_users_error(make_setup: MakeSetup) -> None:
    setup = make_setup("reach")
    (visit,) = setup.tasks
    unknown = type(visit)("no-such-task", 0, 0, 1, "?")
    with pytest.raises(CardError, match="no policy for task 'no-such-task'"):
        ScriptedAgent(
            AgentSetup(setup.observation_space, setup.action_space, (unknown,), setup.steps_per_task, 0)
        )
