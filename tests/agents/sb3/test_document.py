"""The methods' page tells the truth: its own method runs, and its tables are complete."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from legion_bench import agents, catalogue
from legion_bench.agents.sb3 import Sb3Agent
from legion_bench.agents.sb3.config import Sb3Config
from legion_bench.agents.sb3.methods import METHODS
from tests.conftest import MakeSetup
from tests.helpers import random_transitions

PAGE = Path(__file__).parents[3] / "docs/methods/README.md"
TEXT = PAGE.read_text(encoding="utf-8")


def block(language: str, name: str) -> str:
    (found,) = re.findall(rf"```{language}\n# {name}[^\n]*\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_ones_own_method_is_a_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_setup: MakeSetup
) -> None:
    code = block("python", "my_lab/methods.py")
    assert len(code.splitlines()) <= 40
    (tmp_path / "my_lab").mkdir()
    (tmp_path / "my_lab/methods.py").write_text(code)
    (tmp_path / "freeze.toml").write_text(block("toml", "freeze.toml"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    card = agents.resolve("freeze.toml")
    card = msgspec.structs.replace(
        card, parameters={**card.parameters, "options": {"learning_starts": 2, "batch_size": 4}}
    )
    setup = make_setup("reach", "push", "door-open")
    agent = agents.build(card, setup)
    assert isinstance(agent, Sb3Agent)
    moved = []
    for task in setup.tasks:
        agent.begin_task(task)
        before = torch.cat([value.flatten() for value in agent._learner.shared("actor").values()]).detach()
        for step in range(6):
            agent.act(random_transitions(step).observations, np.array([task.index]), explore=True)
            agent.observe(random_transitions(step))
            agent.update()
        after = torch.cat([value.flatten() for value in agent._learner.shared("actor").values()])
        moved.append(not torch.equal(before, after))
        agent.end_task(task)
    assert moved == [True, True, False]


def test_every_field_of_a_card_is_explained() -> None:
    documented = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
    names = {name for row in documented for name in re.findall(r"\w+", row)}
    assert set(Sb3Config.__struct_fields__) <= names


def test_every_method_has_a_card_a_small_card_and_a_page() -> None:
    cards = {name: agents.resolve(name) for name in catalogue.names("agents")}
    for method in METHODS:
        using = [
            name for name, card in cards.items() if card.parameters.get("method", {}).get("name") == method
        ]
        full, small = sorted(using, key=len)
        assert small == f"{full}-small"
        assert f"`{full}`" in TEXT
    for link in re.findall(r"\]\((\w[\w-]*\.md)\)", TEXT):
        assert (PAGE.parent / link).is_file(), link


def test_every_baseline_is_in_the_table() -> None:
    for name in catalogue.names("agents"):
        if agents.resolve(name).entry_point.endswith(":Sb3Agent") and not name.endswith("-small"):
            assert f"`{name}`" in TEXT, name
            agents.resolve(f"{name}-small")
