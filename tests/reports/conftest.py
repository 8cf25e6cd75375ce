"""Real run folders with made-up results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench.cards import AgentCard, ProtocolCard, StreamCard, TaskCard
from legion_bench.protocols.schedule import evaluation_steps, spans
from legion_bench.results.folder import RunFolder
from legion_bench.results.store import Manifest, Run, read_run
from legion_bench.types import EvaluationRecord, TrainingRecord

TASKS = ("reach", "push", "drawer-close")
STEPS_PER_TASK = 1000
MakeRun = Callable[..., Run]


def manifest(
    agent: str | AgentCard = "sac",
    seed: int = 0,
    protocol: str | ProtocolCard = "smoke",
    tasks: Sequence[str] = TASKS,
    **changes: Any,
) -> Manifest:
    """Return a manifest; agent and protocol are cards or their names, ``changes`` replaces any field."""
    made = Manifest(
        status="running",
        seed=seed,
        protocol=protocol
        if isinstance(protocol, ProtocolCard)
        else ProtocolCard(
            name=protocol, title="Smoke test", stream="three", evaluate_every=200, evaluation_episodes=4
        ),
        stream=StreamCard(
            name="three",
            title="Three easy tasks",
            robot="kuka",
            tasks=tuple(tasks),
            steps_per_task=STEPS_PER_TASK,
        ),
        tasks=tuple(
            TaskCard(name=task, scene=f"{task}-v3", instruction=f"Do {task}.")
            for task in dict.fromkeys(tasks)
        ),
        agent=agent
        if isinstance(agent, AgentCard)
        else AgentCard(name=agent, title=f"The {agent} agent", entry_point=f"agents.{agent}:Agent"),
        started="2025-01-02T03:04:05+00:00",
        command=("legion-bench", "run"),
        versions={"legion-bench": "0.1.0", "numpy": "2.4.0"},
        git={"revision": "0123456789abcdef0123", "dirty": False},
        hardware={"cpu": "Some CPU", "cores": 2},
        threads={"torch": 1},
    )
    return msgspec.structs.replace(made, **changes)


def write_run(path: Path, made: Manifest, skill: float = 0.9, stop_at: int | None = None) -> Run:
    """Write a run folder and read it back.

    Args:
        path: the folder.
        made: its manifest.
        skill: success rate that a task reaches at its end; afterwards half is forgotten per visit.
        stop_at: last environment step that is evaluated; the whole stream by default.
    """
    rng = np.random.default_rng(made.seed)
    with RunFolder(path, made) as folder:
        folder.evaluated(_evaluation(made, 0, -1, skill, rng))
        for position, span in enumerate(spans(made.protocol, made.stream)):
            for step in evaluation_steps(span, made.protocol.evaluate_every):
                if stop_at is not None and step > stop_at:
                    break
                folder.evaluated(_evaluation(made, step, position, skill, rng))
                folder.trained(_progress(made, step, position))
    return read_run(path)


def _evaluation(
    made: Manifest, step: int, position: int, skill: float, rng: np.random.Generator
) -> list[EvaluationRecord]:
    tasks = made.stream.tasks
    records = []
    for task in dict.fromkeys(tasks):
        visits = [i for i, name in enumerate(tasks[: position + 1]) if name == task]
        rate = 0.05
        if visits:
            since = step / made.stream.steps_per_task - visits[-1]
            rate = skill * (since if since <= 1 else 0.5 ** (since - 1))
        records += [
            EvaluationRecord(
                step=step,
                stream_position=position,
                task_position=tasks.index(task),
                task=task,
                presentation=len(visits),
                episode=episode,
                success=int(rng.random() < rate),
                episode_return=float(rng.random()),
                length=150,
            )
            for episode in range(made.protocol.evaluation_episodes)
        ]
    return records


def _progress(made: Manifest, step: int, position: int) -> TrainingRecord:
    return TrainingRecord(
        step=step,
        stream_position=position,
        task=made.stream.tasks[position],
        wall_clock=step / 10,
        steps_per_second=10.0,
        environment_seconds=1.0,
        update_seconds=1.0,
        evaluation_seconds=1.0,
        losses={"critic": 0.5},
        gradient_updates=step // 2,
        parameters=1234,
        stored_bytes=96 * step,
        peak_memory_bytes=2**29,
    )


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Return a function that writes a run; keywords as of manifest() and write_run()."""

    def make(
        folder: str | None = None, *, skill: float = 0.9, stop_at: int | None = None, **card: Any
    ) -> Run:
        made = manifest(**card)
        path = tmp_path / "runs" / (folder or f"{made.protocol.name}/{made.agent.name}/seed{made.seed}")
        return write_run(path, made, skill, stop_at)

    return make


@pytest.fixture
def runs(make_run: MakeRun) -> list[Run]:
    """Five complete runs of one agent."""
    return [make_run(seed=seed) for seed in range(5)]


def with_card(run: Run, part: str, **changes: Any) -> Run:
    """Return a run whose protocol, stream or agent card is another."""
    changed = msgspec.structs.replace(getattr(run.manifest, part), **changes)
    return replace(run, manifest=msgspec.structs.replace(run.manifest, **{part: changed}))
