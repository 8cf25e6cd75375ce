"""Which OpenGL is chosen where there is no screen."""

from __future__ import annotations

import os

import pytest

from legion_bench.envs import rendering
from legion_bench.errors import RenderError


@pytest.fixture(autouse=True)
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", "")
    monkeypatch.setenv("WAYLAND_DISPLAY", "")
    # Set first, so that whatever is chosen is undone after the test.
    monkeypatch.setenv("MUJOCO_GL", "")


def installed(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    monkeypatch.setattr(rendering, "find_library", lambda name: name if name in libraries else None)


@pytest.mark.parametrize(
    ("libraries", "chosen"), [(("EGL", "OSMesa"), "egl"), (("EGL",), "egl"), (("OSMesa",), "osmesa")]
)
def test_what_is_installed_is_chosen_egl_first(
    libraries: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, *libraries)
    rendering.choose_backend("rgb_array")
    assert os.environ["MUJOCO_GL"] == chosen


def test_without_any_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    with pytest.raises(RenderError, match="apt install libegl1 libgl1-mesa-dri"):
        rendering.choose_backend("rgb_array")


@pytest.mark.parametrize(("name", "value"), [("DISPLAY", ":0"), ("MUJOCO_GL", "osmesa")])
def test_a_screen_or_the_users_choice_settles_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, "EGL")
    monkeypatch.setenv(name, value)
    before = dict(os.environ)
    rendering.choose_backend("rgb_array")
    assert dict(os.environ) == before


def test_a_window_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "EGL")
    with pytest.raises(RenderError, match="no display: use 'rgb_array'"):
        rendering.choose_backend("human")
    monkeypatch.setenv("DISPLAY", ":0")
    rendering.choose_backend("human")
    assert not os.environ["MUJOCO_GL"], "GLFW opens windows"
