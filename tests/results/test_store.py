"""Reading run folders: what can be read is, and what is wrong is named by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from legion_bench.errors import RunError
from legion_bench.results import store
from legion_bench.results.store import (
    EVALUATIONS,
    KNOWLEDGE,
    MANIFEST,
    TRAINING,
    Run,
    find_runs,
    read_run,
)


def edit(path: Path, old: bytes, new: bytes) -> None:
    text = path.read_bytes()
    assert old in text
    path.write_bytes(text.replace(old, new, 1))


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
def test_a_line_that_never_ends_is_not_read_to_its_end(
    run_folder: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BLOCK", 1000)
    monkeypatch.setattr(store, "_LINE", 2000)
    lines = len((run_folder / log).read_bytes().splitlines())
    with (run_folder / log).open("ab") as file:
        file.write(b"x" * 10_000)
    with pytest.raises(RunError, match=rf"{log}, line {lines + 1}: it has more than 2,000 bytes"):
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


def test_a_run_under_two_spellings_is_one_run(run_folder: Path) -> None:
    other = run_folder / ".." / run_folder.name
    assert find_runs([run_folder, other]) == (run_folder,)
    assert find_runs([other, run_folder]) == (other,)


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
