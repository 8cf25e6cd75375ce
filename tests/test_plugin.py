"""A third party's installed package takes part without touching ours."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from legion_bench.results.store import Run, read_run
from tests.helpers import command_line, python

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package in ``tests/plugin`` is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(PLUGIN, folder / "source")
    here = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    done = python("-m", "pip", "install", "--no-deps", *here, "--target", folder / "site", source)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def run(site: Path, protocol: Path, agent: str | Path) -> Run:
    out = protocol.parent / "run"
    done = command_line("run", "--protocol", protocol, "--agent", agent, "--out", out, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    return read_run(out)


def test_it_is_listed(site: Path) -> None:
    done = command_line("list", "agents", PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert "steady" in done.stdout
    assert "steady_agent:SteadyAgent" in done.stdout


def test_it_is_unknown_where_it_is_not_installed() -> None:
    done = command_line("list", "agents")
    assert "steady" not in done.stdout


@pytest.mark.parametrize("name", ["steady", "steady_agent:SteadyAgent"])
def test_it_runs_by_its_entry_point_and_by_its_class(site: Path, tiny_protocol: Path, name: str) -> None:
    made = run(site, tiny_protocol, name)
    assert made.manifest.status == "finished"
    assert (made.manifest.agent.name, made.manifest.agent.entry_point) == (name, "steady_agent:SteadyAgent")


def test_a_card_of_ones_own_sets_its_parameter(site: Path, tiny_protocol: Path) -> None:
    card = tiny_protocol.with_name("pushing.toml")
    lines = 'title = "Pushing"\nentry_point = "steady_agent:SteadyAgent"\n[parameters]\npush = '
    card.write_text(lines + "0.5\n")
    pushed = run(site, tiny_protocol, card)
    assert (pushed.manifest.agent.name, pushed.manifest.agent.parameters) == ("pushing", {"push": 0.5})
    shutil.rmtree(pushed.path)
    assert pushed.evaluations != run(site, tiny_protocol, "steady").evaluations


def test_a_misspelt_name_finds_it(site: Path) -> None:
    done = command_line("run", "--protocol", "smoke", "--agent", "stedy", PYTHONPATH=str(site))
    assert done.returncode == 2
    assert "did you mean 'steady'?" in done.stderr


def test_a_wrong_parameter_is_named(site: Path, tiny_protocol: Path) -> None:
    card = tiny_protocol.with_name("wrong.toml")
    card.write_text('title = "W"\nentry_point = "steady_agent:SteadyAgent"\n[parameters]\npull = 1\n')
    done = command_line("run", "--protocol", tiny_protocol, "--agent", card, PYTHONPATH=str(site))
    assert done.returncode == 2
    assert "unknown parameter 'pull'" in done.stderr
