"""What docs/environments.md says: its examples run, its lists are complete."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from legion_bench.cards import load_stream, load_task
from legion_bench.envs.options import Options
from legion_bench.envs.rewards import LAWS
from tests.helpers import examples, python

DOCUMENT = Path(__file__).parents[2] / "docs" / "environments.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def draws(block: str) -> bool:
    return "render_mode" in block


def test_the_examples_run() -> None:
    names: dict[str, Any] = {}
    for block in examples(DOCUMENT):
        if not draws(block):
            exec(block, names)


@pytest.mark.needs_rendering
def test_the_examples_that_draw_run() -> None:
    """In a process of their own, where MuJoCo has not chosen its OpenGL yet."""
    blocks = list(filter(draws, examples(DOCUMENT)))
    assert blocks
    done = python("-W", "error", "-c", "\n".join(blocks), MUJOCO_GL="egl")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("option", fields(Options), ids=lambda option: option.name)
def test_every_option_is_there_with_its_default(option: Any) -> None:
    assert option.default is not MISSING
    default = f'"{option.default}"' if isinstance(option.default, str) else str(option.default)
    told = "by the id" if option.name == "robot" else f"`{default}`"
    assert f"| `{option.name}` | {told} |" in TEXT


def test_the_vectorised_tasks_are_named() -> None:
    quoted = " ".join(line.removeprefix("> ") for line in TEXT.splitlines() if line.startswith("> "))
    assert quoted.split(", ") == sorted(scene.removesuffix("-v3") for scene in LAWS)


def test_the_vectorised_tasks_are_legions_and_continual_worlds() -> None:
    tasks = {task for name in ("kuka-curriculum", "kuka-cw10") for task in load_stream(name).tasks}
    assert {load_task(task).scene for task in tasks} == set(LAWS)
