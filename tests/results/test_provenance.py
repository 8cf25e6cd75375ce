"""What is kept about where a result was made."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec
import mujoco
import pytest

import legion_bench
from legion_bench.results import provenance

ROOT = Path(legion_bench.__file__).resolve().parents[1]


AGENT = "legion_bench.agents.random:RandomAgent"


def test_versions_are_those_in_use() -> None:
    found = provenance.versions(AGENT)
    assert found["python"] == platform.python_version()
    assert found["legion-bench"] == legion_bench.__version__
    assert found["mujoco"] == mujoco.__version__
    assert {"gymnasium", "metaworld", "numpy", "stable-baselines3", "torch"} <= set(found)


def test_a_package_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-package"))
    assert set(provenance.versions(AGENT)) == {"python", "numpy"}


def test_a_command_line_that_is_no_text_can_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["legion-bench", "--out", "a\udcff", "é"])
    assert provenance.command() == ("legion-bench", "--out", r"a\xff", "é")
    assert msgspec.json.encode(provenance.command())


def test_hardware_is_this_machines() -> None:
    found = provenance.hardware()
    assert found["cores"] == os.cpu_count()
    assert found["machine"] == platform.machine()
    assert isinstance(found["memory_bytes"], int)
    assert found["memory_bytes"] > 2**28


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_revision_is_gits() -> None:
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    found = provenance.git()
    assert found["revision"] == asked.stdout.strip()
    assert isinstance(found["dirty"], bool)


def test_outside_a_checkout_the_revision_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "a" / "b" / "provenance.py"))
    assert provenance.git() == {"revision": None, "dirty": None}


def test_without_git_the_revision_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.git() == {"revision": None, "dirty": None}


def test_all_of_it_can_be_written_as_json() -> None:
    record = {
        "versions": provenance.versions(AGENT),
        "git": provenance.git(),
        "hardware": provenance.hardware(),
    }
    assert msgspec.json.decode(msgspec.json.encode(record)) == record


def test_the_package_an_agent_comes_from_is_named() -> None:
    assert provenance.versions("hypothesis.core:Agent")["hypothesis"] == version("hypothesis")
    assert "hypothesis" not in provenance.versions(AGENT)


def test_the_command_tells_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here, home = tmp_path / "home" / "here", tmp_path / "home"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    given = ["run", "--out", str(here / "runs" / "a"), str(here), f"--out={home}/b", "../c", "/d"]
    monkeypatch.setattr(sys, "argv", [str(home / "bin" / "legion-bench"), *given])
    shown = ("run", "--out", "runs/a", ".", "--out=~/b", "../c", "/d")
    assert provenance.command() == ("legion-bench", *shown)
