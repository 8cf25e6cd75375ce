"""The run folder: whatever stops a run, what it had measured can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from legion_bench.cards import AgentCard
from legion_bench.errors import RunError
from legion_bench.results import store
from legion_bench.results.store import (
    EVALUATIONS,
    KNOWLEDGE,
    MANIFEST,
    TRAINING,
    Manifest,
    Run,
    RunFolder,
    check_free,
    clear,
    find_runs,
    read_run,
)
from legion_bench.types import Knowledge, KnowledgeRecord, TrainingRecord
from tests.helpers import contents


@pytest.fixture
def run(finished: Path) -> Run:
    return read_run(finished)


@pytest.fixture
def manifest(run: Run) -> Manifest:
    """A manifest as it is when a run begins."""
    return msgspec.structs.replace(run.manifest, status="running", finished=None)


def edit(path: Path, old: bytes, new: bytes) -> None:
    text = path.read_bytes()
    assert old in text
    path.write_bytes(text.replace(old, new, 1))


def test_a_run_is_read_as_it_was_written(tmp_path: Path, manifest: Manifest, run: Run) -> None:
    with RunFolder(tmp_path / "a" / "b", manifest) as folder:
        folder.evaluated(run.evaluations[:4])
        folder.evaluated(run.evaluations[4:])
        for record in run.training:
            folder.trained(record)
    again = read_run(tmp_path / "a" / "b")
    assert again.evaluations == run.evaluations
    assert again.training == run.training
    assert again.warnings == ()
    ended = msgspec.structs.replace(manifest, status="finished", finished=again.manifest.finished)
    assert again.manifest == ended
    assert again.manifest.finished is not None


def test_a_run_can_be_read_while_it_is_running(tmp_path: Path, manifest: Manifest, run: Run) -> None:
    with RunFolder(tmp_path / "run", manifest) as folder:
        folder.evaluated(run.evaluations[:4])
        folder.trained(run.training[0])
        halfway = read_run(tmp_path / "run")
    assert halfway.manifest.status == "running"
    assert halfway.evaluations == run.evaluations[:4]
    assert halfway.training == run.training[:1]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("too bad"), "failed", "ValueError: too bad"),
        (KeyboardInterrupt(), "interrupted", None),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_how_a_run_ended_is_kept(
    tmp_path: Path, manifest: Manifest, run: Run, error: BaseException, status: str, message: str | None
) -> None:
    def fail() -> None:
        with RunFolder(tmp_path / "run", manifest) as folder:
            folder.evaluated(run.evaluations[:2])
            raise error

    with pytest.raises(type(error)):
        fail()
    again = read_run(tmp_path / "run")
    assert (again.manifest.status, again.manifest.error) == (status, message)
    assert again.evaluations == run.evaluations[:2]


def test_evaluations_hold_nothing_that_depends_on_the_clock(run_folder: Path) -> None:
    line = (run_folder / EVALUATIONS).read_text().splitlines()[0]
    assert list(json.loads(line)) == [
        "step",
        "stream_position",
        "task_position",
        "task",
        "presentation",
        "episode",
        "success",
        "return",
        "length",
    ]


def test_the_manifest_is_json_with_a_schema(run_folder: Path) -> None:
    assert json.loads((run_folder / MANIFEST).read_text())["schema"] == 1
    assert not list(run_folder.glob("*.tmp"))


@pytest.mark.parametrize("log", [EVALUATIONS, TRAINING])
@pytest.mark.parametrize("tail", [b'{"step": 1', b"\xff\xc3", b"{}", b"\x00\x00\x00"])
def test_a_torn_last_line_is_dropped_and_reported(run_folder: Path, run: Run, log: str, tail: bytes) -> None:
    with (run_folder / log).open("ab") as file:
        file.write(tail)
    again = read_run(run_folder)
    assert again.evaluations == run.evaluations
    assert again.training == run.training
    (warning,) = again.warnings
    assert str(run_folder / log) in warning
    assert "torn" in warning


def test_a_line_torn_anywhere_costs_that_line_alone(run_folder: Path, run: Run) -> None:
    log = run_folder / EVALUATIONS
    whole = log.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in (last + 1, last + 20, len(whole) - 1):
        log.write_bytes(whole[:cut])
        again = read_run(run_folder)
        assert again.evaluations == run.evaluations[:-1]
        assert len(again.warnings) == 1


@pytest.mark.parametrize("log", [EVALUATIONS, TRAINING])
@pytest.mark.parametrize("junk", [b"junk", b"", b"\xff\xfe", b"[]", b'{"step": "one"}', b'{"\xff": 1}'])
def test_corruption_in_the_middle_names_file_and_line(run_folder: Path, log: str, junk: bytes) -> None:
    lines = (run_folder / log).read_bytes().split(b"\n")
    lines[1] = junk
    (run_folder / log).write_bytes(b"\n".join(lines))
    with pytest.raises(RunError, match=rf"{log}, line 2"):
        read_run(run_folder)


@pytest.mark.parametrize("log", [EVALUATIONS, TRAINING])
@pytest.mark.parametrize("block", [1, 100, 1000])
def test_logs_are_read_in_blocks_of_any_size(
    run_folder: Path, run: Run, log: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BLOCK", block)
    with (run_folder / log).open("ab") as file:
        file.write(b'{"step"')
    again = read_run(run_folder)
    assert (again.evaluations, again.training) == (run.evaluations, run.training)
    assert len(again.warnings) == 1
    lines = (run_folder / log).read_bytes().split(b"\n")
    (run_folder / log).write_bytes(b"\n".join([*lines[:2], b"junk", *lines[3:]]))
    with pytest.raises(RunError, match=rf"{log}, line 3: "):
        read_run(run_folder)


@pytest.mark.parametrize("log", [EVALUATIONS, TRAINING])
@pytest.mark.parametrize("two_lines", ["{0}{1}\n", "{0} {1}\n", "{0}{1}\n\n", "\n{0}{1}\n", "{0},{1}\n"])
def test_a_line_holds_one_record_no_more_and_no_less(run_folder: Path, log: str, two_lines: str) -> None:
    lines = (run_folder / log).read_text().splitlines()
    text = two_lines.format(*lines[:2]) + "".join(f"{line}\n" for line in lines[2:])
    (run_folder / log).write_text(text)
    with pytest.raises(RunError, match=rf"{log}, line 1: "):
        read_run(run_folder)


def test_a_record_over_two_lines_is_none_even_if_the_next_line_holds_two(run_folder: Path) -> None:
    log = run_folder / TRAINING
    lines = log.read_text().splitlines()
    split = lines[0].replace('},"gradient', '}\n,"gradient')
    assert "\n" in split
    log.write_text("\n".join([split, "".join(lines[1:3]), *lines[3:], ""]))
    with pytest.raises(RunError, match=rf"{TRAINING}, line 1: "):
        read_run(run_folder)


@pytest.mark.parametrize("space", [" ", "\t", "\r"])
def test_space_around_a_record_is_allowed(run_folder: Path, run: Run, space: str) -> None:
    log = run_folder / EVALUATIONS
    log.write_bytes(log.read_bytes().replace(b"\n", f"{space}\n{space}".encode(), 1))
    assert read_run(run_folder).evaluations == run.evaluations


def test_an_integer_that_no_column_can_hold_is_named(run_folder: Path) -> None:
    edit(run_folder / EVALUATIONS, b'"length":15', b'"length":9223372036854775808')
    with pytest.raises(RunError, match=rf"{EVALUATIONS}, line 1: .*\$\.length"):
        read_run(run_folder)


@pytest.mark.parametrize("log", [EVALUATIONS, TRAINING])
def test_a_missing_log_is_named(run_folder: Path, log: str) -> None:
    (run_folder / log).unlink()
    with pytest.raises(RunError, match=rf"{log} is missing"):
        read_run(run_folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema": 1', b'"schema": 2'),
        (b'"status": "finished"', b'"status": "done"'),
        (b'"seed"', b'"sede"'),
        (b"{", b""),
        (b'"seed"', b'"\xff"'),
    ],
)
def test_a_wrong_manifest_is_a_users_error(run_folder: Path, old: bytes, new: bytes) -> None:
    edit(run_folder / MANIFEST, old, new)
    with pytest.raises(RunError, match=r"run\.json: not a schema-1 manifest"):
        read_run(run_folder)


def test_a_folder_without_a_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        read_run(tmp_path)


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_new_or_empty_folder_is_free(tmp_path: Path, manifest: Manifest, overwrite: bool) -> None:
    assert not check_free(tmp_path, manifest, overwrite=overwrite)
    assert not check_free(tmp_path / "new" / "one", manifest, overwrite=overwrite)
    assert not (tmp_path / "new").exists()


def test_a_finished_run_is_not_free_unless_one_says_so(run_folder: Path, manifest: Manifest) -> None:
    with pytest.raises(RunError, match=r"already holds a run.*--overwrite"):
        check_free(run_folder, manifest, overwrite=False)
    assert not check_free(run_folder, manifest, overwrite=True)


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_an_unfinished_run_can_go_on(run_folder: Path, manifest: Manifest, status: str) -> None:
    edit(run_folder / MANIFEST, b'"finished"', f'"{status}"'.encode())
    assert check_free(run_folder, manifest, overwrite=False)
    assert not check_free(run_folder, manifest, overwrite=True)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"seed": 2}, "seed was 1 and is now 2"),
        ({"versions": {}}, r"versions\.python was '3.* and is now None"),
        (
            {"agent": AgentCard(name="random", title="Uniform", entry_point="a:B")},
            r"agent\.\w+ was .* and is now",
        ),
    ],
)
def test_an_unfinished_run_goes_on_as_it_began_or_not_at_all(
    run_folder: Path, manifest: Manifest, changes: dict[str, Any], complaint: str
) -> None:
    edit(run_folder / MANIFEST, b'"finished"', b'"running"')
    other = msgspec.structs.replace(manifest, **changes)
    with pytest.raises(RunError, match=f"{complaint}.*--overwrite"):
        check_free(run_folder, other, overwrite=False)
    assert not check_free(run_folder, other, overwrite=True)


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_not_a_run_is_never_free(tmp_path: Path, manifest: Manifest, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for path in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(RunError, match="choose another --out"):
            check_free(path, manifest, overwrite=overwrite)


def test_clearing_deletes_runs_and_nothing_else(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    clear(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
    (run_folder / "notes.txt").write_text("worth keeping")
    clear(run_folder)
    assert [path.name for path in run_folder.iterdir()] == ["notes.txt"]


def test_a_loss_that_is_not_finite_is_null_and_can_be_read(tmp_path: Path, manifest: Manifest) -> None:
    record = TrainingRecord(
        1, 0, "reach", 1.0, 1.0, 1.0, 1.0, 1.0, {"a": float("nan"), "b": float("inf"), "c": 2.0}
    )
    with RunFolder(tmp_path / "run", manifest) as folder:
        folder.trained(record)
    assert read_run(tmp_path / "run").training[0].losses == {"a": None, "b": None, "c": 2.0}


def test_a_run_deleted_while_it_is_written_leaves_no_manifest(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "run"
    with pytest.raises(RunError, match="deleted while this run was writing"), RunFolder(path, manifest):
        clear(path)
    assert not list(path.iterdir())


def test_a_run_under_two_spellings_is_one_run(run_folder: Path) -> None:
    other = run_folder / ".." / run_folder.name
    assert find_runs([run_folder, other]) == (run_folder,)
    assert find_runs([other, run_folder]) == (other,)


def test_a_folder_in_use_is_not_written_over(run_folder: Path, manifest: Manifest) -> None:
    before = contents(run_folder)
    with pytest.raises(RunError, match="already holds a run"):
        RunFolder(run_folder, manifest)
    assert contents(run_folder) == before, "two runs started at once: the second must not touch the first"


def test_runs_are_found_at_any_depth_once_and_sorted(run_folder: Path, tmp_path: Path) -> None:
    deep = tmp_path / "runs" / "p" / "a"
    deep.mkdir(parents=True)
    for seed in (1, 0):
        (deep / f"seed-{seed}").mkdir()
        (deep / f"seed-{seed}" / MANIFEST).write_text("{}")
    expected = (deep / "seed-0", deep / "seed-1")
    assert find_runs([tmp_path / "runs", deep / "seed-1"]) == expected
    assert find_runs([run_folder]) == (run_folder,)


def test_where_no_run_is_the_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere does not exist"):
        find_runs([tmp_path / "nowhere"])
    with pytest.raises(RunError, match="holds no run"):
        find_runs([tmp_path])


KNOWN = KnowledgeRecord(step=40, stream_position=0, task="reach", components=2, purity=0.75)


def knowledge() -> Knowledge:
    return Knowledge(
        latents=np.ones((4, 3), np.float32),
        tasks=np.array([0, 0, 1, 1]),
        components=np.array([0, 0, 0, 1]),
        means=np.zeros((2, 3)),
        variances=np.ones((2, 3)),
        weights=np.array([0.5, 0.4]),
    )


def test_knowledge_is_read_as_it_was_written(tmp_path: Path, manifest: Manifest) -> None:
    with RunFolder(tmp_path / "run", manifest) as folder:
        folder.known(KNOWN, knowledge())
    run = read_run(tmp_path / "run")
    assert run.knowledge == (KNOWN,)
    found = run.load_knowledge(0)
    for name in ("latents", "tasks", "components", "means", "variances", "weights"):
        np.testing.assert_array_equal(getattr(found, name), getattr(knowledge(), name))
    assert found.latents.dtype == np.float32


def test_knowledge_that_is_not_there_or_damaged_is_an_error_that_names_the_file(
    tmp_path: Path, manifest: Manifest
) -> None:
    with RunFolder(tmp_path / "run", manifest) as folder:
        folder.known(KNOWN, knowledge())
    run = read_run(tmp_path / "run")
    file = run.path / "knowledge" / "0.npz"
    for content in (file.read_bytes()[:-30], b"junk", b""):
        file.write_bytes(content)
        with pytest.raises(RunError, match=r"knowledge.0\.npz cannot be read"):
            run.load_knowledge(0)
    with pytest.raises(RunError, match=r"knowledge.1\.npz cannot be read"):
        run.load_knowledge(1)


def test_a_run_from_before_there_was_knowledge_or_cost_can_be_read(run_folder: Path) -> None:
    (run_folder / KNOWLEDGE).unlink()
    manifest = json.loads((run_folder / MANIFEST).read_text())
    for part, key in (
        (manifest, "resumes"),
        (manifest["protocol"], "regime"),
        (manifest["protocol"], "slots"),
    ):
        del part[key]
    (run_folder / MANIFEST).write_text(json.dumps(manifest))
    del manifest["agent"]["extends"]
    (run_folder / MANIFEST).write_text(json.dumps(manifest))
    cost = ("gradient_updates", "parameters", "stored_bytes", "peak_memory_bytes")
    lines = [json.loads(line) for line in (run_folder / TRAINING).read_text().splitlines()]
    older = [{key: value for key, value in line.items() if key not in cost} for line in lines]
    (run_folder / TRAINING).write_text("".join(f"{json.dumps(line)}\n" for line in older))
    run = read_run(run_folder)
    assert {getattr(record, name) for record in run.training for name in cost} == {None}
    assert run.manifest.agent.extends == ()
    assert (run.knowledge, run.warnings, run.manifest.resumes) == ((), (), ())
    assert (run.manifest.protocol.regime, run.manifest.protocol.slots) == ("lifelong", 1)


def test_clearing_deletes_knowledge_and_checkpoints_too(tmp_path: Path, manifest: Manifest) -> None:
    with RunFolder(tmp_path, manifest) as folder:
        folder.known(KNOWN, knowledge())
        for step in (30, 40):
            folder.checkpoint(step, {"a": np.zeros(3)})
        assert len(list(tmp_path.glob("checkpoints/*.pt"))) == 2
        assert not check_free(tmp_path, manifest, overwrite=True)
    (last,) = tmp_path.glob("checkpoints/*.pt")
    assert last.name.startswith("000000000040-"), "the trained agent"
    (tmp_path / "knowledge" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match=r"holds knowledge/thesis\.tex, which is no part of a run"):
        check_free(tmp_path, manifest, overwrite=True)
    clear(tmp_path)
    assert contents(tmp_path) == {str(tmp_path / "knowledge" / "thesis.tex"): b"years of work"}


def test_a_deleted_runs_checkpoint_is_not_written_into_what_lies_there_now(
    tmp_path: Path, manifest: Manifest
) -> None:
    path = tmp_path / "run"
    with pytest.raises(RunError, match="deleted while"), RunFolder(path, manifest) as folder:
        write_after_clearing(path, folder)
    assert not list(path.iterdir())


def write_after_clearing(path: Path, folder: RunFolder) -> None:
    clear(path)
    folder.checkpoint(1, {})
