"""Start a run: everything is checked before anything is created."""

from __future__ import annotations

import sys
from pathlib import Path

from legion_bench import agents, cards, threads
from legion_bench.cards import AgentCard, ProtocolCard, StreamCard
from legion_bench.protocols.runner import Watch, train, unwatched
from legion_bench.results import provenance
from legion_bench.results.store import Manifest, RunFolder, check_free, clear, now
from legion_bench.seeding import check_seed, derive
from legion_bench.types import Agent, AgentSetup


def run(
    protocol: str,
    agent: str,
    seed: int = 0,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    watch: Watch = unwatched,
) -> Path:
    """Train one agent under one protocol with one seed; return its run folder.

    Args:
        protocol: card name or path.
        agent: card name, path, entry point or ``package.module:Class``.
        seed: in [0, 2**31).
        out: the run folder; by default ``runs/<protocol>/<agent>/seed-<seed>``.
        overwrite: delete a run that is already there.
        watch: told of progress; see :mod:`legion_bench.protocols.runner`.

    Raises:
        LegionBenchError: a wrong name, card, parameter or folder; nothing was created.
    """
    threads.pin()
    check_seed(seed)
    protocol_card, stream = cards.load_protocol(protocol)
    agent_card = agents.resolve(agent)
    path = out or default_folder(protocol_card, agent_card, seed)
    check_free(path, overwrite=overwrite)
    learner = build_agent(agent_card, stream, seed)
    manifest = _manifest(protocol_card, stream, agent_card, seed)
    clear(path)
    with RunFolder(path, manifest) as folder:
        train(protocol_card, stream, learner, seed, folder, watch)
    return path


def build_agent(card: AgentCard, stream: StreamCard, seed: int) -> Agent:
    """Return a fresh agent for a stream, seeded for run ``seed``."""
    from legion_bench.envs.spaces import action_space, observation_space

    setup = AgentSetup(
        observation_space=observation_space(stream.observation),
        action_space=action_space(),
        tasks=stream.visits(),
        steps_per_task=stream.steps_per_task,
        seed=derive(seed, "agent"),
    )
    return agents.build(card, setup)


def default_folder(protocol: ProtocolCard, agent: AgentCard, seed: int) -> Path:
    """Return where a run goes unless told otherwise."""
    return Path("runs") / protocol.name / agent.name.replace(":", ".") / f"seed-{seed}"


def _manifest(protocol: ProtocolCard, stream: StreamCard, agent: AgentCard, seed: int) -> Manifest:
    return Manifest(
        status="running",
        seed=seed,
        protocol=protocol,
        stream=stream,
        tasks=tuple(cards.load_task(name) for name in dict.fromkeys(stream.tasks)),
        agent=agent,
        started=now(),
        command=(Path(sys.argv[0]).name, *sys.argv[1:]),
        versions=provenance.versions(agent.entry_point),
        git=provenance.git(),
        hardware=provenance.hardware(),
        threads=threads.describe(),
    )
