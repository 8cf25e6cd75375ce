"""Put another arm into a Meta-World scene, as a pure transformation of MJCF text.

Nothing is copied from Meta-World: its scene is read from the installed package,
Sawyer's links are taken out, ours are put in, and the package's own gripper is
hung under our flange. Actuators, the mocap weld, objects and their order stay.
"""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path

SAWYER_LINKS = ("controller_box", "pedestal_feet", "torso", "pedestal", "right_arm_base_link")
SAWYER_MESHES = ("base", "head", "l0", "l1", "l2", "l3", "l4", "l5", "l6", "pedestal")
GRIPPER = "right_hand"


def flatten(path: Path) -> ET.Element:
    """Return an MJCF file as one tree: includes expanded, asset paths absolute.

    Args:
        path: the main MJCF file; includes and assets resolve against its folder,
            as MuJoCo resolves them.
    """
    root = ET.parse(path).getroot()
    _expand(root, path.parent)
    for element in root.iter():
        file = element.get("file")
        if file is not None:
            element.set("file", str((path.parent / file).resolve()))
    return root


def _expand(element: ET.Element, folder: Path) -> None:
    children: list[ET.Element] = []
    for child in element:
        if child.tag == "include":
            included = ET.parse(folder / child.attrib["file"]).getroot()
            _expand(included, folder)
            children.extend(included)
        else:
            _expand(child, folder)
            children.append(child)
    element[:] = children


def swap_arm(scene: ET.Element, robot: ET.Element, flange: str) -> ET.Element:
    """Return ``scene`` with Sawyer's arm replaced by ``robot``'s.

    Args:
        scene: a flattened Meta-World scene.
        robot: the arm's own MJCF; the children of its worldbody become children
            of the scene's body ``base``, so joints keep their place in ``qpos``
            (seven of the arm, two of the gripper).
        flange: name of the robot body that carries Meta-World's gripper.

    Raises:
        ValueError: if the scene is not laid out as Meta-World 3's scenes are.
    """
    scene = copy.deepcopy(scene)
    robot = copy.deepcopy(robot)
    base = _find(scene, ".//body[@name='base']")
    gripper = _find(base, f".//body[@name='{GRIPPER}']")
    for link in SAWYER_LINKS:
        base.remove(_find(base, f"body[@name='{link}']"))
    for assets in scene.findall("asset"):
        for mesh in assets.findall("mesh"):
            if mesh.get("name") in SAWYER_MESHES:
                assets.remove(mesh)

    gripper.set("pos", "0 0 0")
    for geom in gripper.findall("geom"):
        geom.set("rgba", "0.17 0.18 0.19 1")
    _find(robot, f".//body[@name='{flange}']").append(gripper)
    base.extend(_find(robot, "worldbody"))
    for section in ("asset", "default", "custom"):
        scene.extend(robot.findall(section))
    return scene


def add_camera(scene: ET.Element, robot: ET.Element) -> ET.Element:
    """Return ``scene`` with its own arm and the camera of ``robot``, whose file holds no more."""
    scene = copy.deepcopy(scene)
    _find(scene, ".//body[@name='base']").extend(_find(robot, "worldbody"))
    return scene


def _find(element: ET.Element, path: str) -> ET.Element:
    found = element.find(path)
    if found is None:
        raise ValueError(f"MJCF element {path!r} not found: this is not a Meta-World 3 scene or robot")
    return found
