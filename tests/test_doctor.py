"""The doctor: what is missing, and how to mend it."""

from __future__ import annotations

import sys

import pytest

from legion_bench import doctor
from legion_bench.agents.legion import bnpy_engine
from legion_bench.doctor import Check


def check(name: str) -> Check:
    return next(found for found in doctor.check_all() if found.name == name)


def test_nothing_that_training_needs_is_missing_here() -> None:
    found = list(doctor.check_all())
    assert [one for one in found if not (one.ok or one.optional)] == []
    assert len({one.name for one in found}) == len(found)


def test_what_is_not_in_order_comes_with_a_fix() -> None:
    assert all(one.ok or one.fix for one in doctor.check_all())


@pytest.mark.parametrize(
    ("line", "found"), [("no-such-package>=1", "not installed"), ("numpy>=99", "2."), ("numpy<0.1", "2.")]
)
def test_a_wrong_package_is_named_with_its_pip_command(
    line: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: [line])
    one = check(line.split(">")[0].split("<")[0])
    assert (one.ok, one.optional) == (False, False)
    assert one.found.startswith(found)
    assert "pip install" in one.fix
    assert line in one.fix


def test_packages_of_extras_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: ['no-such-package; extra == "dev"'])
    assert "no-such-package" not in [one.name for one in doctor.check_all()]


def test_bnpy_is_imported_to_see_whether_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    one = check("bnpy")
    assert (one.ok, one.optional, one.found) == (True, True, "0.1.7")
    bnpy_engine._bnpy.cache_clear()
    monkeypatch.setitem(sys.modules, "bnpy", None)
    one = check("bnpy")
    assert (one.ok, one.optional) == (False, True)
    assert "bnpy" in one.found
    assert "pip install --no-deps bnpy==0.1.7" in one.fix


def test_a_scene_that_does_not_compile_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no table")

    monkeypatch.setattr("legion_bench.envs.manipulation.ManipulationEnv", broken)
    one = check("KUKA scene")
    assert (one.ok, one.optional, one.found) == (False, False, "RuntimeError: no table")


def test_a_renderer_that_does_not_work_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "abacus")
    one = check("rendering")
    assert (one.ok, one.optional) == (False, True)
    assert "abacus" in one.found
    assert "libegl1" in one.fix
    assert "libosmesa6" in one.fix


@pytest.mark.needs_rendering
def test_a_renderer_that_works_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "egl")
    one = check("rendering")
    assert (one.ok, one.found) == (True, "MUJOCO_GL=egl")


@pytest.mark.parametrize(("name", "value"), [("OMP_NUM_THREADS", "8"), ("OMP_WAIT_POLICY", "ACTIVE")])
def test_threads_that_would_slow_runs_down_are_reported(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check("threads").ok
    monkeypatch.setenv(name, value)
    one = check("threads")
    assert (one.ok, one.optional) == (False, True)
    assert f"{name}={value}" in one.found
