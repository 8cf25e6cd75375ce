"""String ids: what ``gymnasium.make`` knows."""

from __future__ import annotations

import json

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from legion_bench import catalogue
from legion_bench.cards import ROBOTS
from legion_bench.envs import env_id
from legion_bench.envs.vector import VectorManipulationEnv
from legion_bench.envs.vector_stream import VectorStreamEnv
from tests.helpers import python

TASKS = [env_id(f"{robot}-{task}") for robot in ROBOTS for task in catalogue.names("envs/tasks")]
STREAMS = [env_id(stream) for stream in catalogue.names("envs/streams")]
OWN = env_id("stream")
IDS = sorted([*TASKS, *STREAMS, OWN])
UNBOUNDED = "ignore:.*A Box observation space (minimum|maximum) value is -?infinity:UserWarning"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kuka-reach", "LegionBench/KukaReach-v0"),
        ("kuka-button-press-topdown", "LegionBench/KukaButtonPressTopdown-v0"),
        ("kuka-curriculum", "LegionBench/KukaCurriculum-v0"),
        ("sawyer-few-shot", "LegionBench/SawyerFewShot-v0"),
        ("kuka-cw10", "LegionBench/KukaCW10-v0"),
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
print(gymnasium.make("LegionBench/KukaPush-v0", horizon=7).unwrapped.options.horizon)
"""
    done = python("-c", code)
    assert done.stdout == "7\n", done.stderr


@pytest.mark.parametrize("name", IDS)
def test_a_spec_survives_json(name: str) -> None:
    spec = gymnasium.spec(name)
    again = gymnasium.envs.registration.EnvSpec.from_json(spec.to_json())
    for field in ("id", "entry_point", "vector_entry_point", "kwargs"):
        assert getattr(again, field) == getattr(spec, field)
    assert json.loads(spec.to_json())["id"] == name


def test_a_made_environment_carries_a_spec_that_makes_it_again() -> None:
    env = gymnasium.make("LegionBench/KukaReach-v0", horizon=9, placement="every-episode")
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.options.horizon == 9
    assert again.unwrapped.options.placement == "every-episode"


def test_a_misspelt_id_names_the_nearest() -> None:
    with pytest.raises(gymnasium.error.NameNotFound, match="KukaReach"):
        gymnasium.make("LegionBench/KukaReech-v0")


def check(name: str) -> None:
    env = gymnasium.make(name, disable_env_checker=True)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize(
    "name", ["KukaPush", "SawyerDoorOpen", "KukaCoffeeButton", "KukaFewShot", "SawyerCW10", "KukaTiny"]
)
@pytest.mark.filterwarnings(UNBOUNDED)
def test_gymnasiums_checker_finds_nothing(name: str) -> None:
    check(f"LegionBench/{name}-v0")


@pytest.mark.parity
@pytest.mark.parametrize("name", [*TASKS, *STREAMS])
@pytest.mark.filterwarnings(UNBOUNDED)
def test_gymnasiums_checker_finds_nothing_in_any(name: str) -> None:
    check(name)


@pytest.mark.parametrize(
    ("name", "cls"), [("SawyerReach", VectorManipulationEnv), ("KukaSmoke", VectorStreamEnv)]
)
def test_many_are_made_at_once_in_our_way_or_in_gymnasiums(name: str, cls: type) -> None:
    ours = gymnasium.make_vec(f"LegionBench/{name}-v0", 3, horizon=5, autoreset_mode="SameStep")
    theirs = gymnasium.make_vec(
        f"LegionBench/{name}-v0",
        3,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
        horizon=5,
    )
    assert isinstance(ours, cls)
    assert isinstance(theirs, SyncVectorEnv)
    assert ours.spec is not None
    assert (ours.reset(seed=1)[0] == theirs.reset(seed=1)[0]).all()
    ours.action_space.seed(0)
    for _ in range(8):
        actions = ours.action_space.sample()
        mine, their = ours.step(actions), theirs.step(actions)
        for one, other in zip(mine[:4], their[:4], strict=True):
            assert (one == other).all()


def test_many_are_made_in_processes_too() -> None:
    envs = gymnasium.make_vec("LegionBench/KukaTiny-v0", 2, vectorization_mode="async")
    assert envs.reset(seed=0)[0].shape == (2, 12)
    envs.close()
