"""The cards that are committed: all load, and LEGION's are the paper's."""

from __future__ import annotations

import tomllib

import pytest
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from legion_bench import agents, cards, catalogue
from legion_bench.envs import ROBOTS
from legion_bench.results import references

CURRICULUM = (
    "reach",
    "push",
    "pick-place",
    "door-open",
    "faucet-open",
    "drawer-close",
    "button-press-topdown",
    "peg-unplug-side",
    "window-open",
    "window-close",
)


def test_the_catalogue_holds_every_kind_of_card() -> None:
    for folder in ("agents", "envs/tasks", "envs/streams", "protocols"):
        assert catalogue.names(folder), folder
        assert list(catalogue.names(folder)) == sorted(catalogue.names(folder))


def test_the_wheel_has_the_whole_catalogue_where_it_is_looked_for() -> None:
    project = tomllib.loads((catalogue.root() / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    folders = ("agents", "envs", "protocols", references.FOLDER, "results/paper/data")
    assert included == {folder: f"legion_bench/catalogue/{folder}" for folder in folders}
    assert all((catalogue.root() / folder).is_dir() for folder in folders)


@pytest.mark.parametrize("name", catalogue.names("envs/tasks"))
def test_a_task_card_loads_under_its_own_name(name: str) -> None:
    card = cards.load_task(name)
    assert card.name == name
    assert card.scene == f"{name}-v3"


def test_there_is_a_card_for_each_of_meta_worlds_tasks() -> None:
    assert {f"{name}-v3" for name in catalogue.names("envs/tasks")} == set(ALL_V3_ENVIRONMENTS)


def test_no_sentence_is_used_twice() -> None:
    tasks = [cards.load_task(name) for name in catalogue.names("envs/tasks")]
    sentences = [sentence.casefold() for task in tasks for sentence in (task.instruction, *task.paraphrases)]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence.endswith(".") for sentence in sentences)


@pytest.mark.parametrize("name", catalogue.names("envs/streams"))
def test_a_stream_card_loads_under_its_own_name(name: str) -> None:
    card = cards.load_stream(name)
    assert card.name == name
    assert len(card.visits()) == len(card.tasks)
    assert card.horizon <= card.steps_per_task


@pytest.mark.parametrize("name", catalogue.names("protocols"))
def test_a_protocol_card_loads_with_its_stream(name: str) -> None:
    protocol, stream = cards.load_protocol(name)
    assert (protocol.name, protocol.stream) == (name, stream.name)
    assert protocol.evaluate_every <= stream.steps_per_task


@pytest.mark.parametrize("name", catalogue.names("agents"))
def test_an_agent_card_loads_under_its_own_name(name: str) -> None:
    assert agents.resolve(name) == cards.load_agent(name)
    assert cards.load_agent(name).name == name


@pytest.mark.parametrize("name", ROBOTS)
def test_every_robot_has_a_model(name: str) -> None:
    assert (catalogue.root() / "envs" / "robots" / f"{name}.xml").is_file()


def test_the_curriculum_is_the_papers() -> None:
    stream = cards.load_stream("kuka-curriculum")
    assert stream.tasks == CURRICULUM
    assert (stream.steps_per_task, stream.horizon, stream.placement) == (1_000_000, 150, "fixed")
    assert stream.total_steps == 10_000_000


def test_the_reverse_stream_is_the_curriculum_reversed() -> None:
    assert cards.load_stream("kuka-reverse").tasks == CURRICULUM[::-1]


@pytest.mark.parametrize("name", ["kuka-reverse", "kuka-random"])
def test_the_other_orders_change_nothing_but_the_order(name: str) -> None:
    stream, curriculum = cards.load_stream(name), cards.load_stream("kuka-curriculum")
    assert stream.tasks != curriculum.tasks
    assert sorted(stream.tasks) == sorted(curriculum.tasks)
    for field in ("robot", "steps_per_task", "horizon", "placement"):
        assert getattr(stream, field) == getattr(curriculum, field)


def test_the_papers_protocol_evaluates_ten_episodes_every_ten_thousand_steps() -> None:
    protocol, stream = cards.load_protocol("lifelong-curriculum")
    assert stream.name == "kuka-curriculum"
    assert (protocol.evaluate_every, protocol.evaluation_episodes) == (10_000, 10)
