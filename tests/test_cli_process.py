"""The command line as a process of its own: signals, pictures, start-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import pytest

from legion_bench.cli.training import _stoppable
from legion_bench.protocols.runner import unwatched
from legion_bench.results.store import EVALUATIONS, read_run
from tests.helpers import command_line, python, write_protocol

# Whoever started the tests may have had SIGINT ignored, which children inherit.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from legion_bench.cli import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "scheduler"])
def test_an_interrupted_run_says_so_and_can_be_read(tmp_path: Path, sent: signal.Signals) -> None:
    protocol = write_protocol(tmp_path, steps=100_000, every=10)
    arguments = ["run", "--protocol", str(protocol), "--agent", "random", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments], stderr=subprocess.PIPE, text=True
    )
    log = tmp_path / "run" / EVALUATIONS
    deadline = time.monotonic() + 120
    while not (log.is_file() and log.read_bytes().count(b"\n") > 8):
        assert process.poll() is None, "it ended before it was interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(sent)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; whatever was measured is in the run folder" in error
    assert "Traceback" not in error
    run = read_run(tmp_path / "run")
    assert run.manifest.status == "interrupted"
    assert len(run.evaluations) > 8
    assert run.warnings == ()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "scheduler"])
def test_a_signal_stops_between_two_steps_and_a_second_one_at_once(sent: signal.Signals) -> None:
    before = signal.signal(sent, signal.default_int_handler)
    try:
        with _stoppable(unwatched) as watch:
            watch(1, None, None)
            signal.raise_signal(sent)
            with pytest.raises(KeyboardInterrupt):
                watch(2, None, None)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(sent)
        assert signal.getsignal(sent) is signal.default_int_handler
    finally:
        signal.signal(sent, before)


def test_the_agent_of_the_docs_runs_as_the_docs_say(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "your-agent.md").read_text(encoding="utf-8")
    code = page.split("```python\n", 1)[1].split("```", 1)[0]
    card = next(block for block in page.split("```toml\n")[1:] if "[parameters]" in block).split("```", 1)[0]
    (tmp_path / "my_lab").mkdir()
    (tmp_path / "my_lab" / "agents.py").write_text(code, encoding="utf-8")
    (tmp_path / "hopeful.toml").write_text(card, encoding="utf-8")
    protocol = write_protocol(tmp_path)
    for agent in ("my_lab.agents:Hopeful", "./hopeful.toml"):
        done = command_line("run", "--protocol", protocol, "--agent", agent, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert len(code.strip().splitlines()) <= 30


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_a_killed_run_can_be_read(tmp_path: Path) -> None:
    protocol = write_protocol(tmp_path, steps=100_000, every=10)
    arguments = ["run", "--protocol", str(protocol), "--agent", "random", "--out", str(tmp_path / "run")]
    log = tmp_path / "run" / EVALUATIONS
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments], stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not (log.is_file() and log.read_bytes().count(b"\n") > 8):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    run = read_run(tmp_path / "run")
    assert run.manifest.status == "running"
    assert len(run.evaluations) > 8


def test_the_module_starts_as_the_installed_command_does() -> None:
    done = command_line("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("legion-bench ")


def test_help_loads_neither_torch_nor_mujoco() -> None:
    code = """
import sys
from legion_bench.cli import main
sys.argv = ["legion-bench", "run", "--help"]
try:
    main()
finally:
    heavy = {"torch", "mujoco", "metaworld"} & set(sys.modules)
    assert not heavy, heavy
"""
    assert python("-c", code).returncode == 0


@pytest.mark.needs_rendering
def test_render_writes_a_frame(tmp_path: Path) -> None:
    picture = tmp_path / "new" / "door.png"
    done = command_line("render", "--task", "door-open", "--out", picture, "--size", "64", DISPLAY="")
    assert done.returncode == 0, done.stderr
    assert str(picture) in done.stdout
    frame = iio.imread(picture)
    assert frame.shape == (64, 64, 3)
    assert frame.std() > 20


@pytest.mark.needs_rendering
def test_render_writes_a_film_of_one_episode_in_real_time(tmp_path: Path) -> None:
    film = tmp_path / "reach.gif"
    done = command_line("render", "--task", "reach", "--out", film, "--size", "48", DISPLAY="")
    assert done.returncode == 0, done.stderr
    frames = iio.imread(film)
    assert 50 < frames.shape[0] <= 78, "every second of 150 steps; the writer joins frames that are equal"
    assert (frames[0] != frames[-1]).any()
    shown = sum(iio.immeta(film, index=frame)["duration"] for frame in range(len(frames)))
    assert shown == pytest.approx(150 * 12.5, rel=0.25), "GIF counts in hundredths of a second"


def test_render_without_a_renderer_names_the_doctor(tmp_path: Path) -> None:
    """MuJoCo itself cannot be imported then, which must still be one line."""
    done = command_line("render", "--out", tmp_path / "a.png", MUJOCO_GL="abacus")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "legion-bench doctor" in done.stderr
    assert not (tmp_path / "a.png").exists()
