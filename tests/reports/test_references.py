"""What a run's forward transfer is measured against."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench import catalogue
from legion_bench.errors import MetricError, RunError
from legion_bench.metrics import NO_REFERENCE, Undefined
from legion_bench.metrics.curves import learning_auc
from legion_bench.metrics.transfer import forward_transfer_cw
from legion_bench.reports import logs
from legion_bench.reports.cautions import cautions
from legion_bench.reports.measured import measure, measure_all
from legion_bench.reports.references import Alone, Reference, alone, collect, reference_of
from legion_bench.results import references as files
from legion_bench.results.store import EVALUATIONS, Run

from .conftest import TASKS, MakeRun

Alter = Callable[..., Run]


def altered(run: Run, **changes: Any) -> Run:
    """Return a run whose manifest differs: ``protocol``, ``stream`` and ``agent`` map fields to values."""
    parts = {
        part: msgspec.structs.replace(getattr(run.manifest, part), **fields)
        for part, fields in changes.items()
    }
    return replace(run, manifest=msgspec.structs.replace(run.manifest, **parts))


def alone_run(make_run: MakeRun, agent: str = "sac", seed: int = 0, skill: float = 0.6, **card: Any) -> Run:
    made = make_run(agent=agent, seed=seed, protocol="alone", skill=skill, **card)
    return altered(made, protocol={"regime": "single-task"})


def found(run: Run, *references: Run) -> Reference:
    made = reference_of(run.manifest, [alone(one) for one in references])
    assert isinstance(made, Reference)
    return made


def test_it_is_the_mean_over_its_seeds(make_run: MakeRun) -> None:
    run, seeds = make_run(), [alone_run(make_run, seed=seed) for seed in range(3)]
    reference = found(run, *seeds, alone_run(make_run, agent="ewc"))
    assert (reference.agent, reference.runs, reference.other_card) == ("sac", 3, False)
    expected = np.mean([learning_auc(logs.performance(one)) for one in seeds], axis=0)
    np.testing.assert_allclose(reference.auc, expected)
    value = measure(run, [alone(one) for one in seeds]).metrics["forward_transfer_cw"].value
    assert value == pytest.approx(forward_transfer_cw(learning_auc(logs.performance(run)), expected))


def test_it_is_of_the_same_agent_else_of_the_nearest_that_its_card_extends(make_run: MakeRun) -> None:
    run = altered(make_run(agent="ewc-strong"), agent={"extends": ("ewc", "sac")})
    own, near, far = (alone_run(make_run, agent=name) for name in ("ewc-strong", "ewc", "sac"))
    assert found(run, far, near, own).agent == "ewc-strong"
    assert found(run, far, near).agent == "ewc"
    assert found(run, far).agent == "sac"
    missing = reference_of(run.manifest, [alone(alone_run(make_run, agent="td3"))])
    assert isinstance(missing, Undefined)
    assert str(missing) == "no reference run is of 'ewc-strong' or 'ewc' or 'sac'"


def test_without_references_there_is_a_hint(make_run: MakeRun) -> None:
    assert reference_of(make_run().manifest, []) is NO_REFERENCE


@pytest.mark.parametrize("regime", ["expanding", "multi-task"])
def test_tasks_trained_together_have_none(make_run: MakeRun, regime: str) -> None:
    run = altered(make_run(), protocol={"regime": regime})
    for references in ([alone(alone_run(make_run))], []):
        missing = reference_of(run.manifest, references)
        assert f"the regime '{regime}' trains tasks together" in str(missing)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"stream": {"steps_per_task": 2000}}, "stream.steps_per_task is 1000 there and 2000 here"),
        ({"stream": {"horizon": 500}}, "stream.horizon is 150 there and 500 here"),
        ({"stream": {"robot": "sawyer"}}, "stream.robot is 'kuka' there and 'sawyer' here"),
        ({"protocol": {"evaluate_every": 100}}, "protocol.evaluate_every is 200 there and 100 here"),
        ({"protocol": {"evaluation_episodes": 9}}, "protocol.evaluation_episodes is 4 there and 9 here"),
        (
            {"protocol": {"evaluation_robot": "sawyer"}},
            "protocol.evaluation_robot is None there and 'sawyer' here",
        ),
        ({"protocol": {"slots": 2}}, "protocol.slots is 1 there and 2 here"),
        ({"protocol": {"overlap": True}}, "protocol.overlap is False there and True here"),
        ({"stream": {"tasks": (*TASKS, "door-open")}}, "stream.tasks lacks door-open there"),
    ],
)
def test_what_was_made_otherwise_is_an_error_that_says_how(
    make_run: MakeRun, changes: dict[str, Any], complaint: str
) -> None:
    run, reference = altered(make_run(), **changes), alone_run(make_run)
    with pytest.raises(MetricError, match=f"smoke, sac, seed 0: the reference .*: {complaint}$"):
        found(run, reference)
    other = alone(reference)
    manifest = altered(reference, **changes).manifest
    same = replace(
        other, protocol=manifest.protocol, stream=manifest.stream, auc={**other.auc, "door-open": 0.5}
    )
    assert isinstance(reference_of(run.manifest, [other, same]), Reference), "one that fits is enough"


def test_the_order_of_tasks_matters_only_where_evaluations_would_fall_elsewhere(make_run: MakeRun) -> None:
    run, turned = make_run(), alone_run(make_run, tasks=TASKS[::-1])
    reference = found(run, turned)
    np.testing.assert_allclose(reference.auc, learning_auc(logs.performance(turned))[::-1])
    uneven = {"protocol": {"evaluate_every": 300}}
    with pytest.raises(MetricError, match="has another order there"):
        reference_of(
            altered(run, **uneven).manifest,
            [replace(alone(turned), protocol=altered(turned, **uneven).manifest.protocol)],
        )


def test_a_task_visited_twice_alone_counts_as_the_mean_of_its_visits(make_run: MakeRun) -> None:
    tasks = ("reach", "push", "reach")
    twice = alone_run(make_run, tasks=tasks)
    first, push, second = learning_auc(logs.performance(twice))
    auc = found(make_run(tasks=tasks), twice).auc
    np.testing.assert_allclose(auc, [(first + second) / 2, push, (first + second) / 2])


def test_what_is_no_complete_single_task_run_is_no_reference(make_run: MakeRun) -> None:
    with pytest.raises(MetricError, match="is no reference: its regime is 'lifelong', not 'single-task'"):
        alone(make_run())
    with pytest.raises(MetricError, match="is no reference: training ended at step 1400"):
        alone(alone_run(make_run, seed=1, stop_at=1400))


def shipped_runs(*runs: Run) -> list[Alone]:
    return [replace(alone(run), shipped=True) for run in runs]


def test_shipped_references_that_do_not_fit_are_passed_over(make_run: MakeRun) -> None:
    run = altered(make_run(agent="ewc"), agent={"extends": ("sac",)})
    own, base = alone_run(make_run, agent="ewc"), alone_run(make_run, agent="sac")
    other = altered(own, stream={"horizon": 500})
    found = reference_of(run.manifest, shipped_runs(other, base))
    assert isinstance(found, Reference)
    assert (found.agent, found.shipped) == ("sac", True)
    found = reference_of(run.manifest, shipped_runs(other, own, base))
    assert isinstance(found, Reference)
    assert (found.agent, found.runs) == ("ewc", 1)
    assert reference_of(run.manifest, shipped_runs(other)) is NO_REFERENCE
    with pytest.raises(MetricError, match=r"stream\.horizon"):
        reference_of(run.manifest, [alone(other)])


@pytest.fixture
def catalogue_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that makes references of runs those that come with the package."""

    def ship(*runs: Run) -> Path:
        monkeypatch.setattr(catalogue, "root", lambda: tmp_path)
        (path,) = (files.write(made, tmp_path / "results" / "references") for made in collect(runs))
        return path

    return ship


