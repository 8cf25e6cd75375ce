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
from legion_bench.results.folder import RunFolder, check_free, clear, stage
from legion_bench.results.store import MANIFEST, Manifest, Run, read_run
from legion_bench.types import Knowledge, KnowledgeRecord, TrainingRecord
from tests.helpers import contents


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


def test_the_manifest_is_json_with_a_schema(run_folder: Path) -> None:
    assert json.loads((run_folder / MANIFEST).read_text())["schema"] == 1
    assert not list(run_folder.glob("*.tmp"))


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_new_or_empty_folder_is_free(tmp_path: Path, manifest: Manifest, overwrite: bool) -> None:
    assert not check_free(tmp_path, manifest, overwrite=overwrite)
    assert not check_free(tmp_path / "new" / "one", manifest, overwrite=overwrite)
    assert not (tmp_path / "new").exists()


def test_a_finished_run_is_not_free_unless_one_says_so(run_folder: Path, manifest: Manifest) -> None:
    with pytest.raises(RunError, match=r"already holds a run.*--overwrite"):
        check_free(run_folder, manifest, overwrite=False)
    assert not check_free(run_folder, manifest, overwrite=True)


def leave_as(status: str, run: Path) -> None:
    manifest = (run / MANIFEST).read_text()
    (run / MANIFEST).write_text(manifest.replace('"status": "finished"', f'"status": "{status}"'))


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_an_unfinished_run_can_go_on(run_folder: Path, manifest: Manifest, status: str) -> None:
    leave_as(status, run_folder)
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
    leave_as("running", run_folder)
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


def test_what_a_process_left_that_died_at_its_first_write_is_no_run(
    tmp_path: Path, manifest: Manifest
) -> None:
    (tmp_path / f"{MANIFEST}.tmp").write_bytes(b'{"schema"')
    assert not check_free(tmp_path, manifest, overwrite=False)
    assert stage(tmp_path, manifest) == "new"
    with RunFolder(tmp_path, manifest):
        pass
    assert read_run(tmp_path).manifest.status == "finished"
    assert not (tmp_path / f"{MANIFEST}.tmp").exists()


@pytest.mark.parametrize("survived", range(4))
def test_a_run_whose_deletion_was_cut_short_is_no_run(
    run_folder: Path, manifest: Manifest, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink, left = Path.unlink, survived

    def dying(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying)
        with pytest.raises(KeyboardInterrupt):
            clear(run_folder)
    assert stage(run_folder, manifest) == "new", "never a finished run without logs"
    clear(run_folder)
    assert not list(run_folder.iterdir())


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


def test_a_folder_in_use_is_not_written_over(run_folder: Path, manifest: Manifest) -> None:
    before = contents(run_folder)
    with pytest.raises(RunError, match="already holds a run"):
        RunFolder(run_folder, manifest)
    assert contents(run_folder) == before, "two runs started at once: the second must not touch the first"


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
