"""Whether runs are what an official protocol of this version makes: each check raises, and says where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legion_bench import cards, catalogue
from legion_bench.cards import ProtocolCard, StreamCard
from legion_bench.errors import BundleError, unknown
from legion_bench.protocols.schedule import Phase, phases
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST, TRAINING, Manifest, Run
from legion_bench.seeding import MAX_SEED
from legion_bench.types import TrainingRecord

PHYSICS = ("metaworld", "mujoco")
"""Packages that decide what an episode is: every run of a leaderboard has the same versions of them."""
_COUNTS = ("gradient_updates", "parameters", "stored_bytes", "peak_memory_bytes")
_TIMES = ("wall_clock", "steps_per_second", "environment_seconds", "update_seconds", "evaluation_seconds")
_MOST = 2**53
_DEPTH = 16
_NAME, _TITLE = 80, 200


def check_runs(runs: Sequence[Run]) -> None:
    """Raise unless runs, in folders ``seed-<seed>``, are of one agent under one official protocol.

    Raises:
        BundleError: with the member, the line where there is one, and what was expected.
    """
    if not runs:
        raise BundleError("it holds no run")
    for run in runs:
        check_manifest(run)
    for one, other in combinations(runs, 2):
        _check_same(one, other)
    official(runs[0].manifest)
    plan = phases(runs[0].manifest.protocol, runs[0].manifest.stream)
    for run in runs:
        _check_episodes(run, plan)
        _check_training(run, plan)
        _check_knowledge(run, plan)
    for one, other in combinations(runs, 2):
        if np.array_equal(one.evaluations.episode_return, other.evaluations.episode_return):
            raise BundleError(
                f"{one.path.name} and {other.path.name} have the same returns, episode by episode, which no"
                " two seeds have: one is a copy; leave it out"
            )


def check_manifest(run: Run) -> None:
    """Raise unless ``run.json`` tells of a finished run of its folder's seed, with words fit to show."""
    made, where = run.manifest, f"{run.path.name}/{MANIFEST}"
    if run.warnings:
        raise BundleError(f"{where[: -len(MANIFEST)]}{run.warnings[0].rpartition('/')[2]}: finish the run")
    if made.status != "finished" or made.error is not None:
        raise BundleError(f"{where}: its status is {made.status!r}: finish the run")
    if not 0 <= made.seed < MAX_SEED or run.path.name != f"seed-{made.seed}":
        raise BundleError(f"{where}: its seed is {made.seed}, which is not that of its folder")
    started, finished = _date(where, made.started), _date(where, made.finished)
    if finished < started:
        raise BundleError(f"{where}: it finished, {made.finished}, before it started, {made.started}")
    for what, text, most in (("name", made.agent.name, _NAME), ("title", made.agent.title, _TITLE)):
        if len(text) > most or not text.isprintable():
            raise BundleError(
                f"{where}: the agent's {what} must be at most {most} printable letters, got {text[:most]!a}"
            )
    if _depth(made.agent.parameters) > _DEPTH:
        raise BundleError(f"{where}: the agent's parameters are nested more than {_DEPTH} deep")
    for package in PHYSICS:
        if (found := made.versions.get(package)) != version(package):
            raise BundleError(
                f"{where}: {package} was {found!a}, here it is {version(package)}: only runs with the same"
                " physics can be compared; run them anew"
            )


def official(made: Manifest) -> None:
    """Raise unless protocol, stream and tasks, and an agent of one of their names, are the catalogue's."""
    known = catalogue.names("protocols")
    if made.protocol.name not in known:  # never a path: the name is not ours
        raise BundleError(f"{MANIFEST}: no track: {unknown('protocol', made.protocol.name[:_NAME], known)}")
    protocol, stream = cards.load_protocol(made.protocol.name)
    if protocol.regime == "single-task":
        raise BundleError(f"{MANIFEST}: no track: protocol {protocol.name!r} makes references, not agents")
    tasks = tuple(cards.load_task(name) for name in dict.fromkeys(stream.tasks))
    ours: list[tuple[str, Any, Any]] = [
        ("protocol", made.protocol, protocol),
        ("stream", made.stream, stream),
        ("tasks", made.tasks, tasks),
    ]
    if made.agent.name in catalogue.names("agents"):
        ours.append(("agent", made.agent, cards.load_agent(made.agent.name)))
    for part, mine, theirs in ours:
        if mine != theirs:
            remedy = "give it a name of its own" if part == "agent" else "run it anew, under that protocol"
            raise BundleError(
                f"{MANIFEST}: {part}: the card differs from the one that this version of legion-bench has"
                f" under that name: {remedy}"
            )


def _check_same(one: Run, other: Run) -> None:
    """Raise unless two runs have the same cards, and the same versions of all packages that both name.

    Which they name depends on what was installed beside those that the agent uses.
    """
    mine, theirs = one.manifest, other.manifest
    wrong = [
        part
        for part in ("protocol", "stream", "tasks", "agent")
        if getattr(mine, part) != getattr(theirs, part)
    ]
    shared = mine.versions.keys() & theirs.versions.keys()
    wrong += [name for name in sorted(shared) if mine.versions[name] != theirs.versions[name]]
    if wrong:
        raise BundleError(
            f"{one.path.name} and {other.path.name} differ in {wrong[0]}: a bundle is one agent's runs under"
            " one protocol, with the same versions; submit them apart"
        )


