"""Check what legion-bench needs on this machine, and say how to mend it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from legion_bench import threads
from legion_bench.envs.rendering import BACKENDS

_RENDER = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
with mujoco.Renderer(model, 8, 8) as renderer:
    renderer.update_scene(mujoco.MjData(model))
    renderer.render()
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    """What to do if it is not ok."""
    optional: bool = False
    """True if training and evaluation work without it."""


def check_all() -> Iterator[Check]:
    """Yield the checks one by one: packages, physics, rendering, bnpy, threads."""
    yield _python()
    for line in requires("legion-bench") or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement)
    yield _scene()
    yield _bnpy()
    yield _rendering()
    yield _threads()


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info >= (3, 11), found, "use Python 3.11 or newer")


def _package(requirement: Requirement) -> Check:
    fix = f'pip install -c constraints.txt "{requirement}"'
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Check(requirement.name, False, "not installed", fix)
    ok = requirement.specifier.contains(found, prereleases=True)
    return Check(requirement.name, ok, found, fix)


def _scene() -> Check:
    try:
        manipulation = importlib.import_module("legion_bench.envs.manipulation")
        env = manipulation.ManipulationEnv("reach")
        env.reset(seed=0)
        env.step(env.action_space.sample())
    except Exception as error:  # whatever is broken is what the user needs to see
        found = f"{type(error).__name__}: {error}"
        return Check("KUKA scene", False, found, "reinstall metaworld and mujoco")
    return Check("KUKA scene", True, "compiles and steps")


def _bnpy() -> Check:
    engine = importlib.import_module("legion_bench.agents.legion.bnpy_engine")
    try:
        engine.check()
    except engine.MixtureError as error:
        return Check("bnpy", False, f"{error.__cause__}", f"{engine.INSTALL}  # for LEGION", optional=True)
    return Check("bnpy", True, version("bnpy"), optional=True)


def _rendering() -> Check:
    """Try each backend in a process of its own: MuJoCo fixes its choice at import."""
    chosen = os.environ.get("MUJOCO_GL")
    for backend in [chosen] if chosen else [*BACKENDS, "glfw"]:
        done = subprocess.run(
            [sys.executable, "-c", _RENDER],
            env={**os.environ, "MUJOCO_GL": backend},
            capture_output=True,
            timeout=120,
            check=False,
        )
        if done.returncode == 0:
            return Check("rendering", True, f"MUJOCO_GL={backend}", optional=True)
    tried = chosen or "egl, osmesa, glfw"
    fix = "; or ".join(f"{name}: {package}" for name, (_, package) in BACKENDS.items())
    return Check("rendering", False, f"none of {tried} works", fix, optional=True)


def _threads() -> Check:
    settings = threads.describe()
    found = ", ".join(f"{name}={value}" for name, value in settings.items() if value is not None)
    ok = settings["OMP_NUM_THREADS"] == "1" and settings["OMP_WAIT_POLICY"] == "PASSIVE"
    fix = "unset OMP_NUM_THREADS and OMP_WAIT_POLICY: legion-bench then pins one thread per process"
    return Check("threads", ok, found, fix, optional=True)
