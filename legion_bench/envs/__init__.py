"""Environments: registered with Gymnasium from the catalogue's cards."""

from __future__ import annotations

from gymnasium.envs.registration import register

from legion_bench import catalogue
from legion_bench.cards import ROBOTS

_TASK = ("manipulation:ManipulationEnv", "vector:VectorManipulationEnv")
_STREAM = ("stream:StreamEnv", "vector_stream:VectorStreamEnv")


def register_all() -> None:
    """Register every task on every robot, every stream, and one id for streams of one's own."""
    for robot in ROBOTS:
        for task in catalogue.names("envs/tasks"):
            _register(f"{robot}-{task}", *_TASK, task=task, robot=robot)
    for stream in catalogue.names("envs/streams"):
        _register(stream, *_STREAM, stream=stream)
    _register("stream", *_STREAM)


def _register(name: str, single: str, vector: str, **kwargs: str) -> None:
    """Register classes by their names, so that nothing heavy is imported before it is made."""
    register(
        id=env_id(name),
        entry_point=f"legion_bench.envs.{single}",
        vector_entry_point=f"legion_bench.envs.{vector}",
        kwargs=kwargs,
    )


def env_id(name: str) -> str:
    """Return the Gymnasium id of a name.

    Example:
        >>> env_id("kuka-reach"), env_id("sawyer-cw10")
        ('LegionBench/KukaReach-v0', 'LegionBench/SawyerCW10-v0')
    """
    return "LegionBench/" + "".join(map(_camel, name.split("-"))) + "-v0"


def _camel(word: str) -> str:
    return word.upper() if word[-1:].isdigit() else word.capitalize()  # CW10 is an abbreviation
