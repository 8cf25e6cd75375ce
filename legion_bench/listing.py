"""What the catalogue offers, as rows to print."""

from __future__ import annotations

from collections.abc import Callable

from legion_bench import agents, cards, catalogue
from legion_bench.cards import ROBOTS
from legion_bench.envs import env_id
from legion_bench.errors import CardError, unknown

Row = dict[str, str]


def tables(kind: str = "all") -> dict[str, list[Row]]:
    """Return rows per kind.

    Args:
        kind: ``tasks``, ``streams``, ``agents``, ``protocols`` or ``all``.

    Raises:
        CardError: another kind.
    """
    makers: dict[str, Callable[[], list[Row]]] = {
        "tasks": _tasks,
        "streams": _streams,
        "agents": _agents,
        "protocols": _protocols,
    }
    if kind == "all":
        return {name: make() for name, make in makers.items()}
    if kind not in makers:
        raise CardError(unknown("kind", kind, [*makers, "all"]))
    return {kind: makers[kind]()}


def _tasks() -> list[Row]:
    tasks = (cards.load_task(name) for name in catalogue.names("envs/tasks"))
    return [
        {"name": task.name, "environment": env_id(f"{robot}-{task.name}"), "instruction": task.instruction}
        for task in tasks
        for robot in ROBOTS
    ]


def _streams() -> list[Row]:
    streams = (cards.load_stream(name) for name in catalogue.names("envs/streams"))
    return [
        {
            "name": stream.name,
            "steps": f"{len(stream.tasks)} × {stream.steps_per_task:,}",
            "title": stream.title,
        }
        for stream in streams
    ]


def _agents() -> list[Row]:
    built_in = (cards.load_agent(name) for name in catalogue.names("agents"))
    return [{"name": agent.name, "title": agent.title} for agent in (*built_in, *agents.installed().values())]


def _protocols() -> list[Row]:
    loaded = (cards.load_protocol(name) for name in catalogue.names("protocols"))
    return [
        {
            "name": protocol.name,
            "stream": stream.name,
            "evaluation": f"{protocol.evaluation_episodes} × every {protocol.evaluate_every:,}",
            "title": protocol.title,
        }
        for protocol, stream in loaded
    ]
