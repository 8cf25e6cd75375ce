"""Every refusal of runs that are in sound bundles; hashes are right, so only the check can notice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from legion_bench import cards
from legion_bench.errors import BundleError
from legion_bench.leaderboard.checks import check_runs
from legion_bench.leaderboard.logs import scheduled
from legion_bench.leaderboard.verify import verify
from legion_bench.protocols.schedule import phases
from legion_bench.results.store import EVALUATIONS, KNOWLEDGE, MANIFEST, TRAINING, read_run
from tests.leaderboard.conftest import MakeBundle, rewrite, rewrite_line
from tests.leaderboard.runs import RUNS

Change = Callable[[Any], object]


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda run: run.update(status="running"),
            "seed-3/run.json: its status is 'running': finish the run",
        ),
        (lambda run: run.update(error="out of memory"), "its status is"),
        (lambda run: run.update(seed=5), "its seed is 5, which is not that of its folder"),
        (lambda run: run.update(seed=-3), "its seed is -3"),
        (lambda run: run.update(finished=None), "'?None'? is no date"),
        (lambda run: run.update(finished="soon"), "'soon' is no date"),
        (lambda run: run.update(finished="2026-11-23T03:39:47"), "no date and time with its zone"),
        (lambda run: run.update(started="2027-01-01T00:00:00+00:00"), "before it started"),
        (lambda run: run["agent"].update(name="a\x1b[31m"), "name must be at most 80 of A-Z"),
        (lambda run: run["agent"].update(name="a" * 81), "name must be at most 80 of A-Z"),
        (lambda run: run["agent"].update(name="random "), "name must be at most 80 of A-Z"),
        (lambda run: run["agent"].update(name="ran\u034fdom"), "name must be at most 80 of A-Z"),
        (lambda run: run["agent"].update(name="a;=1+1;b"), "name must be at most 80 of A-Z"),
        (lambda run: run["agent"].update(title="\u202etitle"), "must be at most 200 printable letters"),
        (lambda run: run["agent"].update(name="=1+1"), "the first a letter or digit"),
        (lambda run: run["versions"].update(numpy="=1+1"), "'=1[+]1' is neither a version nor a revision"),
        (lambda run: run["git"].update(revision="@SUM(A1)"), "is neither a version nor a revision"),
        (lambda run: run["git"].update(revision=True), "True is neither a version nor a revision"),
        (lambda run: run["agent"]["parameters"].update(more=deep(40)), "nested more than 16 deep"),
        (
            lambda run: run["agent"]["parameters"].update(more=["x" * 1000] * 66),
            "the agent's card has 66,[0-9]* bytes, at most 65,536 are read",
        ),
        (lambda run: run["versions"].update(mujoco="3.2.0"), "mujoco was '3.2.0', here it is"),
        (lambda run: run["versions"].pop("metaworld"), "metaworld was None, here it is"),
        (lambda run: run.update(schema=2), "seed-3/run.json: not a schema-1 manifest"),
        (lambda run: run.update(more=1), "not a schema-1 manifest"),
        (lambda run: run.pop("versions"), "not a schema-1 manifest"),
    ],
)
def test_a_manifest_that_is_refused(change: Change, match: str, make_bundle: MakeBundle) -> None:
    made = make_bundle(lambda folder: rewrite(folder / "seed-3" / MANIFEST, change), (3,))
    with pytest.raises(BundleError, match=match) as caught:
        verify(made)
    assert str(caught.value).startswith(str(made))
    assert str(caught.value).isprintable()


def test_parameters_nested_too_deeply_to_be_read(make_bundle: MakeBundle) -> None:
    def nest(folder: Path) -> None:
        path = folder / "seed-3" / MANIFEST
        text = path.read_text(encoding="utf-8")
        more = f'"more": {"[" * 100_000}{"]" * 100_000}, "algorithm"'
        path.write_text(text.replace('"algorithm"', more), encoding="utf-8")

    with pytest.raises(BundleError, match=r"seed-3/run\.json: not a schema-1 manifest: maximum recursion"):
        verify(make_bundle(nest, (3,)))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda run: run["protocol"].update(name="mine"), "no track: unknown protocol 'mine'"),
        (lambda run: run["protocol"].update(name="../smoke.toml"), "no track: unknown protocol"),
        (lambda run: run["protocol"].update(evaluation_episodes=1), "protocol: the card differs"),
        (lambda run: run["protocol"].update(evaluate_every=2000), "protocol: the card differs"),
        (lambda run: run["stream"].update(steps_per_task=20_000), "stream: the card differs"),
        (lambda run: run["stream"].update(placement="pool:2"), "stream: the card differs"),
        (lambda run: run["tasks"][0].update(instruction="Reach."), "tasks: the card differs"),
        (lambda run: run["tasks"].pop(), "tasks: the card differs"),
        (
            lambda run: run["agent"]["parameters"].update(reward_scale=0.3),
            "agent: the card differs .* give it a name",
        ),
    ],
)
def test_cards_that_are_not_ours(change: Change, match: str, make_bundle: MakeBundle) -> None:
    made = make_bundle(lambda folder: rewrite(folder / "seed-3" / MANIFEST, change), (3,))
    with pytest.raises(BundleError, match=match):
        verify(made)


def test_an_agent_of_ones_own_is_accepted_and_never_imported(make_bundle: MakeBundle) -> None:
    def rename(folder: Path) -> None:
        rewrite(
            folder / "seed-3" / MANIFEST,
            lambda run: run["agent"].update(name="mine", entry_point="os:abort", parameters={"x": 1}),
        )

    assert verify(make_bundle(rename, (3,))).manifest.agent.name == "mine"


def test_single_task_runs_are_references_and_no_track(tmp_path: Path) -> None:
    source = RUNS.parents[1] / "single-task" / "sac-finetune-small" / "seed-3"
    run = read_run(Path(shutil.copytree(source, tmp_path / "seed-3")))
    with pytest.raises(BundleError, match="makes references, not agents"):
        check_runs([run])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda run: run["agent"].update(title="Other"), "agent"),
        (lambda run: run["versions"].update(numpy="1.0"), "numpy"),
        (lambda run: run["stream"].update(horizon=100), "stream"),
        (lambda run: run["protocol"].update(slots=2), "protocol"),
        (lambda run: run["tasks"][0].update(scene="x"), "tasks"),
    ],
)
def test_runs_that_differ(change: Change, what: str, make_bundle: MakeBundle) -> None:
    made = make_bundle(lambda folder: rewrite(folder / "seed-4" / MANIFEST, change))
    with pytest.raises(BundleError, match=f"seed-3 and seed-4 differ in {what}: .* submit them apart"):
        verify(made)


def test_a_package_that_one_run_alone_names_is_no_difference(make_bundle: MakeBundle) -> None:
    made = make_bundle(
        lambda folder: rewrite(folder / "seed-4" / MANIFEST, lambda run: run["versions"].update(bnpy="0.1.7"))
    )
    assert len(verify(made).runs) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(step=11),
        lambda record: record.update(stream_position=1),
        lambda record: record.update(task_position=1),
        lambda record: record.update(task="drawer-close"),
        lambda record: record.update(task="x" * 1000),
        lambda record: record.update(presentation=7),
        lambda record: record.update(episode=5),
        lambda record: record.update(length=149),
        lambda record: record.update(length=151),
        lambda record: record.update(success=2),
        lambda record: record.update(success=-1),
    ],
)
def test_an_episode_that_is_not_as_scheduled(change: Change, make_bundle: MakeBundle) -> None:
    made = make_bundle(lambda folder: rewrite_line(folder / "seed-3" / EVALUATIONS, 8, change), (3,))
    with pytest.raises(BundleError, match=f"seed-3/{EVALUATIONS}, line 8: .* the schedule has step 1000,"):
        verify(made)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '"1"', "null"])
def test_a_return_that_is_no_number(value: str, make_bundle: MakeBundle) -> None:
    def edit(folder: Path) -> None:
        path = folder / "seed-3" / EVALUATIONS
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        lines[7] = lines[7].partition('"return":')[0] + f'"return":{value},"length":150}}\n'
        path.write_text("".join(lines), encoding="utf-8")

    with pytest.raises(BundleError, match=f"seed-3/{EVALUATIONS}, line 8: "):
        verify(make_bundle(edit, (3,)))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda lines: lines[:-1], "line 186: the end of the log; the schedule has step 30000"),
        (lambda lines: lines[:10] + lines[12:], "line 11: "),
        (lambda lines: [*lines, lines[-1]], "line 187: .* the schedule has no episode there"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "line 1: "),
        (lambda lines: [], "line 1: the end of the log"),
        (lambda lines: [*lines, '{"step"'], "evaluations.jsonl: the last line was torn .*: finish the run"),
        (lambda lines: ["junk\n", *lines], "line 1: "),
    ],
)
def test_a_log_that_is_not_complete(
    change: Callable[[list[str]], list[str]], match: str, make_bundle: MakeBundle
) -> None:
    def edit(folder: Path) -> None:
        path = folder / "seed-3" / EVALUATIONS
        path.write_text("".join(change(path.read_text(encoding="utf-8").splitlines(keepends=True))))

    with pytest.raises(BundleError, match=match):
        verify(make_bundle(edit, (3,)))


def test_a_copy_under_another_seed_is_refused_though_successes_differ(make_bundle: MakeBundle) -> None:
    def copy(folder: Path) -> None:
        log = folder / "seed-4" / EVALUATIONS
        shutil.copy(folder / "seed-3" / EVALUATIONS, log)
        rewrite_line(log, 1, lambda record: record.update(success=1 - record["success"]))

    with pytest.raises(BundleError, match="seed-3 and seed-4 have the same returns"):
        verify(make_bundle(copy))


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(step=1),
        lambda record: record.update(stream_position=2),
        lambda record: record.update(task="push"),
        lambda record: record.update(wall_clock=-1.0),
        lambda record: record.update(wall_clock=1e300),
        lambda record: record.update(wall_clock=1e6),
        lambda record: record.update(evaluation_seconds=-0.1),
        lambda record: record.update(gradient_updates=-1),
        lambda record: record.update(parameters=2**63),
        lambda record: record.update(step=10**30),
    ],
)
def test_progress_that_cannot_be(change: Change, make_bundle: MakeBundle) -> None:
    made = make_bundle(lambda folder: rewrite_line(folder / "seed-3" / TRAINING, 2, change), (3,))
    with pytest.raises(BundleError, match=f"seed-3/{TRAINING}, line [23]: "):
        verify(made)


@pytest.mark.parametrize("more", [-1, 1])
def test_more_or_less_progress_than_the_budget(more: int, make_bundle: MakeBundle) -> None:
    def edit(folder: Path) -> None:
        path = folder / "seed-3" / TRAINING
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:-1] if more < 0 else [*lines, lines[-1]]))

    with pytest.raises(BundleError, match=rf"seed-3/{TRAINING}: it has {30 + more} records, the schedule 30"):
        verify(make_bundle(edit, (3,)))


KNOWN = {"step": 10000, "stream_position": 0, "task": "reach", "components": 1, "purity": 1.0}


@pytest.mark.parametrize(
    "records",
    [
        [KNOWN, KNOWN],
        [{**KNOWN, "step": 9999}],
        [{**KNOWN, "task": "push"}],
        [{**KNOWN, "components": 0}],
        [{**KNOWN, "components": 10**30}],
        [{**KNOWN, "purity": 1.1}],
    ],
)
def test_knowledge_that_cannot_be(records: list[dict[str, Any]], make_bundle: MakeBundle) -> None:
    def edit(folder: Path) -> None:
        text = "".join(json.dumps(record) + "\n" for record in records)
        (folder / "seed-3" / KNOWLEDGE).write_text(text, encoding="utf-8")

    with pytest.raises(BundleError, match=f"seed-3/{KNOWLEDGE}, line [12]: "):
        verify(make_bundle(edit, (3,)))


@pytest.mark.parametrize("missing", [MANIFEST, EVALUATIONS, TRAINING])
def test_a_run_that_lacks_a_file_is_refused(missing: str, make_bundle: MakeBundle) -> None:
    from legion_bench.leaderboard import bundle

    made = make_bundle(seeds=(3,))
    bare = made.with_name("bare.zip")
    runs = {3: made.with_name("runs") / "seed-3"}
    (runs[3] / missing).unlink()
    with bare.open("xb") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "KNOWLEDGE", missing)  # what may be absent
        bundle.write(runs, file)
    with pytest.raises(BundleError, match=missing):
        verify(bare)


def test_no_run_at_all_is_refused() -> None:
    with pytest.raises(BundleError, match="it holds no run"):
        check_runs([])


@pytest.mark.parametrize(
    "protocol", ["smoke", "smoke-expanding", "smoke-multitask", "fewshot-recall", "tiny"]
)
def test_the_schedule_is_that_of_real_logs(protocol: str) -> None:
    """Against the counts that the cards promise; repeated tasks are evaluated once."""
    card, stream = cards.load_protocol(protocol)
    plan = phases(card, stream)
    found = scheduled(card, stream, plan)
    evaluations = 1 + sum(len(phase.evaluate_at) for phase in plan)
    tasks = len(set(stream.tasks))
    assert {len(column) for column in found.values()} == {evaluations * tasks * card.evaluation_episodes}
    assert found["step"][-1] == plan[-1].stop
    assert found["presentation"].max() == max(stream.tasks.count(task) for task in stream.tasks)
    assert set(np.unique(found["task_position"])) == {stream.tasks.index(task) for task in stream.tasks}
