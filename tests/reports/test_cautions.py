"""What a report warns of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from legion_bench.reports.cautions import cautions
from legion_bench.reports.measured import measure_all
from legion_bench.results.store import EVALUATIONS, MANIFEST, Run, read_run

from .conftest import MakeRun


def changed(run: Run, **fields: Any) -> Run:
    """Rewrite a run's manifest."""
    made = msgspec.structs.replace(run.manifest, **fields)
    (run.path / MANIFEST).write_bytes(msgspec.json.encode(made))
    return read_run(run.path)


def test_clean_runs_need_no_caution(make_run: MakeRun) -> None:
    assert cautions(measure_all([make_run(seed=0), make_run(seed=1)])) == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"status": "failed", "error": "ValueError: no"},
            "seed1: failed at step 3,000 of 3,000: ValueError: no",
        ),
        ({"status": "interrupted"}, "seed1: interrupted at step 3,000 of 3,000"),
        ({"status": "running"}, "seed1: was still running, or was killed, at step 3,000 of 3,000"),
        (
            {"versions": {"legion-bench": "0.1.0", "numpy": "2.5.0"}},
            "Runs used different versions of numpy: 2.4.0 (1 run), 2.5.0 (1 run)",
        ),
        (
            {"versions": {"legion-bench": "0.1.0"}},
            "Runs used different versions of numpy: 2.4.0 (1 run), none (1 run)",
        ),
        (
            {"git": {"revision": None, "dirty": None}},
            "Runs used different revisions of the code: 0123456789ab (1 run), unknown (1 run)",
        ),
        (
            {"git": {"revision": "0123456789abcdef0123", "dirty": True}},
            "1 of 2 runs used code with uncommitted changes",
        ),
    ],
)
def test_one_thing_wrong_is_one_caution(make_run: MakeRun, fields: dict[str, Any], expected: str) -> None:
    runs = [make_run(seed=0), changed(make_run(seed=1), **fields)]
    assert cautions(measure_all(runs)) == (expected,)


def test_a_torn_log(make_run: MakeRun) -> None:
    runs = [make_run(seed=0), make_run(seed=1)]
    with (runs[1].path / EVALUATIONS).open("ab") as log:
        log.write(b'{"step":')
    found = cautions(measure_all([read_run(run.path) for run in runs]))
    assert found == ("seed1/evaluations.jsonl: the last line was torn and is left out",)


def test_single_and_repeated_seeds(make_run: MakeRun) -> None:
    runs = [make_run("a"), make_run("b"), make_run("c", agent="ewc")]
    assert cautions(measure_all(runs)) == (
        "smoke: one seed only, so no interval, for ewc, sac",
        "smoke: sac has 2 runs of seed 0; each counts, so its interval is too narrow",
    )


def test_unequal_budgets(make_run: MakeRun) -> None:
    runs = [make_run(f"{i}", seed=i) for i in range(4)]
    for i in (2, 3):
        stream = msgspec.structs.replace(runs[i].manifest.stream, steps_per_task=2000)
        runs[i] = changed(runs[i], stream=stream, protocol=runs[i].manifest.protocol)
    found = [caution for caution in cautions(measure_all(runs)) if "cards" in caution]
    assert found == [
        "2 different protocol cards are named 'smoke' and are reported apart (smoke #1, smoke #2);"
        " they differ in stream.steps_per_task (1000, 2000)"
    ]


def test_a_log_that_was_cut_belies_a_finished_run(make_run: MakeRun) -> None:
    whole = make_run(seed=0)
    cut = replace(make_run(seed=1), evaluations=whole.evaluations[: len(whole.evaluations) // 2])
    (caution,) = cautions(measure_all([whole, cut]))
    assert "says it finished, but its evaluation log is not complete" in caution
