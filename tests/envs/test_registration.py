"""String ids: what ``gymnasium.make`` knows."""

from __future__ import annotations

import json

import gymnasium
import pytest

from legion_bench import catalogue
from legion_bench.envs import ROBOTS, env_id
from tests.helpers import python

IDS = sorted(
    [env_id(f"{robot}-{task}") for robot in ROBOTS for task in catalogue.names("envs/tasks")]
    + [env_id(stream) for stream in catalogue.names("envs/streams")]
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kuka-reach", "LegionBench/KukaReach-v0"),
        ("kuka-button-press-topdown", "LegionBench/KukaButtonPressTopdown-v0"),
        ("kuka-curriculum", "LegionBench/KukaCurriculum-v0"),
    ],
)
def test_an_id_is_the_name_in_camel_case(name: str, expected: str) -> None:
    assert env_id(name) == expected


def test_every_card_is_registered_and_nothing_else() -> None:
    assert sorted(name for name in gymnasium.registry if name.startswith("LegionBench/")) == IDS
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize("name", ["KukaReach", "KukaCurriculum"])
def test_gymnasium_alone_makes_it_in_a_fresh_process(name: str) -> None:
    code = f"""
import gymnasium
env = gymnasium.make("legion_bench:LegionBench/{name}-v0")
env.reset(seed=0)
print(env.step(env.action_space.sample())[0].shape, env.spec.id)
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"(12,) LegionBench/{name}-v0\n"


def test_an_import_is_enough_to_make_it_by_its_plain_id() -> None:
    code = """
import gymnasium, legion_bench
print(gymnasium.make("LegionBench/KukaPush-v0", horizon=7).unwrapped.horizon)
"""
    done = python("-c", code)
    assert done.stdout == "7\n", done.stderr


@pytest.mark.parametrize("name", IDS)
def test_a_spec_survives_json(name: str) -> None:
    spec = gymnasium.spec(name)
    again = gymnasium.envs.registration.EnvSpec.from_json(spec.to_json())
    assert (again.id, again.entry_point, again.kwargs) == (spec.id, spec.entry_point, spec.kwargs)
    assert json.loads(spec.to_json())["id"] == name


def test_a_made_environment_carries_a_spec_that_makes_it_again() -> None:
    env = gymnasium.make("LegionBench/KukaReach-v0", horizon=9, placement="every-episode")
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.horizon == 9
    assert again.unwrapped.placement == "every-episode"


def test_a_misspelt_id_names_the_nearest() -> None:
    with pytest.raises(gymnasium.error.NameNotFound, match="KukaReach"):
        gymnasium.make("LegionBench/KukaReech-v0")
