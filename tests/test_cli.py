"""The command line, in this process: what it prints, returns and leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import typer

from legion_bench import __version__, catalogue, language, launch, metrics
from legion_bench.cli import app, main
from legion_bench.cli.console import err, out
from legion_bench.errors import AgentError
from legion_bench.results.store import EVALUATIONS, MANIFEST, read_run
from tests.helpers import command_line, contents, write_protocol

Call = Callable[..., tuple[int, str, str]]
COMMANDS = (
    "list",
    "run",
    "sweep",
    "report",
    "paper",
    "metrics",
    "references",
    "submit",
    "leaderboard",
    "reference",
    "render",
    "export",
    "gallery",
    "audit",
    "doctor",
    "embed",
)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Return a function that runs the command line in an empty folder; it returns code, out, err."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    for console in (out, err):  # they have read COLUMNS when they were made
        monkeypatch.setattr(console, "width", 200)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["legion-bench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else int(code is not None)), captured.out, captured.err

    return run


def test_the_commands_are_the_documented_ones() -> None:
    command = typer.main.get_command(app)
    assert sorted(command.commands) == sorted(COMMANDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_an_example_that_parses(command: str, call: Call) -> None:
    code, out, _ = call(command, "--help")
    assert code == 0
    assert f"legion-bench {command}" in out.split("Example")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_uses_only_options_there_are(command: str) -> None:
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    lines = [line.strip("`").split()[2:] for line in found.epilog.splitlines() if line.startswith("`legion")]
    assert lines
    for arguments in lines:
        assert found.make_context(command, arguments).command is found


@pytest.mark.parametrize("command", ["verify", "build"])
def test_an_example_of_the_leaderboards_commands_uses_only_options_there_are(
    command: str, call: Call
) -> None:
    assert (
        f"legion-bench leaderboard {command}" in call("leaderboard", command, "--help")[1].split("Example")[1]
    )
    group = typer.main.get_command(app).commands["leaderboard"]  # type: ignore[attr-defined]
    found = group.commands[command]
    for epilog in (found.epilog, group.epilog):
        lines = [line.strip("`").split()[2:] for line in epilog.splitlines() if line.startswith("`legion")]
        for _, *arguments in (line for line in lines if line[0] == command):
            assert found.make_context(command, arguments).command is found


@pytest.mark.parametrize("command", ["make", "check"])
def test_a_commands_own_commands_have_an_example_that_parses(command: str, call: Call) -> None:
    code, out, _ = call("reference", command, "--help")
    assert code == 0
    usage, line = [line for line in out.splitlines() if f"legion-bench reference {command} " in line]
    assert "Usage" in usage
    group = typer.main.get_command(app).commands["reference"]  # type: ignore[attr-defined]
    found = group.commands[command]
    assert found.make_context(command, line.strip(" │`").split()[3:]).command is found


def test_the_version_is_printed(call: Call) -> None:
    assert call("--version")[:2] == (0, f"legion-bench {__version__}\n")


def test_no_command_prints_the_help(call: Call) -> None:
    _, out, err = call()
    assert "Usage" in out + err


def test_list_shows_everything(call: Call) -> None:
    code, out, _ = call("list")
    assert code == 0
    for name in ("peg-unplug-side", "LegionBench/KukaPegUnplugSide-v0", "kuka-reverse", "random", "smoke"):
        assert name in out


def test_list_shows_one_kind(call: Call) -> None:
    _, out, _ = call("list", "streams")
    assert "kuka-reverse" in out
    assert "sac-finetune" not in out


def test_run_says_where_it_wrote_and_what_to_do_next(call: Call, tiny_protocol: Path) -> None:
    code, out, _ = call("run", "--protocol", tiny_protocol, "--agent", "random", "--seed", "3")
    assert code == 0
    assert "Run written to runs/mini/random/seed-3" in out
    assert "legion-bench report runs/mini/random/seed-3" in out
    run = read_run(Path("runs/mini/random/seed-3"))
    assert (run.manifest.status, run.manifest.seed) == ("finished", 3)
    assert run.manifest.command[:2] == ("legion-bench", "run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "task"], "unknown kind 'task': did you mean 'tasks'?"),
        (["run", "--protocol", "smok", "--agent", "random"], "did you mean 'smoke'?"),
        (["run", "--protocol", "smoke", "--agent", "randon"], "did you mean 'random'?"),
        (["run", "--protocol", "smoke", "--agent", "no.module:Agent"], "cannot import no.module:Agent"),
        (["run", "--protocol", "./none.toml", "--agent", "random"], "none.toml not found"),
        (["run", "--protocol", "smoke", "--agent", "random", "--seed", "-1"], "seed must be in"),
        (["metrics", "nowhere"], "nowhere does not exist"),
        (["report", "nowhere"], "nowhere does not exist"),
        (["reference", "check", "nowhere", "--reference", "none.json"], "none.json is no file of"),
        (["reference", "make", "nowhere", "--out", "made.json"], "nowhere does not exist"),
        (["render", "--out", "film.avi"], "must end in .png, .gif, .mp4"),
        (["render", "--out", "film.png", "--task", "reech"], "did you mean 'reach'?"),
        (["render", "--out", "film.png", "--agent", "scriptd"], "did you mean 'scripted'?"),
    ],
)
def test_a_users_mistake_is_one_line_and_creates_nothing(
    arguments: list[str], message: str, call: Call
) -> None:
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not list(Path().iterdir())


@pytest.mark.parametrize("arguments", [["run"], ["run", "--protocl", "smoke"], ["lst"], ["render"]])
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], call: Call) -> None:
    assert call(*arguments)[0] == 2


def test_a_message_is_shown_as_it_is_written(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """Square brackets of a message are no markup: actions must be "in [-1, 1]", not "in "."""
    message = "unknown key [red] of [parameters] in [-1, 1], got [/] and [bold]"

    def fail() -> None:
        raise AgentError(message)

    monkeypatch.setattr("legion_bench.cli.app", fail)
    assert call("run")[2] == f"error: {message}\n"


def test_a_second_run_into_a_folder_is_refused_and_leaves_it(
    call: Call, tiny_protocol: Path, run_folder: Path
) -> None:
    before = contents(run_folder)
    code, _, err = call("run", "--protocol", tiny_protocol, "--agent", "random", "--out", run_folder)
    assert code == 2
    assert "already holds a run" in err
    assert contents(run_folder) == before


def test_overwriting_warns_and_replaces(call: Call, tiny_protocol: Path, run_folder: Path) -> None:
    arguments = ["run", "--protocol", tiny_protocol, "--agent", "random", "--seed", "5", "--out", run_folder]
    code, _, err = call(*arguments, "--overwrite")
    assert code == 0
    assert "will be deleted" in err
    assert read_run(run_folder).manifest.seed == 5


def test_metrics_as_json_is_one_object_per_run(call: Call, finished: Path, run_folder: Path) -> None:
    code, out, _ = call("metrics", finished, run_folder, "--json")
    assert code == 0
    objects = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    assert {found["run"] for found in objects} == {str(finished), str(run_folder)}
    for found in objects:
        assert (found["protocol"], found["agent"], found["seed"]) == ("mini", "random", 1)
        assert set(found["metrics"]) == set(metrics.METRICS)
        assert all(value is None or isinstance(value, float) for value in found["metrics"].values())
        assert set(found["reasons"]) == {name for name, value in found["metrics"].items() if value is None}
        assert found["cost"]["environment_steps"] == 80
        assert found["cost"]["gradient_updates"] is None
        assert found["reference"] is None


def test_metrics_as_a_table_show_what_matters_most_and_the_cost(call: Call, finished: Path) -> None:
    code, out, err = call("metrics", finished)
    assert code == 0
    assert all((name in out) == (name in metrics.HEADLINES) for name in metrics.METRICS)
    for name in ("environment_steps", "wall_clock", "peak_memory_bytes", "parameters", "stored_bytes"):
        assert name in out
    assert "--json" in err


@pytest.fixture(scope="session")
def alone(finished: Path) -> Path:
    """The same agent, task by task."""
    card = write_protocol(finished.parent, "alone")
    card.write_text(card.read_text() + 'regime = "single-task"\n')
    return launch.run(str(card), "random", out=finished.parent / "alone-run")


def test_forward_transfer_needs_reference_runs(call: Call, finished: Path, alone: Path) -> None:
    code, out, err = call("metrics", finished, "--reference", alone, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["reference"] == {"agent": "random", "runs": 1, "shipped": False}
    assert set(found["metrics"]) == set(metrics.METRICS)
    assert isinstance(found["metrics"]["forward_transfer_coom"], float)
    code, _, err = call("report", finished, "--reference", alone, "--out", "report")
    assert code == 0, err
    assert "measured against 1 single-task run of random" in Path("report/index.html").read_text("utf-8")


def test_references_are_made_by_one_command_and_used_by_default(
    call: Call, finished: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "results" / "references"
    code, out, err = call("references", alone, "--out", folder)
    assert code == 0, err
    assert out == f"Written to {folder / 'alone' / 'random.json'}: seeds 0\n"
    monkeypatch.setattr(catalogue, "root", lambda: tmp_path)
    code, out, err = call("metrics", finished, "--json")
    assert code == 0, err
    shipped = json.loads(out)
    assert shipped["reference"] == {"agent": "random", "runs": 1, "shipped": True}
    found = json.loads(call("metrics", finished, "--reference", alone, "--json")[1])
    assert found["metrics"] == shipped["metrics"]
    code, _, err = call("report", finished, "--out", "report")
    assert code == 0, err
    assert "against 1 shipped single-task run of random" in Path("report/index.html").read_text("utf-8")


def test_a_reference_is_not_made_of_fewer_runs_than_were_named(
    call: Call, alone: Path, run_folder: Path
) -> None:
    (run_folder / EVALUATIONS).write_text("junk\n")
    code, _, err = call("references", alone, run_folder, "--out", "made")
    assert code == 2
    assert "nothing was written" in err
    assert not Path("made").exists()


def test_a_reference_that_does_not_fit_is_one_line_and_creates_nothing(
    call: Call, finished: Path, alone: Path, tmp_path: Path
) -> None:
    card = write_protocol(tmp_path, "longer", steps=48)
    longer = launch.run(str(card), "random", out=tmp_path / "longer")
    for command in (["metrics"], ["report", "--out", "report"]):
        code, out, err = call(*command, longer, "--reference", alone)
        assert (code, out) == (2, "")
        assert "stream.steps_per_task is 40 there and 48 here" in err
        code, out, err = call(*command, longer, "--reference", finished)
        assert (code, out) == (2, "")
        assert "its regime is 'lifelong', not 'single-task'" in err
    assert not Path("report").exists()


def test_metrics_of_a_torn_log_warn_on_standard_error(call: Call, run_folder: Path) -> None:
    with (run_folder / EVALUATIONS).open("ab") as log:
        log.write(b'{"step"')
    code, out, err = call("metrics", run_folder, "--json")
    assert code == 0
    assert "torn" in err
    assert json.loads(out)


def test_metrics_of_a_corrupt_log_name_file_and_line(call: Call, run_folder: Path) -> None:
    log = run_folder / EVALUATIONS
    log.write_bytes(b"junk\n" + log.read_bytes())
    code, _, err = call("metrics", run_folder)
    assert code == 1
    assert "evaluations.jsonl, line 1" in err


@pytest.mark.parametrize(
    "command", [("metrics", "--json"), ("report", "--out", "report")], ids=["metrics", "report"]
)
def test_a_run_that_cannot_be_read_does_not_hide_the_others(
    call: Call, run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MANIFEST).write_text("{}")
    code, out, err = call(*command, run_folder, tmp_path / "broken")
    assert code == 1
    assert "left out" in err
    assert "broken" in err
    if command[0] == "metrics":
        assert json.loads(out)["run"] == str(run_folder)
    else:
        page = Path("report/index.html").read_text("utf-8")
        assert "run.json: not a schema-1 manifest" in page
        assert "this run is left out" in page


@pytest.mark.parametrize("log", [EVALUATIONS, "training.jsonl"])
def test_a_line_that_is_no_json_costs_its_run_alone(
    call: Call, run_folder: Path, tmp_path: Path, log: str
) -> None:
    corrupt = Path(shutil.copytree(run_folder, tmp_path / "corrupt")) / log
    lines = corrupt.read_bytes().splitlines(keepends=True)
    corrupt.write_bytes(b"".join([lines[0], b'{"step": 16, \xff', *lines[1:]]))
    code, _, err = call("report", run_folder, corrupt.parent, "--out", tmp_path / "report")
    assert code == 1
    assert f"{corrupt}, line 2: " in err
    page = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert f"corrupt/{log}, line 2: " in page
    assert "1 run." in page


def test_a_file_that_the_system_refuses_to_read_costs_its_run_alone(
    call: Call, run_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "odd" / MANIFEST).mkdir(parents=True)
    code, out, err = call("metrics", run_folder, tmp_path / "odd", "--json")
    assert code == 1
    assert "Is a directory" in err
    assert json.loads(out)["run"] == str(run_folder)


def test_a_report_on_no_readable_run_is_an_error(call: Call, run_folder: Path, tmp_path: Path) -> None:
    (run_folder / EVALUATIONS).write_bytes(b"junk\n" * 2)
    code, _, err = call("report", run_folder, "--out", tmp_path / "report")
    assert code == 2
    assert "evaluations.jsonl, line 1" in err
    assert "no runs to report" in err
    assert not (tmp_path / "report").exists()


def test_paper_writes_where_it_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    from legion_bench.reports import paper

    monkeypatch.setattr(paper, "build_paper", lambda out: out / "index.html")
    assert call("paper", "--out", "there")[:2] == (0, "Written to there/index.html\n")


def test_a_report_says_what_was_published(call: Call, finished: Path) -> None:
    code, _, err = call("report", finished, "--paper", "--out", "report")
    assert code == 0, err
    assert "None of these protocols asks what was published" in Path("report/index.html").read_text("utf-8")


def test_report_writes_one_self_contained_page(call: Call, finished: Path, tmp_path: Path) -> None:
    code, out, err = call("report", finished, "--out", tmp_path / "report")
    assert code == 0, err
    index = tmp_path / "report" / "index.html"
    assert f"Report written to {index}" in out
    page = index.read_text(encoding="utf-8")
    assert "random" in page
    assert "<script src" not in page
    assert 'rel="stylesheet" href' not in page


@pytest.mark.parametrize(("length", "code"), [(1.0, 0), (2.0, 1)])
def test_embedding_anew_writes_only_if_it_is_not_to_check(
    length: float, code: int, monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path
) -> None:
    monkeypatch.setattr(language, "path", lambda: tmp_path / "table.npz")
    shipped = language.Table(("Go.",), np.ones((1, 4), np.float32), "none", "0", ())
    monkeypatch.setattr(language, "build", lambda: shipped)
    assert call("embed")[0] == 0
    before = contents(tmp_path)
    monkeypatch.setattr(language, "build", lambda: replace(shipped, embeddings=shipped.embeddings * length))
    found, out, _ = call("embed", "--check")
    assert found == code
    assert ("embeddings differ by 1;" in out) == bool(code)
    assert contents(tmp_path) == before


def test_the_docs_tables_are_printed_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setattr(language, "build", lambda: pytest.fail("nothing is to be embedded"))
    code, out, _ = call("embed", "--table")
    assert (code, out) == (0, language.markdown() + "\n")


def test_doctor_is_content_with_the_machine_that_runs_the_tests(call: Call) -> None:
    code, out, _ = call("doctor")
    assert code == 0, out
    for name in ("python", "mujoco", "KUKA scene", "rendering", "bnpy", "threads"):
        assert f" {name}: " in out
    assert "FAIL" not in out


@pytest.mark.parametrize(
    "options", [["--seeds", "0-1"], ["--stack"], ["--stack", "--seeds", "0-1", "--seed", "3"]]
)
def test_seeds_and_stack_go_together(call: Call, options: list[str]) -> None:
    code, _, err = call("run", "--protocol", "tiny", "--agent", "legion-small", *options)
    assert code == 2
    assert "--seeds and --stack go together" in err
    assert not Path("runs").exists()


def test_a_stack_writes_a_folder_for_each_seed(call: Call, tmp_path: Path) -> None:
    card = tmp_path / "quick.toml"
    card.write_text(
        'title = "LEGION, hardly learning"\nentry_point = "legion_bench.agents.legion.agent:LegionAgent"\n'
        '[parameters]\nwidth = 8\nencoder_width = 8\nbatch_size = 8\nengine = "torch"\n'
        "learning_starts = 1_100\nwarmup_updates = 0\nfirst_fit = 1_150\nbuffer_size = 3_000\n",
        encoding="utf-8",
    )
    code, out, err = call("run", "--protocol", "tiny", "--agent", card, "--seeds", "4-5", "--stack")
    assert code == 0, err
    for seed in (4, 5):
        assert f"Run written to runs/tiny/quick/seed-{seed}" in out
        assert Path(f"runs/tiny/quick/seed-{seed}/knowledge/1.npz").is_file()


SMOKE = catalogue.root() / "results" / "smoke" / "runs"
BUNDLES = catalogue.root() / "results" / "leaderboard" / "bundles"


def test_runs_become_a_bundle_and_bundles_a_leaderboard(call: Call) -> None:
    Path("bundles").mkdir()
    for name in ("random", "sac-packnet-small"):
        code, out, err = call("submit", SMOKE / name, "--out", f"bundles/{name}.zip")
        assert code == 0, err
        assert f"bundles/{name}.zip: {name}, seeds 3, 4, 5" in out
        assert f"Bundle written to bundles/{name}.zip" in out
    code, out, _ = call("leaderboard", "verify", "bundles/sac-packnet-small.zip")
    assert code == 0
    assert "on smoke, kuka, identity known" in out
    assert "1.00 [1.00, 1.00]" in out
    code, out, _ = call("leaderboard", "build", "bundles", "--out", "board")
    assert code == 0
    assert "Leaderboard written to board/index.html" in out
    assert "sac-packnet-small" in Path("board/index.html").read_text("utf-8")


@pytest.mark.parametrize("command", [["verify"], ["build", "--out", "board"]])
def test_a_folder_without_bundles_is_no_success(call: Call, command: list[str]) -> None:
    Path("empty").mkdir()
    code, _, err = call("leaderboard", *command, "empty")
    assert code == 2
    assert "empty holds no bundle" in err


def test_a_bundle_that_is_refused_does_not_hide_the_others(call: Call) -> None:
    assert call("submit", SMOKE / "random", "--out", "good.zip")[0] == 0
    Path("bad.zip").write_bytes(Path("good.zip").read_bytes()[:-100])
    for command in (["verify"], ["build", "--out", "board"]):
        code, out, err = call("leaderboard", *command, "bad.zip", "good.zip")
        assert code == 1
        assert err.startswith("refused: bad.zip: ")
        assert "Traceback" not in err
        assert "good.zip: random" in out or "Leaderboard written" in out
    code, _, err = call("leaderboard", "build", "bad.zip", "--out", "none")
    assert code == 2
    assert "no bundles to show" in err
    assert not Path("none").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
@pytest.mark.parametrize("name", ["bad\udcff", "bad\x1b[31m", "bad\n", "bad\u202e"])
def test_names_of_files_that_are_no_text_or_steer_a_terminal(
    name: str, call: Call, tiny_protocol: Path
) -> None:
    code, said, _ = call("run", "--protocol", tiny_protocol, "--agent", "random", "--out", f"{name}-run")
    assert code == 0
    assert all(line.isprintable() for line in said.splitlines())
    assert len(said.splitlines()) == 2
    assert json.loads(Path(f"{name}-run/run.json").read_text())["status"] == "finished"
    code, said, _ = call("report", f"{name}-run", "--out", f"{name}-report")
    assert code == 0
    assert said.strip().isprintable()
    Path(f"{name}-sound.zip").write_bytes(next((BUNDLES).glob("*.zip")).read_bytes())
    Path(f"{name}-broken.zip").write_bytes(b"")
    code, said, errors = call("leaderboard", "build", ".", "--out", "board")
    assert code == 1
    assert errors.startswith("refused: bad")
    assert errors.count("\n") == 1
    assert errors.strip().isprintable()
    page = Path("board/index.html").read_text("utf-8")
    assert f"../{quote(os.fsencode(name))}-sound.zip" in page


def test_an_agent_that_will_never_learn_is_a_warning_before_it_runs(
    tiny_protocol: Path, tmp_path: Path
) -> None:
    card = tmp_path / "late.toml"
    card.write_text(
        'extends = "sac-finetune-small"\ntitle = "Late"\n[parameters.options]\nlearning_starts = 40\n'
    )
    arguments = "--protocol", tiny_protocol, "--agent", card, "--stop-after", "0", "--out", tmp_path / "run"
    done = command_line("run", *arguments)
    assert done.returncode == 0
    assert done.stderr.startswith(
        "warning: agent 'late' will never be updated under 'mini': learning_starts is 40"
    )


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the tiny protocol with two seeds."""
    folder = tmp_path_factory.mktemp("several")
    card = str(write_protocol(folder))
    for seed in (1, 2):
        launch.run(card, "random", seed, folder / "runs" / f"seed-{seed}")
    return folder / "runs"


