"""Does `legion-bench reference check` catch bugs? Plant some, train as CI does, and print a table.

python -m tests.planted                                         # minutes; exit code 1 if a bug is missed
ATEN_CPU_CAPABILITY=default python -m tests.planted --only none --seeds 3,4,5,6,7   # other rounding
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench import catalogue, launch
from legion_bench.agents.legion import networks
from legion_bench.agents.legion.agent import LegionAgent
from legion_bench.protocols.evaluate import Evaluator
from legion_bench.protocols.training import TrainingEnvs
from legion_bench.reports.regression import Row, check
from legion_bench.results.regression import Numbers, read
from legion_bench.results.store import read_run
from legion_bench.seeding import parse_seeds

SAC, LEGION = "sac-finetune-small", "legion-small"


@dataclass(frozen=True)
class Bug:
    title: str
    plant: Callable[[pytest.MonkeyPatch], None]
    agents: tuple[str, ...] = (SAC, LEGION)
    stop_after: int = 3_000


def nothing(patch: pytest.MonkeyPatch) -> None:
    pass


def wrong_task(patch: pytest.MonkeyPatch) -> None:
    right = Evaluator.__init__

    def wrong(self: Evaluator, *arguments: Any, **keywords: Any) -> None:
        right(self, *arguments, **keywords)
        self._indices = (self._indices + 1) % (self._indices.max() + 1)

    patch.setattr(Evaluator, "__init__", wrong)


def flipped_reward(patch: pytest.MonkeyPatch) -> None:
    right = TrainingEnvs.step

    def wrong(self: TrainingEnvs, actions: Any) -> Any:
        observations, rewards, terminated, truncated = right(self, actions)
        return observations, -rewards, terminated, truncated

    patch.setattr(TrainingEnvs, "step", wrong)


def cleared_at_fits(patch: pytest.MonkeyPatch) -> None:
    right = LegionAgent._fit

    def wrong(self: LegionAgent) -> int:
        components = right(self)
        self._learner.replay.clear()
        return components

    patch.setattr(LegionAgent, "_fit", wrong)


def cleared_at_visits(patch: pytest.MonkeyPatch) -> None:
    right = LegionAgent.begin_task

    def wrong(self: LegionAgent, task: Any) -> None:
        right(self, task)
        self._learner.replay.clear()

    patch.setattr(LegionAgent, "begin_task", wrong)


def half_rate(patch: pytest.MonkeyPatch) -> None:
    """Half of what the card says and of what the agent reports, in both optimisers."""
    adam, step = networks.adam, torch.optim.Adam.step

    def half_adam(*arguments: Any, lr: float, **keywords: Any) -> None:
        adam(*arguments, lr=lr / 2, **keywords)

    def half_step(self: torch.optim.Adam, *arguments: Any, **keywords: Any) -> Any:
        rates = [group["lr"] for group in self.param_groups]
        for group, rate in zip(self.param_groups, rates, strict=True):
            group["lr"] = rate / 2
        try:
            return step(self, *arguments, **keywords)
        finally:
            for group, rate in zip(self.param_groups, rates, strict=True):
                group["lr"] = rate

    patch.setattr(networks, "adam", half_adam)
    patch.setattr(torch.optim.Adam, "step", half_step)


BUGS = {
    "none": Bug("none", nothing),
    "wrong-task": Bug("evaluation with the wrong task id", wrong_task, stop_after=1_000),
    "flipped-reward": Bug("reward sign flipped in training", flipped_reward),
    "cleared-at-fits": Bug("replay cleared at every fit", cleared_at_fits, (LEGION,)),
    "cleared-at-visits": Bug("replay cleared at every visit", cleared_at_visits, (LEGION,), 11_000),
    "half-rate": Bug("half the learning rate", half_rate),
}


def rows_of(bug: Bug, agent: str, seeds: Sequence[int], numbers: Numbers, folder: Path) -> tuple[Row, ...]:
    """Train with the bug; return what a check finds."""
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        paths = [
            launch.run("smoke", agent, seed, folder / f"{agent}-{seed}", stop_after=bug.stop_after)
            for seed in seeds
        ]
    return check([read_run(path) for path in paths], numbers)


def line(bug: Bug, agent: str, seeds: Sequence[int], rows: Sequence[Row]) -> str:
    """Return a row of the table."""
    measured = {row.quantity: row.measured for row in rows}
    left = [row.quantity for row in rows if row.verdict == "OUTSIDE"]
    same = any(row.verdict == "identical" for row in rows)
    losses = measured.get("first losses", np.nan)
    returns = measured.get("returns before learning", np.nan)
    cells = (
        bug.title,
        agent,
        ", ".join(map(str, seeds)),
        f"{bug.stop_after:,}",
        f"{measured['counts that differ']:.0f}",
        "–" if same else f"{returns:.1e}",
        "–" if same else f"{losses:.1e}",
        f"**caught**: {', '.join(left)}" if left else "identical" if same else "inside",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=BUGS, default=[name for name in BUGS])
    parser.add_argument("--agents", nargs="*", help="of these alone")
    parser.add_argument("--seeds", default="3,4")
    chosen = parser.parse_args()
    numbers = read(catalogue.root() / "results/reference/smoke.json")
    seeds, wrong = parse_seeds(chosen.seeds), 0
    heads = ("bug", "agent", "seeds", "steps", "counts that differ", "returns", "first losses", "verdict")
    sys.stdout.write(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n")
    for name in chosen.only:
        bug = BUGS[name]
        for agent in bug.agents:
            if chosen.agents and agent not in chosen.agents:
                continue
            with tempfile.TemporaryDirectory() as folder:
                rows = rows_of(bug, agent, seeds, numbers, Path(folder))
            sys.stdout.write(line(bug, agent, seeds, rows) + "\n")
            sys.stdout.flush()
            wrong += any(row.verdict == "OUTSIDE" for row in rows) == (name == "none")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
