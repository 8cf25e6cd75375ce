"""The house's floors: who may import whom, and what importing costs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import legion_bench
from tests.helpers import python

PACKAGE = Path(legion_bench.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Room → floor. Rooms of one floor never import one another, but for the top's.
FLOORS = {
    **dict.fromkeys(
        ("errors", "types", "evaluations", "catalogue", "cards", "scaling", "seeding", "threads", "language"),
        0,
    ),
    **dict.fromkeys(("envs", "agents", "metrics"), 1),
    "protocols": 2,
    "results": 3,
    "reports": 4,
    **dict.fromkeys(
        (
            *("launch", "sweeps", "render", "export", "gallery", "audit", "doctor", "listing", "progress"),
            "leaderboard",
            *("cli", "__main__"),
        ),
        5,
    ),
}
GROUND, TOP = 0, 5

# Foreign world → the one file that may import it; None: not yet any.
BORDERS = {
    "metaworld.policies": "agents/scripted.py",
    "metaworld": "envs/metaworld.py",
    "stable_baselines3": "agents/sb3",
    "bnpy": "agents/legion/bnpy_engine.py",
    "sentence_transformers": "language.py",
    "sklearn": "reports/latents.py",
}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield every dotted name a module imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_rooms(path: Path) -> set[str]:
    """Return the rooms of this package that a module imports from."""
    names = (name.split(".") for name in imports(path))
    return {parts[1] for parts in names if parts[0] == "legion_bench"} - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_its_own_room_and_lower_floors(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        assert own_rooms(path) <= {"envs"}, "the package itself registers environments, no more"
        return
    for other in own_rooms(path) - {here}:
        allowed = FLOORS[other] < FLOORS[here] or FLOORS[other] == FLOORS[here] in (GROUND, TOP)
        assert allowed, f"{here} must not import {other}"


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in MODULES} - {"__init__"} == set(FLOORS)


@pytest.mark.parametrize("world", BORDERS)
def test_one_place_alone_imports_a_foreign_world(world: str) -> None:
    importers = {
        BORDERS[world] if path.is_relative_to(PACKAGE / BORDERS[world]) else str(path)
        for path in MODULES
        for name in imports(path)
        if world == max((border for border in BORDERS if f"{name}.".startswith(f"{border}.")), default="")
    }
    assert importers == ({BORDERS[world]} if BORDERS[world] else set())


@pytest.mark.parametrize(
    "module", ["legion_bench", "legion_bench.cli", "legion_bench.cards", "legion_bench.language"]
)
def test_importing_loads_no_heavy_library(module: str) -> None:
    done = python("-c", f"import sys, {module}; print(*sys.modules)")
    heavy = {"torch", "mujoco", "bnpy", "metaworld", "stable_baselines3", "sentence_transformers"}
    assert done.returncode == 0, done.stderr
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_neither_prints_nor_evaluates_nor_hides_errors(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "eval", "exec"), f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"


def test_one_file_alone_touches_the_global_random_state() -> None:
    """numpy.random's legacy functions are used where SB3 leaves no choice, and nowhere else."""
    legacy = ("np.random.seed", "np.random.rand", "np.random.uniform", "np.random.set_bit_generator")
    users = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in legacy
    }
    assert users <= {"agents/sb3.py"}
