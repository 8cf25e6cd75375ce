"""What all tests share: tiny protocols, agents' surroundings, and a check for rendering."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from legion_bench import launch
from legion_bench.cards import StreamCard
from legion_bench.envs.spaces import action_space, observation_space
from legion_bench.types import AgentSetup
from tests.helpers import browser, rendering_works, write_protocol

MakeStream = Callable[..., StreamCard]
MakeSetup = Callable[..., AgentSetup]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_rendering: skipped where MUJOCO_GL=egl cannot render")
    config.addinivalue_line("markers", "needs_browser: skipped where there is no Chromium or Chrome")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_rendering") and not rendering_works():
        pytest.skip("no rendering with MUJOCO_GL=egl; on Debian: apt install libegl1 libgl1-mesa-dri")
    if item.get_closest_marker("needs_browser") and browser() is None:
        pytest.skip("no Chromium or Chrome; on Debian: apt install chromium")


@pytest.fixture
def make_stream() -> MakeStream:
    """Return a function that makes a short stream; keywords are the card's fields."""

    def make(*tasks: str, **changes: object) -> StreamCard:
        fields = {"robot": "kuka", "horizon": 15, "steps_per_task": 40, **changes}
        chosen = tasks or ("reach", "drawer-close")
        return StreamCard(name="short", title="Tests", tasks=chosen, **fields)

    return make


@pytest.fixture
def make_setup(make_stream: MakeStream) -> MakeSetup:
    """Return a function that makes what an agent is built from."""

    def make(*tasks: str, seed: int = 7) -> AgentSetup:
        stream = make_stream(*tasks)
        return AgentSetup(observation_space(), action_space(), stream.visits(), stream.steps_per_task, seed)

    return make


@pytest.fixture
def tiny_protocol(tmp_path: Path) -> Path:
    """Two tasks of 40 steps, horizon 15, evaluated at 0, 16, 32, 40, 48, 64 and 80."""
    return write_protocol(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run of the tiny protocol, for reading only."""
    folder = tmp_path_factory.mktemp("finished")
    return launch.run(str(write_protocol(folder)), "random", seed=1, out=folder / "run")


@pytest.fixture
def run_folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of that run, to do with as one likes."""
    return Path(shutil.copytree(finished, tmp_path / "run"))
