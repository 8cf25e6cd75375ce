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
