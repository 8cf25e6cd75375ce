"""Compiled scenes, once per session."""

from __future__ import annotations

from pathlib import Path

import metaworld
import mujoco
import pytest

from legion_bench.envs.metaworld import scene_xml

SCENES = sorted((Path(metaworld.__file__).parent / "assets" / "sawyer_xyz").glob("*.xml"))


@pytest.fixture(scope="session")
def reach_model() -> mujoco.MjModel:
    """Meta-World's reach scene with the KUKA in it."""
    path = next(scene for scene in SCENES if scene.name == "sawyer_reach_v3.xml")
    return mujoco.MjModel.from_xml_string(scene_xml(path, "kuka"))
