"""What a LEGION run says it depends on, and what no other agent's run does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from legion_bench import agents
from legion_bench.results import provenance


@pytest.fixture(params=[False, True], ids=["without bnpy", "with bnpy"])
def bnpy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether bnpy appears to be installed."""
    installed: bool = request.param

    def version(package: str) -> str:
        if package == "bnpy" and not installed:
            raise provenance.PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(provenance, "version", version)
    return installed


@pytest.mark.parametrize("name", ["legion", "legion-small", "legion-no-mixture"])
def test_legions_runs_name_bnpy(name: str, bnpy: bool) -> None:
    found = provenance.versions(agents.resolve(name).entry_point)
    assert ("bnpy" in found) == bnpy
    assert "torch" in found


@pytest.mark.parametrize("name", ["random", "sac-finetune"])
def test_installing_bnpy_changes_no_other_agents_versions(name: str, bnpy: bool) -> None:
    assert "bnpy" not in provenance.versions(agents.resolve(name).entry_point)


def test_an_agent_names_packages_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needy.py").write_text("class Agent:\n    packages = ('pytest', 'no-such-package')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "needy", raising=False)
    assert provenance.versions("needy:Agent")["pytest"] == pytest.__version__
    assert "no-such-package" not in provenance.versions("needy:Agent")
    monkeypatch.delitem(sys.modules, "needy")


@pytest.mark.parametrize("entry_point", ["no_such_module:Agent", "legion_bench.agents:Nobody", "not a name"])
def test_an_agent_that_cannot_be_found_names_none(entry_point: str) -> None:
    assert {"python", "torch"} <= set(provenance.versions(entry_point))
