"""Whether runs are what an official protocol of this version makes: each check raises, and says where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec

from legion_bench.errors import BundleError
from legion_bench.leaderboard.logs import check_episodes, check_knowledge, check_training
from legion_bench.leaderboard.manifests import check_manifest, check_same, check_versions, official
from legion_bench.protocols.schedule import Phase, phases
from legion_bench.results.store import Run


def check_runs(runs: Iterable[Run]) -> list[Run]:
    """Return runs, in folders ``seed-<seed>``, if they are of one agent under one official protocol.

    Each is checked before the next is asked for, so that one which is refused costs no more than itself,
    and returned without losses.

    Raises:
        BundleError: with the member, the line where there is one, and what was expected.
    """
    checked: list[Run] = []
    versions: dict[str, tuple[str, str]] = {}
    returns: dict[str, str] = {}
    plan: Sequence[Phase] = ()
    for run in runs:
        check_manifest(run)
        if checked:
            check_same(checked[0], run)
        else:
            official(run.manifest)
            plan = phases(run.manifest.protocol, run.manifest.stream)
        check_versions(run, versions)
        check_episodes(run, plan)
        check_training(run, plan)
        check_knowledge(run, plan)
        _check_distinct(run, returns)
        # No metric comes from losses, which may be many.
        training = tuple(msgspec.structs.replace(record, losses={}) for record in run.training)
        checked.append(replace(run, training=training))
    if not checked:
        raise BundleError("it holds no run")
    return checked


def _check_distinct(run: Run, known: dict[str, str]) -> None:
    """Raise if a run's returns are those of one in ``known``, digest → folder, to which it is added."""
    values = run.evaluations.episode_return + 0.0  # whose zeros have one sign
    other = known.setdefault(hashlib.sha256(values.tobytes()).hexdigest(), run.path.name)
    if other != run.path.name:
        raise BundleError(
            f"{other} and {run.path.name} have the same returns, episode by episode, which no"
            " two seeds have: one is a copy; leave it out"
        )