def _check_episodes(run: Run, plan: Sequence[Phase]) -> None:
    """Raise at the first line that is not the episode which the schedule puts there."""
    log, protocol, stream = run.evaluations, run.manifest.protocol, run.manifest.stream
    expected = scheduled(protocol, stream, plan)
    lines = len(expected["step"])
    tasks = list(dict.fromkeys(stream.tasks))
    identity = np.array([tasks.index(name) if name in tasks else -1 for name in log.names], np.int64)
    columns: dict[str, NDArray[Any]] = {**vars(log), "task": identity[log.task]}
    common = min(len(log), lines)
    wrong = np.zeros(common, np.bool_)
    for name, values in expected.items():
        wrong |= columns[name][:common] != values[:common]
    wrong |= (log.success[:common] < 0) | (log.success[:common] > 1)
    if wrong.any() or len(log) != lines:
        line = int(wrong.argmax()) if wrong.any() else common
        there = printed(log[line]) if line < len(log) else "the end of the log"
        due = "no episode"
        if line < lines:
            due = ", ".join(f"{name} {values[line]}" for name, values in expected.items() if name != "task")
            due += f", task {tasks[expected['task'][line]]!r}, success 0 or 1"
        raise BundleError(
            f"{run.path.name}/{EVALUATIONS}, line {line + 1}: {there}; the schedule has {due} there:"
            " submit logs as runs wrote them"
        )


def printed(record: object) -> str:
    """Return a record of unknown origin in short."""
    return ascii(record)[:300]


def scheduled(
    protocol: ProtocolCard, stream: StreamCard, plan: Sequence[Phase]
) -> dict[str, NDArray[np.int64]]:
    """Return what a complete evaluation log holds, line by line, but for successes and returns.

    ``task`` is the identity, by first appearance. An evaluated episode never ends before the horizon.
    """
    tasks = list(dict.fromkeys(stream.tasks))
    episodes = protocol.evaluation_episodes
    when = [(0, -1, ())] + [
        (step, phase.visit.position, phase.begun) for phase in plan for step in phase.evaluate_at
    ]
    slots = len(tasks) * episodes
    return {
        "step": np.repeat([step for step, _, _ in when], slots),
        "stream_position": np.repeat([position for _, position, _ in when], slots),
        "task_position": np.tile(
            np.repeat([stream.tasks.index(task) for task in tasks], episodes), len(when)
        ),
        "task": np.tile(np.repeat(np.arange(len(tasks)), episodes), len(when)),
        "presentation": np.repeat([[begun.count(task) for task in tasks] for _, _, begun in when], episodes),
        "episode": np.tile(np.arange(episodes), len(when) * len(tasks)),
        "length": np.full(len(when) * slots, stream.horizon),
    }


def _check_training(run: Run, plan: Sequence[Phase]) -> None:
    """Raise unless there is one record per evaluation, of the whole budget, with costs that can be."""
    where = f"{run.path.name}/{TRAINING}"
    due = [(step, phase.visit.position, phase.visit.name) for phase in plan for step in phase.evaluate_at]
    made = [(record.step, record.stream_position, record.task) for record in run.training]
    for line, (found, wanted) in enumerate(zip(made, due, strict=False), start=1):
        if found != wanted:
            raise BundleError(f"{where}, line {line}: {printed(found)}, the schedule has {wanted} there")
    if len(made) != len(due):
        raise BundleError(f"{where}: it has {len(made)} records, the schedule {len(due)}")
    clock = 0.0
    for line, record in enumerate(run.training, start=1):
        if not _possible(record) or record.wall_clock < clock:
            raise BundleError(f"{where}, line {line}: a cost that cannot be: {printed(record)}")
        clock = record.wall_clock


def _possible(record: TrainingRecord) -> bool:
    counts = [getattr(record, name) for name in _COUNTS]
    times = [getattr(record, name) for name in _TIMES]
    return all(0 <= count <= _MOST for count in counts if count is not None) and all(
        0 <= time <= _MOST for time in times
    )


def _check_knowledge(run: Run, plan: Sequence[Phase]) -> None:
    ends = [(phase.stop, phase.visit.position, phase.visit.name) for phase in plan]
    for line, record in enumerate(run.knowledge, start=1):
        found = (record.step, record.stream_position, record.task)
        if found in ends and 1 <= record.components <= _MOST and 0 <= record.purity <= 1:
            ends.remove(found)
        else:
            raise BundleError(
                f"{run.path.name}/{KNOWLEDGE}, line {line}: not what an agent knew at a visit's end, once"
                f" per visit: {printed(record)}"
            )


def _date(where: str, text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise BundleError(f"{where}: {printed(text)} is no date and time with its zone, as ISO 8601 has them")
    return found


def _depth(value: object) -> int:
    """Return how deeply mappings and lists are nested, without recursion."""
    depth, level = 0, [value]
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
    return depth
