"""Environments: registered with Gymnasium from the catalogue's cards."""

from __future__ import annotations

from gymnasium.envs.registration import register

from legion_bench import catalogue
from legion_bench.cards import ROBOTS


def register_all() -> None:
    """Register every task on every robot, and every stream."""
    for robot in ROBOTS:
        for task in catalogue.names("envs/tasks"):
            register(
                id=env_id(f"{robot}-{task}"),
                entry_point="legion_bench.envs.manipulation:ManipulationEnv",
                kwargs={"task": task, "robot": robot},
            )
    for stream in catalogue.names("envs/streams"):
        register(
            id=env_id(stream),
            entry_point="legion_bench.envs.stream:StreamEnv",
            kwargs={"stream": stream},
        )


def env_id(name: str) -> str:
    """Return the Gymnasium id of a name, e.g. ``LegionBench/KukaReach-v0`` of ``kuka-reach``."""
    return "LegionBench/" + "".join(word.capitalize() for word in name.split("-")) + "-v0"
