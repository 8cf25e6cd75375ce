"""What every agent of the catalogue keeps to."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from legion_bench import agents, catalogue
from legion_bench.protocols import checks
from legion_bench.types import Agent, AgentSetup
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

every_agent = pytest.mark.parametrize("name", catalogue.names("agents"))
DETERMINISTIC = ("scripted",)


def build(name: str, setup: AgentSetup) -> Agent:
    """Return an agent in its first visit, with one transition observed."""
    agent = agents.build(agents.resolve(name), setup)
    agent.begin_task(setup.tasks[0])
    return agent


def observations(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.2, 0.8, (count, 12))


def act(agent: Agent, count: int, *, explore: bool, seed: int = 0) -> np.ndarray:
    return agent.act(observations(count, seed), np.arange(count) % 2, explore=explore)


@every_agent
@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize("count", [1, 5])
def test_actions_have_the_right_shape_range_and_type(
    name: str, count: int, explore: bool, make_setup: MakeSetup
) -> None:
    agent = build(name, make_setup())
    for seed in range(3):
        actions = act(agent, count, explore=explore, seed=seed)
        assert actions.shape == (count, 4)
        assert actions.dtype == np.float32
        assert np.isfinite(actions).all()
        assert np.abs(actions).max() <= 1


@every_agent
def test_a_whole_stream_can_be_lived_through(name: str, make_setup: MakeSetup) -> None:
    setup = make_setup("reach", "push", "reach")
    agent = build(name, setup)
    for visit in setup.tasks:
        agent.begin_task(visit)
        for step in range(3):
            act(agent, 1, explore=True)
            batch = random_transitions(step, truncated=step == 2)
            agent.observe(dataclasses.replace(batch, tasks=np.array([visit.index])))
            reported = agent.update()
            assert all(isinstance(key, str) and float(value) == value for key, value in reported.items())
        agent.end_task(visit)
        assert act(agent, 2, explore=False).shape == (2, 4)


@every_agent
def test_observations_are_left_as_they_are(name: str, make_setup: MakeSetup) -> None:
    agent, given = build(name, make_setup()), observations(2)
    batch = random_transitions(0, 2)
    before = {field.name: getattr(batch, field.name).copy() for field in dataclasses.fields(batch)}
    agent.act(given, np.array([0, 1]), explore=True)
    agent.observe(batch)
    np.testing.assert_array_equal(given, observations(2))
    for field, value in before.items():
        np.testing.assert_array_equal(getattr(batch, field), value)


@every_agent
def test_a_seed_decides_what_an_agent_does(name: str, make_setup: MakeSetup) -> None:
    def life(seed: int) -> bytes:
        agent = build(name, make_setup(seed=seed))
        return b"".join(act(agent, 2, explore=explore).tobytes() for explore in (True, False, True))

    assert life(1) == life(1)
    assert (life(1) == life(2)) == (name in DETERMINISTIC)


@every_agent
def test_being_judged_does_not_disturb_exploration(name: str, make_setup: MakeSetup) -> None:
    undisturbed, judged = build(name, make_setup()), build(name, make_setup())
    for seed in range(4):
        act(judged, 5, explore=False, seed=seed)
        np.testing.assert_array_equal(act(judged, 1, explore=True), act(undisturbed, 1, explore=True))


@pytest.mark.parametrize(
    "name", [name for name in catalogue.names("agents") if name not in ("random", "scripted")]
)
def test_what_learns_says_what_that_costs(name: str, make_setup: MakeSetup) -> None:
    agent = build(name, make_setup())
    before = checks.footprint(agent)
    assert before is not None
    assert before.gradient_updates == before.stored_bytes == 0
    assert before.parameters > 1_000
    batch = random_transitions(0)
    agent.act(batch.observations, batch.tasks, explore=True)
    agent.observe(batch)
    after = checks.footprint(agent)
    assert after is not None
    assert after.parameters == before.parameters
    assert 0 < after.stored_bytes < 10_000
