"""Agents: found by name, built from cards, and what is wrong with them said."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from legion_bench import agents
from legion_bench.agents.random import RandomAgent
from legion_bench.cards import AgentCard
from legion_bench.errors import CardError
from tests.conftest import MakeSetup

HERE = __name__


class Gain(RandomAgent):
    """Takes a parameter with a default."""

    def __init__(self, setup: Any, gain: float = 1.0) -> None:
        super().__init__(setup)
        self.gain = gain


class NeedsGain(Gain):
    """Takes a parameter without a default."""

    def __init__(self, setup: Any, gain: float) -> None:
        super().__init__(setup, gain)


class TakesNothing(RandomAgent):
    """Forgets that it is built from an AgentSetup."""

    def __init__(self) -> None:
        pass


class Half:
    """Lacks two of the five methods."""

    def __init__(self, setup: Any) -> None:
        pass

    def begin_task(self, task: Any) -> None: ...
    def act(self, observations: Any, tasks: Any, *, explore: bool) -> None: ...
    def end_task(self, task: Any) -> None: ...


def card(entry_point: str, **parameters: Any) -> AgentCard:
    return AgentCard(name="mine", title="Mine", entry_point=entry_point, parameters=parameters)


def test_a_catalogue_name_gives_its_card() -> None:
    assert agents.resolve("random").entry_point == "legion_bench.agents.random:RandomAgent"


def test_a_class_needs_no_card() -> None:
    assert agents.resolve("pkg.module:Class") == AgentCard(
        name="pkg.module:Class", title="pkg.module:Class", entry_point="pkg.module:Class"
    )


def test_a_path_gives_a_card_with_its_parameters(tmp_path: Path, make_setup: MakeSetup) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'title = "Mine"\nentry_point = "{HERE}:Gain"\n[parameters]\ngain = 2.5\n')
    found = agents.resolve(str(path))
    assert (found.name, found.parameters) == ("mine", {"gain": 2.5})
    built = agents.build(found, make_setup())
    assert isinstance(built, Gain)
    assert built.gain == 2.5


def test_a_class_is_built_with_its_defaults(make_setup: MakeSetup) -> None:
    built = agents.build(agents.resolve(f"{HERE}:Gain"), make_setup())
    assert isinstance(built, Gain)
    assert built.gain == 1.0


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(CardError, match="unknown agent 'randon': did you mean 'random'"):
        agents.resolve("randon")


@pytest.mark.parametrize(
    "entry_point",
    ["no_such_package.module:A", f"{HERE}:NoSuchAgent", "no.colon", f"{HERE}:", ":A", "./mine.py:A"],
)
def test_what_cannot_be_imported_is_a_users_error(entry_point: str, make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="agent 'mine'"):
        agents.build(card(entry_point), make_setup())


def test_missing_methods_are_named(make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="lacks observe, update"):
        agents.build(card(f"{HERE}:Half"), make_setup())


def test_what_is_no_class_lacks_them_all(make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="lacks begin_task, act, observe, update, end_task"):
        agents.build(card("math:pi"), make_setup())


def test_an_unknown_parameter_names_the_nearest(make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="unknown parameter 'gian': did you mean 'gain'"):
        agents.build(card(f"{HERE}:Gain", gian=2), make_setup())


def test_an_agent_without_parameters_takes_none(make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="unknown parameter 'gain': known: none"):
        agents.build(card("legion_bench.agents.random:RandomAgent", gain=2), make_setup())


def test_the_setup_is_no_parameter(make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="unknown parameter 'setup'"):
        agents.build(card(f"{HERE}:Gain", setup=1), make_setup())


def test_a_missing_parameter_is_a_users_error(make_setup: MakeSetup) -> None:
    assert agents.build(card(f"{HERE}:NeedsGain", gain=1.0), make_setup())
    with pytest.raises(CardError, match="gain"):
        agents.build(card(f"{HERE}:NeedsGain"), make_setup())


def test_a_class_that_takes_no_setup_is_a_users_error(make_setup: MakeSetup) -> None:
    with pytest.raises(CardError, match="agent 'mine'"):
        agents.build(card(f"{HERE}:TakesNothing"), make_setup())


def test_an_error_inside_an_agent_keeps_its_own_type(make_setup: MakeSetup) -> None:
    """A bug in somebody's constructor must not look like a mistake in a card."""
    with pytest.raises(ZeroDivisionError):
        agents.build(card(f"{HERE}:Broken"), make_setup())


class Broken(RandomAgent):
    """Its constructor has a bug."""

    def __init__(self, setup: Any) -> None:
        self.ratio = 1 / 0


def test_an_installed_package_cannot_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint(name, "elsewhere:Agent", agents.GROUP) for name in ("sac-finetune", "other")]
    monkeypatch.setattr(agents, "entry_points", lambda group: points)
    assert set(agents.installed()) == {"other"}
    assert agents.resolve("sac-finetune").entry_point == "legion_bench.agents.sb3:Sb3Agent"
    assert agents.resolve("other").entry_point == "elsewhere:Agent"
