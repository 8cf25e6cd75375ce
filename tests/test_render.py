"""Pictures: what is refused before anything is drawn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from legion_bench import render
from legion_bench.errors import CardError, RenderError


@pytest.mark.parametrize("name", ["film.avi", "film", "film.PNGs"])
def test_another_kind_of_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"must end in \.png, \.gif, \.mp4"):
        render.render("scripted", "reach", tmp_path / "new" / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("agent", "task"), [("scripted", "reech"), ("scriptd", "reach")])
def test_a_wrong_name_is_refused(agent: str, task: str, tmp_path: Path) -> None:
    with pytest.raises(CardError, match="did you mean"):
        render.render(agent, task, tmp_path / "new" / "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(
    importlib.util.find_spec("imageio_ffmpeg") is not None, reason="a video encoder is installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # imageio tries each of its old plug-ins
def test_a_film_without_an_encoder_says_what_to_install(tmp_path: Path) -> None:
    frames = [np.zeros((16, 16, 3), np.uint8)] * 2
    with pytest.raises(RenderError, match=r"legion-bench\[video\]"):
        render._write(tmp_path / "a.mp4", frames)


def test_a_backend_the_user_has_chosen_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.delenv("DISPLAY", raising=False)
    render.choose_backend()
    assert render.os.environ["MUJOCO_GL"] == "osmesa"


@pytest.mark.parametrize(("platform", "display", "chosen"), [("linux", "", "egl"), ("linux", ":0", None)])
def test_without_a_screen_egl_is_chosen(
    platform: str, display: str, chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render.sys, "platform", platform)
    monkeypatch.setenv("DISPLAY", display)
    # Set first, so that whatever choose_backend sets is undone after the test.
    monkeypatch.setenv("MUJOCO_GL", "")
    monkeypatch.delenv("MUJOCO_GL")
    render.choose_backend()
    assert render.os.environ.get("MUJOCO_GL") == chosen
