"""Scripted success of each task on each robot, and what it asks of the arm's joints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from legion_bench.agents.scripted import script
from legion_bench.agents.scripted_policies import Script
from legion_bench.cards import Robot, load_task
from legion_bench.envs.engine import Engine
from legion_bench.envs.joints import ArmJoints, JointLimits
from legion_bench.envs.metaworld import STOCK
from legion_bench.envs.options import Options
from legion_bench.reports.tables import csv, markdown
from legion_bench.results.provenance import git, hardware, versions
from legion_bench.types import Floats

HORIZON = 500
NEAR_DEGREES = 2.0


@dataclass(frozen=True, slots=True)
class JointUse:
    """Use of J joints over the steps of some episodes, each sampled at the end of a step (80 Hz)."""

    steps: int
    margin: Floats
    """[J] smallest distance to a limit, degrees; negative beyond it."""
    near: Floats
    """[J] fraction of steps within 2 degrees of a limit."""
    peak_torque: Floats
    """[J] largest torque, as a fraction of the limit; see :meth:`ArmJoints.read`."""
    rms_torque: Floats
    """[J] root mean square of the same."""
    peak_velocity: Floats
    """[J] highest speed, as a fraction of the limit."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One task on one robot."""

    task: str
    robot: Robot
    placements: int
    solved: int
    joints: JointUse | None
    """None for Sawyer, whose scene has no data-sheet limits."""

    @property
    def success(self) -> float:
        """Solved placements, in percent."""
        return 100.0 * self.solved / self.placements


class Workplace:
    """One task on one robot, with a view of the arm's joints."""

    def __init__(self, task: str, robot: Robot) -> None:
        """Compile the scene of a task card."""
        options = Options(robot=robot, observation="metaworld-39")
        self._engine = Engine(load_task(task).scene, options, 1)
        self._joints = None if robot == STOCK else ArmJoints(self._engine.scene.model, robot)

    @property
    def limits(self) -> JointLimits | None:
        """Limits of the joints that :meth:`joints` reads."""
        return None if self._joints is None else self._joints.limits

    def start(self, seed: int) -> Floats:
        """Begin an episode at the placement of a seed; return its observation [39]."""
        return self._engine.reset(0, seed)

    def step(self, action: Floats) -> tuple[Floats, bool]:
        """Apply an action [4] in [-1, 1]; return the observation [39] and whether the task is solved."""
        outcome = self._engine.step(action.astype(np.float32)[None], (0,))
        return outcome.observations[0], bool(outcome.successes[0])

    def joints(self) -> Floats | None:
        """Return :meth:`ArmJoints.read` [3, J], None for Sawyer."""
        return None if self._joints is None else self._joints.read(self._engine.scene.data)


def audit(
    tasks: Sequence[str], robots: Sequence[Robot], placements: int, seed0: int = 0, jobs: int = 1
) -> Iterator[AuditRow]:
    """Play the scripted policy of every task on every robot; yield rows as they are finished.

    Args:
        tasks: names of task cards.
        robots: ``"sawyer"``, ``"kuka"``.
        placements: episodes of each task on each robot, of at most 500 steps; an episode
            ends where it is solved.
        seed0: seed of the first placement; the others follow. One seed is one placement
            on all robots.
        jobs: processes.

    Raises:
        CardError: an unknown task.
    """
    for task in tasks:
        load_task(task)
    seeds = range(seed0, seed0 + placements)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(_row, task, robot, seeds) for task in tasks for robot in robots]
        for future in waiting:
            yield future.result()


def write(rows: Sequence[AuditRow], out: Path, seed0: int) -> None:
    """Write ``tasks.csv``, ``joints-<robot>.csv``, both as Markdown too, and ``audit.json`` into a folder."""
    record = {
        "seeds": [seed0, seed0 + rows[0].placements - 1],
        "horizon": HORIZON,
        "versions": versions("legion_bench"),
        "git": git(),
        "hardware": hardware(),
    }
    out.mkdir(parents=True, exist_ok=True)  # after asking git, for which it would be a change
    frames = {"tasks": table(rows)}
    for robot in dict.fromkeys(row.robot for row in rows if row.joints is not None):
        frames[f"joints-{robot}"] = joint_table(rows, robot)
    for name, frame in frames.items():
        (out / f"{name}.csv").write_text(csv(frame.round(2)))
        (out / f"{name}.md").write_text(markdown(as_text(frame)))
    (out / "audit.json").write_text(json.dumps(record, indent=2) + "\n")