def test_reference_numbers_are_made_and_checked(call: Call, several: Path, finished: Path) -> None:
    code, out, _ = call("reference", "make", several, "--out", "numbers/mini.json")
    assert (code, out) == (0, "Written to numbers/mini.json\nrandom: seeds 1, 2\n")
    code, out, _ = call("reference", "check", finished, "--reference", "numbers/mini.json")
    assert code == 0
    for word in (
        "measured",
        "reference",
        "band",
        "verdict",
        "counts that differ",
        "success_mean",
        "identical",
    ):
        assert word in out
    assert "OUTSIDE" not in out
    assert "at most 1% of such checks fail" in out


def test_a_run_that_leaves_a_band_is_exit_code_1(call: Call, several: Path, run_folder: Path) -> None:
    call("reference", "make", several, "--out", "mini.json")
    log = run_folder / EVALUATIONS
    log.write_text(log.read_text().replace('"return":', '"return":-'))
    code, out, _ = call("reference", "check", run_folder, "--reference", "mini.json")
    assert code == 1
    (line,) = [line for line in out.splitlines() if "OUTSIDE" in line]
    assert "returns before learning" in line


def test_reference_numbers_are_not_made_of_fewer_runs_than_were_named(
    call: Call, several: Path, run_folder: Path
) -> None:
    (run_folder / MANIFEST).write_text("{}")
    code, _, err = call("reference", "make", several, run_folder, "--out", "mini.json")
    assert code == 2
    assert "nothing was written" in err
    assert not Path("mini.json").exists()
    call("reference", "make", several, "--out", "mini.json")
    assert call("reference", "check", several, run_folder, "--reference", "mini.json")[0] == 1


def test_what_cannot_be_checked_is_one_line(call: Call, several: Path) -> None:
    code, _, err = call("reference", "check", several, "--reference", "none.json")
    assert (code, err.count("\n")) == (2, 1)
    assert "none.json is no file of reference numbers" in err
    code, _, err = call("reference", "make", several, "--out", "mini.json", "--agent", "randon")
    assert code == 2
    assert "did you mean 'random'?" in err


def test_a_run_can_be_stopped_after_some_steps(call: Call, tiny_protocol: Path) -> None:
    arguments = ["run", "--protocol", tiny_protocol, "--agent", "random"]
    code, _, err = call(*arguments, "--stop-after", "20")
    assert code == 0
    assert "the run is not finished" in err
    assert call(*arguments)[0] == 0
    code, _, err = call(*arguments, "--seeds", "0,1", "--stack", "--stop-after", "20")
    assert code == 2
    assert "--stop-after is for single runs" in err
