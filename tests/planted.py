"""Does `legion-bench reference check` catch bugs? Plant some, train as CI does, and print a table.

python -m tests.planted bugs                                    # minutes; exit code 1 if a bug is missed
ATEN_CPU_CAPABILITY=default python -m tests.planted bugs --only none --seeds 3,4,5,6,7   # other rounding
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import t as student

from legion_bench import catalogue, launch
from legion_bench.agents.legion import networks
from legion_bench.agents.legion.agent import LegionAgent
from legion_bench.metrics.equivalence import false_alarm_rate
from legion_bench.protocols.evaluate import Evaluator
from legion_bench.protocols.training import TrainingEnvs
from legion_bench.reports.regression import FALSE_ALARMS, LOSS_TOLERANCE, Row, check, sample
from legion_bench.results.regression import Numbers, read
from legion_bench.results.store import find_runs, read_run
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
    found = {row.quantity: row for row in rows}
    left = [row.quantity for row in rows if row.verdict == "OUTSIDE"]
    same = any(row.verdict == "identical" for row in rows)
    deviations = [
        f"{found[name].measured:.1e}" if name in found else "–"
        for name in ("returns before learning", "first losses")
    ]
    cells = (
        bug.title,
        agent,
        ", ".join(map(str, seeds)),
        f"{bug.stop_after:,}",
        f"{found['counts that differ'].measured:.0f}",
        *deviations,
        f"**caught**: {', '.join(left)}" if left else "identical" if same else "inside",
    )
    return f"| {' | '.join(cells)} |"


def bugs(names: Sequence[str], agents: Sequence[str] | None, seeds: Sequence[int], numbers: Numbers) -> int:
    """Print the table of bugs; return how many checks went wrong."""
    wrong = 0
    heads = ("bug", "agent", "seeds", "steps", "counts", "returns", "first losses", "verdict")
    show(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for name in names:
        bug = BUGS[name]
        for agent in bug.agents:
            if agents and agent not in agents:
                continue
            with tempfile.TemporaryDirectory() as folder:
                rows = rows_of(bug, agent, seeds, numbers, Path(folder))
            show(line(bug, agent, seeds, rows))
            wrong += any(row.verdict == "OUTSIDE" for row in rows) == (name == "none")
    return wrong


def splits(numbers: Numbers, draws: int = 2_000) -> None:
    """Print how often two seeds of the learners, or of all agents, leave the bands of the others."""
    learners = {SAC: 2, LEGION: 2}
    everyone = {**learners, "sac-packnet-small": 1, "random": 2, "scripted": 2}
    for length in (4, len(numbers.steps)):
        samples = {
            name: replace(one, values=one.values[:, keep], floor=one.floor[keep])
            for name, one in sample(numbers, length).items()
            for keep in [np.isfinite(one.values).all(axis=0)]
        }
        for runs in (learners, everyone):
            for asked in (FALSE_ALARMS, 0.05, 0.2):
                rate = false_alarm_rate(samples, runs, asked, np.random.default_rng(0), draws)
                show(f"to step {numbers.steps[length - 1]:,}, {len(runs)} agents, {asked:.1%}: {rate:.2%}")


def rounding(folders: Sequence[Path], numbers: Numbers) -> None:
    """Print deviations of runs, and how likely one is beyond the tolerance if their logarithms are normal."""
    found = []
    for path in find_runs(folders):
        rows = {row.quantity: row for row in check([read_run(path)], numbers)}
        if "first losses" in rows:
            losses, returns = rows["first losses"], rows["returns before learning"]
            found.append(losses.measured)
            show(f"{losses.agent}, {losses.where}: {losses.measured:.1e}; returns {returns.measured:.1e}")
    logs = np.log10(found)
    beyond = (np.log10(LOSS_TOLERANCE) - logs.mean()) / (logs.std(ddof=1) * np.sqrt(1 + 1 / len(logs)))
    show(
        f"{len(logs)} runs, largest {max(found):.1e}; beyond: {student.sf(beyond, len(logs) - 1):.1e} per run"
    )


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("bugs", "splits", "rounding"))
    parser.add_argument("runs", nargs="*", type=Path, help="of rounding: run folders")
    parser.add_argument("--only", choices=BUGS, action="append", help="of these bugs alone")
    parser.add_argument("--agent", action="append", help="of these agents alone")
    parser.add_argument("--seeds", default="3,4")
    chosen = parser.parse_args()
    numbers = read(catalogue.root() / "results/reference/smoke.json")
    if chosen.what == "bugs":
        return int(bugs(chosen.only or list(BUGS), chosen.agent, parse_seeds(chosen.seeds), numbers) > 0)
    if chosen.what == "splits":
        splits(numbers)
    else:
        rounding(chosen.runs, numbers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
