"""Every Meta-World scene takes the KUKA in Sawyer's place."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import pytest

from legion_bench import catalogue
from legion_bench.envs.metaworld import scene_xml
from legion_bench.envs.scenes import SAWYER_MESHES, flatten, swap_arm

from .conftest import SCENES

SAWYER_JOINTS = tuple(f"right_j{number}" for number in range(7))
KUKA_JOINTS = tuple(f"kuka_joint_{number}" for number in range(1, 8))


@pytest.fixture(scope="session")
def robot() -> ET.Element:
    return ET.parse(catalogue.root() / "envs" / "robots" / "kuka.xml").getroot()


def names(model: mujoco.MjModel, kind: mujoco.mjtObj, count: int) -> list[str]:
    return [mujoco.mj_id2name(model, kind, number) for number in range(count)]


def joints(model: mujoco.MjModel) -> list[str]:
    return names(model, mujoco.mjtObj.mjOBJ_JOINT, model.njnt)


def test_meta_world_has_the_scenes_we_know() -> None:
    assert len(SCENES) == 44


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_a_scene_keeps_its_layout(path: Path) -> None:
    stock = mujoco.MjModel.from_xml_path(str(path))
    ours = mujoco.MjModel.from_xml_string(scene_xml(path, "kuka"))
    for size in ("nq", "nv", "nu", "neq", "nmocap"):
        assert getattr(ours, size) == getattr(stock, size), size
    renamed = dict(zip(SAWYER_JOINTS, KUKA_JOINTS, strict=True))
    assert joints(ours) == [renamed.get(joint, joint) for joint in joints(stock)]
    assert set(KUKA_JOINTS) <= set(joints(ours))
    assert list(ours.jnt_qposadr) == list(stock.jnt_qposadr)
    for kind, count in ((mujoco.mjtObj.mjOBJ_ACTUATOR, ours.nu), (mujoco.mjtObj.mjOBJ_EQUALITY, ours.neq)):
        assert names(ours, kind, count) == names(stock, kind, count)
    meshes = set(names(ours, mujoco.mjtObj.mjOBJ_MESH, ours.nmesh))
    sawyers = set(names(stock, mujoco.mjtObj.mjOBJ_MESH, stock.nmesh)) - meshes
    assert sawyers == set(SAWYER_MESHES), "Sawyer's meshes go, the objects' and the gripper's stay"
    assert "eGripperBase" in meshes


def test_swapping_leaves_its_inputs_untouched(robot: ET.Element) -> None:
    scene = flatten(SCENES[0])
    before = ET.tostring(scene), ET.tostring(robot)
    swapped = swap_arm(scene, robot, "kuka_flange")
    assert (ET.tostring(scene), ET.tostring(robot)) == before
    assert ET.tostring(swap_arm(scene, robot, "kuka_flange")) == ET.tostring(swapped)


def test_flattening_leaves_meta_worlds_file_untouched_and_no_include() -> None:
    before = SCENES[0].read_bytes()
    flat = flatten(SCENES[0])
    assert SCENES[0].read_bytes() == before
    assert not list(flat.iter("include"))
    files = [Path(element.attrib["file"]) for element in flat.iter() if "file" in element.attrib]
    assert files
    assert all(file.is_absolute() and file.is_file() for file in files)


def test_the_gripper_hangs_under_our_flange(reach_model: mujoco.MjModel) -> None:
    gripper, flange = reach_model.body("right_hand"), reach_model.body("kuka_flange")
    assert gripper.parentid[0] == flange.id
    assert gripper.pos.tolist() == [0, 0, 0]


def test_a_scene_of_another_kind_is_refused(robot: ET.Element) -> None:
    with pytest.raises(ValueError, match=r"base.*not a Meta-World 3 scene"):
        swap_arm(ET.fromstring("<mujoco><worldbody/></mujoco>"), robot, "kuka_flange")


@pytest.mark.parametrize("missing", ["right_hand", "torso"])
def test_a_scene_without_a_part_of_sawyer_is_refused(robot: ET.Element, missing: str) -> None:
    scene = flatten(SCENES[0])
    body = scene.find(f".//body[@name='{missing}']")
    assert body is not None
    body.set("name", "something_else")
    with pytest.raises(ValueError, match=missing):
        swap_arm(scene, robot, "kuka_flange")


def test_an_unknown_flange_is_refused(robot: ET.Element) -> None:
    with pytest.raises(ValueError, match="no_flange"):
        swap_arm(flatten(SCENES[0]), robot, "no_flange")
