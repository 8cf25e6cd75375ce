"""Plain functions that several test files use: subprocesses and made-up transitions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import numpy as np

from legion_bench.types import Transitions

_RENDER_ONCE = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
with mujoco.Renderer(model, 8, 8) as renderer:
    renderer.update_scene(mujoco.MjData(model))
    renderer.render()
"""

Done = subprocess.CompletedProcess[str]


def python(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """Run this Python in a subprocess; return how it went."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "COLUMNS": "200", **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def command_line(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """Run the installed ``legion-bench`` in a subprocess; return how it went."""
    return python(Path(sysconfig.get_path("scripts")) / "legion-bench", *arguments, cwd=cwd, **environment)


@cache
def rendering_works() -> bool:
    """Render once in a process of its own: MuJoCo fixes its backend at import."""
    return python("-c", _RENDER_ONCE, MUJOCO_GL="egl").returncode == 0


def browser() -> str | None:
    """Return where a Chromium or Chrome is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def write_protocol(
    folder: Path,
    name: str = "mini",
    *,
    steps: int = 40,
    horizon: int = 15,
    placement: str = "fixed",
    every: int = 16,
) -> Path:
    """Write a protocol card and, beside it, its stream card of two tasks; return the former."""
    stream = folder / f"{name}-stream.toml"
    stream.write_text(
        'title = "Two tasks"\nrobot = "kuka"\ntasks = ["reach", "drawer-close"]\n'
        f'steps_per_task = {steps}\nhorizon = {horizon}\nplacement = "{placement}"\n'
    )
    card = folder / f"{name}.toml"
    card.write_text(
        f'title = "Tests"\nstream = "{stream.name}"\nevaluate_every = {every}\nevaluation_episodes = 2\n'
    )
    return card


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, to see whether anything changed."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def examples(document: Path) -> list[str]:
    """Return the Python blocks of a Markdown file."""
    return re.findall(
        r"^```python\n(.*?)^```$", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def random_transitions(
    seed: int, count: int = 1, *, terminated: bool = False, truncated: bool = False
) -> Transitions:
    """Return made-up transitions of task 0 that look like the environments'."""
    rng = np.random.default_rng(seed)
    return Transitions(
        observations=rng.uniform(-1, 1, (count, 12)),
        actions=rng.uniform(-1, 1, (count, 4)).astype(np.float32),
        rewards=rng.uniform(0, 10, count),
        next_observations=rng.uniform(-1, 1, (count, 12)),
        terminated=np.full(count, terminated),
        truncated=np.full(count, truncated),
        tasks=np.zeros(count, dtype=np.int64),
    )
