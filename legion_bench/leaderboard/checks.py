"""Whether runs are what an official protocol of this version makes: each check raises, and says where."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from legion_bench.errors import BundleError
from legion_bench.leaderboard.logs import check_episodes, check_knowledge, check_training
from legion_bench.leaderboard.manifests import check_manifest, check_same, official
from legion_bench.protocols.schedule import phases
from legion_bench.results.store import Run


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
        check_same(one, other)
    official(runs[0].manifest)
    plan = phases(runs[0].manifest.protocol, runs[0].manifest.stream)
    for run in runs:
        check_episodes(run, plan)
        check_training(run, plan)
        check_knowledge(run, plan)
    for one, other in combinations(runs, 2):
        if np.array_equal(one.evaluations.episode_return, other.evaluations.episode_return):
            raise BundleError(
                f"{one.path.name} and {other.path.name} have the same returns, episode by episode, which no"
                " two seeds have: one is a copy; leave it out"
            )