def test_shipped_references_measure_as_the_runs_they_were_made_of(
    make_run: MakeRun, catalogue_of: Callable[..., Path]
) -> None:
    runs = [make_run(seed=seed) for seed in range(2)]
    single = [alone_run(make_run, seed=seed) for seed in range(3)]
    asked = measure_all(runs, single)
    catalogue_of(*single)
    by_default = measure_all(runs)
    assert [run.metrics for run in by_default] == [run.metrics for run in asked]
    assert [run.reference.shipped for run in (*by_default, *asked)] == [True] * 2 + [False] * 2
    assert by_default[0].reference.runs == 3
    assert measure_all(runs, [])[0].reference is NO_REFERENCE, "asked for none, got none"


def test_a_shipped_reference_that_was_edited_is_an_error(
    make_run: MakeRun, catalogue_of: Callable[..., Path]
) -> None:
    run, path = make_run(), catalogue_of(alone_run(make_run))
    path.write_text(path.read_text().replace('"reach": 0.', '"reach": 0.9'))
    with pytest.raises(RunError, match=f"{path.name} was edited"):
        measure_all([run])
    assert measure_all([run], [alone_run(make_run, seed=5)]), "other references go on working"


def test_a_collected_reference_says_what_it_was_measured_with(make_run: MakeRun) -> None:
    runs = [alone_run(make_run, agent=agent, seed=seed) for seed in (4, 0) for agent in ("td3", "sac")]
    sac, td3 = collect(runs)
    assert (sac.agent.name, td3.agent.name) == ("sac", "td3")
    manifest = runs[1].manifest
    assert (sac.protocol, sac.stream, sac.tasks) == (manifest.protocol, manifest.stream, manifest.tasks)
    assert [one.seed for one in sac.seeds] == [0, 4]
    log = (runs[1].path / EVALUATIONS).read_bytes()
    assert sac.seeds[1].evaluations_sha256 == hashlib.sha256(log).hexdigest()
    assert sac.seeds[1].auc == alone(runs[1]).auc
    assert (sac.seeds[1].versions, sac.seeds[1].git) == (manifest.versions, manifest.git)


def test_what_is_no_reference_cannot_be_collected(make_run: MakeRun) -> None:
    one, other = (alone_run(make_run, seed=seed) for seed in (0, 1))
    with pytest.raises(MetricError, match="is no reference: its regime is 'lifelong'"):
        collect([one, make_run(seed=5)])
    with pytest.raises(MetricError, match="have the same seed"):
        collect([one, other, one])
    with pytest.raises(MetricError, match="have different agent cards"):
        collect([one, altered(other, agent={"parameters": {"rate": 1}})])
    with pytest.raises(MetricError, match="have different stream cards"):
        collect([one, altered(other, stream={"horizon": 500})])


def test_another_card_of_the_same_name_is_a_caution(make_run: MakeRun) -> None:
    runs = [make_run(seed=seed) for seed in range(2)]
    same = [alone_run(make_run, seed=seed) for seed in range(2)]
    assert cautions(measure_all(runs, same)) == ()
    other = [altered(one, agent={"parameters": {"rate": 1}}) for one in same]
    assert cautions(measure_all(runs, other)) == (
        "smoke: the single-task runs of sac had another card of that name",
    )
