"""The audit's arithmetic, and one small audit for real."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from legion_bench.audit import AuditRow, JointUse, audit, joint_table, joint_use, table, write
from legion_bench.envs.joints import JointLimits
from legion_bench.errors import CardError

LIMITS = JointLimits(
    angle=np.deg2rad([[-90.0, 90.0], [-10.0, 10.0]]),
    velocity=np.array([2.0, 4.0]),
    torque=np.array([100.0, 10.0]),
)


def use(steps: int = 1, **changes: list[float]) -> JointUse:
    fields = {name: [0.0, 0.0] for name in ("margin", "near", "peak_torque", "rms_torque", "peak_velocity")}
    return JointUse(steps, **{name: np.array(values) for name, values in {**fields, **changes}.items()})


def test_joint_use_is_what_its_fields_say() -> None:
    readings = np.array(
        [
            [np.deg2rad([0.0, 9.0]), [1.0, -1.0], [-30.0, 0.0]],
            [np.deg2rad([-80.0, 0.0]), [-3.0, 0.0], [40.0, 20.0]],
        ]
    )
    found = joint_use(readings, LIMITS)
    assert found.steps == 2
    assert found.margin == pytest.approx([10.0, 1.0])
    assert found.near == pytest.approx([0.0, 0.5])
    assert found.peak_torque == pytest.approx([0.4, 2.0])
    assert found.rms_torque == pytest.approx([np.sqrt((0.09 + 0.16) / 2), np.sqrt(2.0)])
    assert found.peak_velocity == pytest.approx([1.5, 0.25])


def test_a_joint_beyond_its_limit_has_a_negative_margin() -> None:
    readings = np.array([[np.deg2rad([0.0, 10.5]), [0.0, 0.0], [0.0, 0.0]]])
    assert joint_use(readings, LIMITS).margin[1] == pytest.approx(-0.5)


def test_the_table_sets_the_robots_side_by_side() -> None:
    rows = [
        AuditRow("push", "sawyer", 4, 4, None),
        AuditRow("push", "kuka", 4, 3, use(margin=[5.0, 2.0], peak_torque=[0.5, 0.25])),
    ]
    (line,) = table(rows).to_dict("records")
    assert (line["sawyer %"], line["kuka %"], line["kuka - sawyer"]) == (100.0, 75.0, -25.0)
    assert (line["margin deg"], line["margin joint"]) == (2.0, 2)
    assert (line["peak torque %"], line["peak torque joint"]) == (50.0, 1)


def test_joints_are_averaged_over_steps_and_not_over_tasks() -> None:
    rows = [
        AuditRow("push", "kuka", 1, 1, use(3, near=[1.0, 0.0], rms_torque=[0.0, 2.0], margin=[9.0, 1.0])),
        AuditRow("reach", "kuka", 1, 1, use(1, near=[0.0, 0.0], rms_torque=[0.0, 0.0], margin=[4.0, 2.0])),
        AuditRow("push", "sawyer", 1, 1, None),
    ]
    found = joint_table(rows, "kuka")
    assert found["margin deg"].tolist() == [4.0, 1.0]
    assert found["near limit %"].tolist() == [75.0, 0.0]
    assert found["rms torque %"].tolist() == pytest.approx([0.0, 100.0 * np.sqrt(3.0)])


def test_a_small_audit(tmp_path: Path) -> None:
    rows = list(audit(["reach"], ["sawyer", "kuka"], placements=2, seed0=10000))
    assert [(row.robot, row.success) for row in rows] == [("sawyer", 100.0), ("kuka", 100.0)]
    assert rows[0].joints is None
    assert rows[1].joints is not None
    assert rows[1].joints.margin.min() > 5.0
    assert rows[1].joints.peak_torque[1] > 0.1
    write(rows, tmp_path / "new", 10000)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "audit.json",
        "joints-kuka.csv",
        "joints-kuka.md",
        "tasks.csv",
        "tasks.md",
    }
    assert json.loads((tmp_path / "new" / "audit.json").read_text())["seeds"] == [10000, 10001]


def test_an_unknown_task_is_named_before_anything_is_played() -> None:
    with pytest.raises(CardError, match="did you mean 'reach'"):
        next(audit(["reech"], ["kuka"], placements=1))
