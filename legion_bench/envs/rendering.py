"""Render without a screen: find an OpenGL that works here."""

from __future__ import annotations

import os
import sys
from ctypes.util import find_library

from legion_bench.errors import RenderError

# Backend → the library it needs, and how to get it.
BACKENDS = {
    "egl": ("EGL", "apt install libegl1 libgl1-mesa-dri"),
    "osmesa": ("OSMesa", "apt install libosmesa6"),
}


def choose_backend(render_mode: str) -> None:
    """Set ``MUJOCO_GL`` where there is no display and the user has not chosen.

    Left alone, Gymnasium tries GLFW first and takes its failure for success.

    Raises:
        RenderError: no backend is installed, the message names the packages; or a window
            is asked for where there is no display, which would end the process.
    """
    if sys.platform == "linux" and render_mode == "human":
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise RenderError(
                "render_mode 'human' opens a window, and there is no display: use 'rgb_array', or xvfb-run"
            )
        return
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("MUJOCO_GL"):
        return
    for backend, (library, _) in BACKENDS.items():
        if find_library(library):
            os.environ["MUJOCO_GL"] = backend
            return
    fixes = ", or ".join(fix for _, fix in BACKENDS.values())
    raise RenderError(f"rendering needs a display or an OpenGL that works without one: {fixes}")
