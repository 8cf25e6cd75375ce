"""Runs against reference numbers: what passes, what does not, and how often by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench import catalogue
from legion_bench.errors import MetricError
from legion_bench.metrics.equivalence import QUANTITIES, false_alarm_rate
from legion_bench.reports.regression import FALSE_ALARMS, Row, check, other_versions, sample
from legion_bench.reports.traces import collect
from legion_bench.results.regression import read
from legion_bench.results.store import EVALUATIONS, Run, read_run

from .conftest import MakeRun, with_card

COMMITTED = catalogue.root() / "results/reference/smoke.json"


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., Run]:
    """Return a function that writes a run again, its returns multiplied and the rest changed."""

    def make(run: Run, returns: float = 1.0, **training: Any) -> Run:
        path = tmp_path / f"copy-{run.manifest.seed}"
        path.mkdir()
        log = [
            msgspec.structs.replace(record, episode_return=record.episode_return * returns)
            for record in run.evaluations
        ]
        (path / EVALUATIONS).write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in log))
        records = tuple(msgspec.structs.replace(record, **training) for record in run.training)
        return replace(read_back(run, path), training=records)

    return make


def read_back(run: Run, path: Path) -> Run:
    for file in ("run.json", "training.jsonl", "knowledge.jsonl"):
        (path / file).write_bytes((run.path / file).read_bytes())
    return read_run(path)


def verdicts(rows: tuple[Row, ...]) -> dict[str, str]:
    return {row.quantity: row.verdict for row in rows}


def test_the_same_logs_are_identical(runs: list[Run]) -> None:
    rows = check(runs, collect(runs))
    assert verdicts(rows) == {
        "counts that differ": "inside",
        "success_mean": "identical",
        "success_end": "identical",
        "forgetting_cw": "identical",
    }
    for row in rows:
        assert row.measured == pytest.approx(row.reference)
        assert row.low <= row.measured <= row.high


def test_a_run_that_was_stopped_is_judged_by_what_it_has(runs: list[Run], make_run: MakeRun) -> None:
    stopped = make_run("stopped", seed=2, stop_at=400)
    rows = check([stopped], collect(runs))
    assert verdicts(rows) == {
        "counts that differ": "inside",
        "success_mean": "identical",
        "success_end": "identical",
    }
    assert rows[-1].where == "seed 2, to step 400"


def test_a_run_that_was_stopped_before_its_first_update_has_no_losses(
    runs: list[Run], make_run: MakeRun, copy: Callable[..., Run]
) -> None:
    stopped = copy(make_run("stopped", seed=2, stop_at=200), returns=1 + 1e-9, losses={})
    assert "first losses" not in verdicts(check([stopped], collect(runs)))


def test_of_losses_that_depend_on_the_seed_those_are_compared_that_all_have(
    runs: list[Run], copy: Callable[..., Run]
) -> None:
    numbers = collect(runs)
    (traces,) = numbers.agents
    more, *others = traces.runs
    more = msgspec.structs.replace(more, losses={**more.losses, "actor": 1.0})
    odd = (msgspec.structs.replace(traces, runs=(more, *others)),)
    other = copy(runs[0], returns=1 + 1e-6, losses={"critic": 0.5 * (1 + 1e-3), "actor": 2.0})
    measured = {
        row.quantity: row.measured for row in check([other], msgspec.structs.replace(numbers, agents=odd))
    }
    assert measured["first losses"] == pytest.approx(1e-3)


def test_other_rounding_is_inside(runs: list[Run], copy: Callable[..., Run]) -> None:
    numbers = collect(runs)
    other = copy(runs[0], returns=1 + 1e-6, losses={"critic": 0.5 * (1 + 1e-3)})
    rows = check([other], numbers)
    assert set(verdicts(rows).values()) == {"inside"}
    measured = {row.quantity: row.measured for row in rows}
    assert measured["first losses"] == pytest.approx(1e-3)
    assert 0 < measured["returns before learning"] < 1e-5


def test_another_seed_is_judged_by_means_alone(runs: list[Run], make_run: MakeRun) -> None:
    rows = check([make_run(seed=9)], collect(runs))
    assert verdicts(rows) == dict.fromkeys(("success_mean", "success_end", "forgetting_cw"), "inside")


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"returns": -1.0}, "returns before learning"),
        ({"returns": 1.2, "stored_bytes": 96}, "counts that differ"),
        ({"gradient_updates": None}, "counts that differ"),
        ({"returns": 1 + 1e-9, "losses": {"critic": 0.8}}, "first losses"),
        ({"returns": 1 + 1e-9, "losses": {"critic": None}}, "first losses"),
        ({"returns": 1 + 1e-9, "losses": {"critic": 0.5, "actor": 1.0}}, "first losses"),
        ({"returns": 1 + 1e-9, "losses": {}}, "first losses"),
    ],
)
def test_what_is_wrong_is_noticed(
    runs: list[Run], copy: Callable[..., Run], changes: dict[str, Any], left: str
) -> None:
    assert verdicts(check([copy(runs[0], **changes)], collect(runs)))[left] == "OUTSIDE"


def test_the_same_evaluations_at_another_cost_are_noticed(runs: list[Run], copy: Callable[..., Run]) -> None:
    rows = check([copy(runs[3], stored_bytes=96)], collect(runs))
    assert [row.quantity for row in rows if row.verdict == "OUTSIDE"] == ["counts that differ"]
    assert "seed 3, step 200: stored_bytes 96, was 19200" in rows[0].where


def test_agents_that_no_longer_learn_leave_the_band(make_run: MakeRun, runs: list[Run]) -> None:
    rows = check([make_run(f"bad-{seed}", seed=seed, skill=0.0) for seed in range(10, 15)], collect(runs))
    assert verdicts(rows)["success_mean"] == "OUTSIDE"


def test_other_versions_are_named(runs: list[Run]) -> None:
    numbers = collect(runs)
    assert other_versions(runs, numbers) == ()
    newer = msgspec.structs.replace(runs[0].manifest, versions={"numpy": "9.0", "extra": "1.0"})
    assert other_versions([replace(runs[0], manifest=newer)], numbers) == (
        "extra 1.0, there none",
        "numpy 9.0, there 2.4.0",
    )


def test_what_cannot_be_compared_is_an_error(runs: list[Run], make_run: MakeRun) -> None:
    numbers = collect(runs)
    with pytest.raises(MetricError, match="another protocol card"):
        check([with_card(runs[0], "protocol", evaluation_episodes=5)], numbers)
    with pytest.raises(MetricError, match="another stream card"):
        check([with_card(runs[0], "stream", horizon=10)], numbers)
    with pytest.raises(MetricError, match="another agent card"):
        check([with_card(runs[0], "agent", parameters={"rate": 1})], numbers)
    with pytest.raises(MetricError, match="unknown agent 'sacc': did you mean 'sac'"):
        check([make_run(agent="sacc")], numbers)
    with pytest.raises(MetricError, match="second of 'sac' with seed 0"):
        check([runs[0], make_run("again", seed=0)], numbers)
    failed = msgspec.structs.replace(runs[0].manifest, status="failed", error="OSError: full")
    with pytest.raises(MetricError, match="failed: OSError: full"):
        check([replace(runs[0], manifest=failed)], numbers)


@pytest.mark.parametrize(
    ("length", "runs"),
    [
        (31, {"legion-small": 2, "sac-finetune-small": 2, "random": 2, "scripted": 2}),
        (
            31,
            {"legion-small": 2, "sac-finetune-small": 2, "sac-packnet-small": 1, "random": 2, "scripted": 2},
        ),
        (4, {"legion-small": 2, "sac-finetune-small": 2}),
    ],
)
def test_committed_runs_seldom_leave_the_bands_of_the_others(length: int, runs: dict[str, int]) -> None:
    """The false-alarm rate of docs/regression.md: seeds that are taken out are judged by the rest."""
    samples = {
        name: replace(one, values=one.values[:, keep], floor=one.floor[keep])
        for name, one in sample(read(COMMITTED), length).items()
        for keep in [np.array([length == 31 or quantity != "forgetting_cw" for quantity in QUANTITIES])]
    }
    assert false_alarm_rate(samples, runs, FALSE_ALARMS, np.random.default_rng(0), 500) <= 0.01
