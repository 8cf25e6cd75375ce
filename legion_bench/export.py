"""A trained LEGION agent as one file that torch alone runs; see ``docs/deployment.md``."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from legion_bench import language
from legion_bench.cards import AgentCard, TaskCard
from legion_bench.errors import AgentError, LegionBenchError, RunError
from legion_bench.results import checkpoints, provenance
from legion_bench.results.checkpoints import Checkpoint
from legion_bench.results.store import Manifest, read_run
from legion_bench.types import Floats

SUFFIX = ".pt2"
CARD = "policy.json"
"""Name of the :class:`PolicyCard` inside the file."""
ENTRY_POINT = "legion_bench.agents.legion.agent:LegionAgent"


class KnownTask(msgspec.Struct, frozen=True):
    """A task that the policy was trained on, or was to be."""

    name: str
    instruction: str
    identity: list[float]
    """What the policy is to be told of it."""


class PolicyCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's policy is, and what it takes: JSON inside the file."""

    schema: int = 1
    agent: AgentCard
    protocol: str
    stream: str
    robot: str
    seed: int
    step: int
    """Environment steps it was trained for."""
    status: str
    """Of its run when it was exported."""
    versions: dict[str, str]
    """Of the packages it was trained with."""
    exported_with: dict[str, str]
    observation: str
    """``legion-12`` or ``metaworld-39``; either begins with the hand's position in metres."""
    observation_size: int
    identity: str
    """``language`` (an instruction's embedding), ``one-hot`` or ``none``."""
    identity_size: int
    embedding_model: str | None
    """What embeds an instruction that is not among the tasks; null without ``language``."""
    noise_size: int
    action_scale: float
    """Metres that a full action moves the hand."""
    workspace_low: list[float]
    """Metres."""
    workspace_high: list[float]
    tasks: list[KnownTask]
    """By identity."""


def export(run: Path, out: Path, checkpoint: Path | None = None) -> PolicyCard:
    """Write the policy of a LEGION run to ``out``; return what it is.

    Args:
        run: run folder.
        out: a ``.pt2`` file, replaced if it is there.
        checkpoint: one of the run's; by default the newest that is sound.

    Raises:
        LegionBenchError: another kind of file is asked for.
        RunError: no run, or no sound checkpoint.
        AgentError: the run is not LEGION's, or its weights are no policy.
        LanguageError: an instruction that nobody has embedded, and no encoder is installed.
    """
    if out.suffix != SUFFIX:
        raise LegionBenchError(f"cannot write {out.name}: the file must end in {SUFFIX}")
    manifest = read_run(run).manifest
    if manifest.agent.entry_point != ENTRY_POINT:
        raise AgentError(
            f"{run} is a run of {manifest.agent.name!r} ({manifest.agent.entry_point});"
            f" only agents of {ENTRY_POINT} can be exported"
        )
    found = _checkpoint(run, checkpoint)
    card, content = _frozen(manifest, found.step, found.state["agent"])
    _write(out, content)
    return card


def _checkpoint(run: Path, chosen: Path | None) -> Checkpoint:
    if chosen is not None:
        if chosen.resolve().parent != (run / checkpoints.FOLDER).resolve():
            raise RunError(f"{chosen} is no checkpoint of {run}: those are in {run / checkpoints.FOLDER}")
        try:
            return checkpoints.read(chosen, run)
        except RunError as error:
            raise RunError(f"checkpoint {chosen} cannot be exported: {error}") from None
    checkpoint, complaints = checkpoints.newest(run)
    if checkpoint is None:
        why = "; ".join(complaints) or f"there is no checkpoint in {run / checkpoints.FOLDER}"
        raise RunError(f"{run} has no weights to export: {why}")
    return checkpoint


def _frozen(manifest: Manifest, step: int, agent: dict[str, Any]) -> tuple[PolicyCard, bytes]:
    """Return what a policy is, and its file, given the agent's state."""
    import torch

    from legion_bench.agents.legion.config import checked
    from legion_bench.agents.legion.policy import FrozenPolicy, Workspace, program
    from legion_bench.envs.metaworld import HAND_HIGH, HAND_LOW, Scene
    from legion_bench.envs.spaces import observation_space

    config, stream, tasks = checked(manifest.agent.parameters), manifest.stream, manifest.tasks
    (size,) = observation_space(stream.observation).shape
    identities = _identities(config.identity, tasks)
    with closing(Scene(tasks[0].scene, stream.robot)) as scene:
        workspace = Workspace(HAND_LOW, HAND_HIGH, scene.action_scale)
    weights = agent["learner"]["parameters"]
    policy = FrozenPolicy(config, size, identities.shape[1], weights, workspace)
    card = PolicyCard(
        agent=manifest.agent,
        protocol=manifest.protocol.name,
        stream=stream.name,
        robot=stream.robot,
        seed=manifest.seed,
        step=step,
        status=manifest.status,
        versions=manifest.versions,
        exported_with=provenance.versions(ENTRY_POINT),
        observation=stream.observation,
        observation_size=size,
        identity=config.identity,
        identity_size=identities.shape[1],
        embedding_model=language.MODEL if config.identity == "language" else None,
        noise_size=config.latent,
        action_scale=workspace.action_scale,
        workspace_low=HAND_LOW.tolist(),
        workspace_high=HAND_HIGH.tolist(),
        tasks=[
            KnownTask(task.name, task.instruction, identity)
            for task, identity in zip(tasks, identities.tolist(), strict=True)
        ],
    )
    content = io.BytesIO()
    torch.export.save(program(policy), content, extra_files={CARD: msgspec.json.encode(card).decode()})
    return card, content.getvalue()


def _identities(kind: str, tasks: Sequence[TaskCard]) -> Floats:
    """Return what the encoder was told of each task [T, E]."""
    if kind == "language":
        return np.stack([language.embedding(task.instruction) for task in tasks])
    return np.eye(len(tasks)) if kind == "one-hot" else np.zeros((len(tasks), 0))


def _write(out: Path, content: bytes) -> None:
    """Write a file that is never half there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f"{out.name}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)
