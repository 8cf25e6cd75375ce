"""What a report believes of a run, and how it tells runs apart."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from legion_bench.metrics import compute
from legion_bench.reports.measured import measure, measure_all, to_average
from legion_bench.results.store import EVALUATIONS, read_run

from .conftest import TASKS, MakeRun, manifest


def test_a_finished_run_has_the_metrics_of_its_log(make_run: MakeRun) -> None:
    run = make_run()
    measured = measure(run)
    assert measured.metrics == compute(run.evaluations, TASKS, [1000, 2000, 3000])
    assert measured.complete
    assert measured.steps == 3000
    assert measured.warnings == ()
    assert measured.metrics["forgetting_cw"].value is not None


def test_a_torn_log_loses_its_last_evaluation_and_says_so(make_run: MakeRun) -> None:
    run = make_run()
    log = run.path / EVALUATIONS
    log.write_bytes(log.read_bytes()[:-10])
    measured = measure(read_run(run.path))
    assert measured.performance is not None
    assert measured.performance.steps[-1] == 2800
    assert not measured.complete
    assert [warning.split(": ")[0] for warning in measured.warnings] == [f"seed0/{EVALUATIONS}", "seed0"]
    assert "ended at step 2800" in str(measured.metrics["average_performance"].reason)


def test_a_log_that_cannot_be_used_is_a_warning_not_a_crash(make_run: MakeRun) -> None:
    run = make_run()
    log = run.path / EVALUATIONS
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:17] + lines[18:]))
    measured = measure(read_run(run.path))
    assert measured.performance is None
    assert measured.warnings == (
        "seed0/evaluations.jsonl: step 200: task 'push' has 3 evaluation episodes, expected 4;"
        " the run has no metrics, and figures leave it out",
    )
    assert {value.value for value in measured.metrics.values()} == {None}


def test_a_run_without_any_evaluation(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / EVALUATIONS).write_bytes(b"")
    (warning,) = measure(read_run(run.path)).warnings
    assert warning.startswith("seed0/evaluations.jsonl: the evaluation log is empty;")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda lines: [*lines[:15], lines[14], *lines[15:]],
            ", line 16: step 200: episode 2 of task 'reach'",
        ),
        (
            lambda lines: [*lines[24:36], *lines[:24], *lines[36:]],
            ", line 13: the log's steps are not in order",
        ),
        (lambda lines: lines[:24] + lines[36:], ": the evaluation at step 400 is missing;"),
        (lambda lines: lines[:24] + lines[48:], ": the evaluation at step 400 is missing, and 1 later;"),
        (lambda lines: [one for one in lines if b'"episode":3' not in one], ": it has 3 episodes per task"),
    ],
    ids=["repeated", "disordered", "missing", "two-missing", "fewer-episodes"],
)
def test_a_warning_names_file_and_line_and_what_follows(
    make_run: MakeRun, change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    log = make_run().path / EVALUATIONS
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
    (found,) = measure_all([read_run(log.parent)])
    assert found.performance is None
    warning = found.warnings[-1]
    assert warning.startswith(f"seed0/evaluations.jsonl{said}")
    assert warning.endswith("; the run has no metrics, and figures leave it out")


def test_folders_are_relative_to_what_the_runs_share(make_run: MakeRun) -> None:
    runs = [make_run(agent="sac"), make_run(agent="random")]
    assert [run.folder for run in measure_all(runs)] == ["random/seed0", "sac/seed0"]
    torn = measure_all([make_run(agent="ewc"), make_run(agent="a", stop_at=0)])
    assert all(warning.startswith(run.folder) for run in torn for warning in run.warnings)


def test_the_order_of_runs_does_not_matter(make_run: MakeRun) -> None:
    runs = [make_run(agent=agent, seed=seed) for agent in ("sac", "a") for seed in (1, 0)]
    folders = [run.folder for run in measure_all(runs)]
    assert folders == ["a/seed0", "a/seed1", "sac/seed0", "sac/seed1"]
    assert [run.folder for run in measure_all(runs[::-1])] == folders


def test_cards_of_one_name_and_other_contents_are_kept_apart(make_run: MakeRun) -> None:
    card = manifest().agent
    other = msgspec.structs.replace(card, parameters={"rate": 0.1})
    runs = [make_run("a"), make_run("b", agent="sac"), make_run("c")]
    runs[1] = read_run(runs[1].path)
    changed = msgspec.structs.replace(runs[1].manifest, agent=other)
    (runs[1].path / "run.json").write_bytes(msgspec.json.encode(changed))
    named = measure_all([read_run(run.path) for run in runs])
    assert [(run.folder, run.agent) for run in named] == [("a", "sac #1"), ("c", "sac #1"), ("b", "sac #2")]


def test_complete_runs_stand_for_their_agent(make_run: MakeRun) -> None:
    runs = [
        make_run(agent="sac"),
        make_run(agent="sac", seed=1, stop_at=1500),
        make_run(agent="ewc", stop_at=1500),
    ]
    assert [run.folder for run in to_average(measure_all(runs))] == ["ewc/seed0", "sac/seed0"]