def table(rows: Sequence[AuditRow]) -> pd.DataFrame:
    """Return one line per task: success on each robot in percent, difference to Sawyer, joint use.

    Joint use is that of the joint that has it worst (its number is given), of the
    last robot that is not Sawyer.
    """
    by_task: dict[str, dict[str, AuditRow]] = {}
    for row in rows:
        by_task.setdefault(row.task, {})[row.robot] = row
    return pd.DataFrame([_line(task, robots) for task, robots in by_task.items()])


def joint_table(rows: Sequence[AuditRow], robot: str) -> pd.DataFrame:
    """Return one line per joint of a robot: its use over all of its rows."""
    uses = [row.joints for row in rows if row.robot == robot and row.joints is not None]
    steps = np.array([use.steps for use in uses])
    mean = np.array([use.near for use in uses]), np.array([use.rms_torque for use in uses]) ** 2
    near, square = (np.average(values, axis=0, weights=steps) for values in mean)
    return pd.DataFrame(
        {
            "joint": np.arange(1, len(near) + 1),
            "margin deg": np.min([use.margin for use in uses], axis=0),
            "near limit %": 100.0 * near,
            "peak torque %": 100.0 * np.max([use.peak_torque for use in uses], axis=0),
            "rms torque %": 100.0 * np.sqrt(square),
            "peak velocity %": 100.0 * np.max([use.peak_velocity for use in uses], axis=0),
        }
    )


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table to read: numbers with one decimal."""
    return frame.map(lambda value: f"{value:.1f}" if isinstance(value, float) else str(value))


def joint_use(readings: Floats, limits: JointLimits) -> JointUse:
    """Summarise readings [T, 3, J] of angle, velocity and torque."""
    angle, velocity, torque = np.moveaxis(readings, 1, 0)
    margin = np.rad2deg(np.minimum(angle - limits.angle[:, 0], limits.angle[:, 1] - angle))
    torque = np.abs(torque) / limits.torque
    return JointUse(
        steps=len(readings),
        margin=margin.min(axis=0),
        near=(margin < NEAR_DEGREES).mean(axis=0),
        peak_torque=torque.max(axis=0),
        rms_torque=np.sqrt((torque**2).mean(axis=0)),
        peak_velocity=(np.abs(velocity) / limits.velocity).max(axis=0),
    )


def _row(task: str, robot: Robot, seeds: Sequence[int]) -> AuditRow:
    policy, place = script(task), Workplace(task, robot)
    readings: list[Floats] = []
    solved = sum(_solves(policy, place, seed, readings) for seed in seeds)
    use = None if place.limits is None else joint_use(np.stack(readings), place.limits)
    return AuditRow(task, robot, len(seeds), solved, use)


def _solves(policy: Script, place: Workplace, seed: int, readings: list[Floats]) -> bool:
    observation = place.start(seed)
    for _ in range(HORIZON):
        observation, solved = place.step(np.clip(policy(observation), -1.0, 1.0))
        joints = place.joints()
        if joints is not None:
            readings.append(joints)
        if solved:
            return True
    return False


def _line(task: str, robots: dict[str, AuditRow]) -> dict[str, object]:
    line: dict[str, object] = {"task": task}
    line.update({f"{robot} %": row.success for robot, row in robots.items()})
    for robot, row in robots.items():
        if robot != STOCK and STOCK in robots:
            line[f"{robot} - {STOCK}"] = row.success - robots[STOCK].success
    for row in robots.values():
        if row.joints is not None:
            line.update(_worst(row.joints))
    return line


def _worst(use: JointUse) -> dict[str, object]:
    columns: dict[str, object] = {}
    for name, values, joint in (
        ("margin deg", use.margin, use.margin.argmin()),
        ("near limit %", 100.0 * use.near, use.near.argmax()),
        ("peak torque %", 100.0 * use.peak_torque, use.peak_torque.argmax()),
        ("rms torque %", 100.0 * use.rms_torque, use.rms_torque.argmax()),
        ("peak velocity %", 100.0 * use.peak_velocity, use.peak_velocity.argmax()),
    ):
        columns[name] = float(values[joint])
        columns[f"{name.rsplit(' ', 1)[0]} joint"] = int(joint) + 1
    return columns
