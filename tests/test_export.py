"""Exported policies: one file, torch alone, the agent's own actions."""

from __future__ import annotations

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from legion_bench import catalogue, launch
from legion_bench.agents.legion.agent import LegionAgent
from legion_bench.envs.metaworld import HAND_HIGH, HAND_LOW
from legion_bench.envs.spaces import observation_space
from legion_bench.errors import AgentError, LegionBenchError, RunError
from legion_bench.export import CARD, ENTRY_POINT, PolicyCard, export
from legion_bench.results import checkpoints
from legion_bench.results.store import read_run
from tests.helpers import command_line, contents, examples, python, write_protocol

AGENT = f"""
title = "LEGION, tiny"
entry_point = "{ENTRY_POINT}"
[parameters]
prior = "normal"
latent = 3
encoder_width = 16
encoder_depth = 2
width = 16
depth = 2
batch_size = 8
buffer_size = 100
learning_starts = 8
warmup_updates = 2
encoder_every = 2
observation_offset = [0.0, 0.6, 0.2, 0.0, 0.6, 0.2, 0.0, 0.0, 0.0, 0.0, 0.6, 0.2]
observation_scale = 5.0
"""
# What PyTorch alone means: nothing of ours, and nothing that we need and it does not.
ALONE = "import sys; sys.modules.update(dict.fromkeys(['legion_bench', 'gymnasium', 'mujoco', 'msgspec']))\n"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two tasks that was interrupted in the second; for reading only."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "tiny.toml").write_text(AGENT)

    def interrupt(step: int, *_: Any) -> None:
        if step == 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.run(
            str(write_protocol(folder)),
            str(folder / "tiny.toml"),
            seed=5,
            out=folder / "run",
            checkpoint_minutes=0,
            watch=interrupt,
        )
    return folder / "run"


@pytest.fixture(scope="module")
def exported(stopped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy of that run."""
    out = tmp_path_factory.mktemp("exported") / "new" / "policy.pt2"
    before = contents(stopped)
    export(stopped, out)
    assert contents(stopped) == before
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    return out


def load(file: Path) -> tuple[Any, dict[str, Any]]:
    files = {CARD: ""}
    policy = torch.export.load(file, extra_files=files).module()
    return policy, json.loads(files[CARD])


def trained(run: Path, step: int) -> LegionAgent:
    """Return the agent of a run's newest checkpoint."""
    manifest = read_run(run).manifest
    checkpoint, _ = checkpoints.newest(run)
    assert checkpoint is not None
    assert checkpoint.step == step
    agent = launch.build_agent(manifest.agent, manifest.stream, manifest.seed)
    assert isinstance(agent, LegionAgent)
    agent.load_state_dict(checkpoint.state["agent"])
    return agent


@pytest.mark.parametrize("rows", [1, 100])
def test_actions_are_the_agents_for_every_task(stopped: Path, exported: Path, rows: int) -> None:
    policy, card = load(exported)
    agent = trained(stopped, 60)
    generator = agent._learner._random["judged"][0]
    rng = np.random.default_rng(rows)
    inside = rng.uniform(HAND_LOW + 0.02, HAND_HIGH - 0.02, (rows, 3))
    observations = np.concatenate((inside, rng.uniform(0, 1, (rows, 9))), 1)
    for task, known in enumerate(card["tasks"]):
        drawn = generator.clone_state()
        expected = agent.act(observations, np.full(rows, task), explore=False)
        noise = torch.randn(1, rows, card["noise_size"] + 4, generator=drawn)[0, :, : card["noise_size"]]
        identities = torch.tensor([known["identity"]] * rows)
        actions = policy(torch.from_numpy(observations), identities, noise)
        np.testing.assert_allclose(actions, expected, rtol=0, atol=1e-6)


def test_the_card_says_what_the_policy_is(stopped: Path, exported: Path) -> None:
    _, card = load(exported)
    assert tuple(card) == PolicyCard.__struct_fields__
    assert (card["agent"]["name"], card["agent"]["parameters"]["latent"]) == ("tiny", 3)
    assert (card["protocol"], card["stream"], card["robot"], card["seed"]) == (
        "mini",
        "mini-stream",
        "kuka",
        5,
    )
    assert (card["step"], card["status"]) == (60, "interrupted")
    assert card["versions"] == read_run(stopped).manifest.versions
    assert card["exported_with"]["torch"] == version("torch")
    sizes = {name: card[f"{name}_size"] for name in ("observation", "identity", "noise")}
    assert sizes == {"observation": 12, "identity": 384, "noise": 3}
    assert (card["workspace_low"], card["workspace_high"]) == (HAND_LOW.tolist(), HAND_HIGH.tolist())
    assert card["action_scale"] == 0.01
    assert [task["name"] for task in card["tasks"]] == ["reach", "drawer-close"]
    assert card["tasks"][0]["instruction"] == read_run(stopped).manifest.tasks[0].instruction


def test_the_workspace_is_the_simulators(exported: Path) -> None:
    policy, card = load(exported)
    rng = np.random.default_rng(0)
    hands = rng.uniform(HAND_LOW - 0.02, HAND_HIGH + 0.02, (500, 3))
    hands[:, 0] = np.where(np.arange(500) % 2, HAND_LOW[0], HAND_HIGH[0]) + rng.normal(0, 0.004, 500)
    observations = torch.from_numpy(np.concatenate((hands, np.zeros((500, 9))), 1))
    identities = torch.tensor([card["tasks"][0]["identity"]] * 500)
    actions = policy(
        observations, identities, torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    )
    assert actions.abs().max() <= 1
    reached = hands + actions[:, :3].numpy() * 0.01
    home = ((hands >= HAND_LOW - 0.01) & (hands <= HAND_HIGH + 0.01)).all(1)
    assert 100 < home.sum() < 500
    assert (reached[home] >= HAND_LOW - 1e-8).all()
    assert (reached[home] <= HAND_HIGH + 1e-8).all()


def test_torch_alone_runs_what_the_documentation_shows(exported: Path) -> None:
    (block,) = examples(catalogue.root() / "docs" / "deployment.md")
    show = (
        "\nassert 'legion_bench' not in str(list(sys.modules.values()))\nprint(json.dumps(action.tolist()))"
    )
    done = python("-W", "error", "-c", ALONE + block + show, cwd=exported.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert np.abs(json.loads(done.stdout)).max() <= 1
    assert np.shape(json.loads(done.stdout)) == (1, 4)
    (shown,) = re.findall(r"torch.tensor\(\[(\[.*\])\]\)", block)
    assert np.array(json.loads(shown)) in observation_space("legion-12")


def test_no_place_on_this_machine_is_in_the_file(exported: Path) -> None:
    written = exported.read_bytes()
    for place in (catalogue.root(), Path(torch.__file__).parent, exported.parent):
        assert str(place).encode() not in written


def test_a_checkpoint_may_be_chosen(stopped: Path, tmp_path: Path) -> None:
    older, newer = sorted((stopped / checkpoints.FOLDER).glob("*.pt"))
    card = export(stopped, tmp_path / "older.pt2", older)
    assert card.step == int(older.name.partition("-")[0]) < int(newer.name.partition("-")[0])
    assert load(tmp_path / "older.pt2")[1]["step"] == card.step


def test_a_damaged_checkpoint_is_left_for_the_one_before(stopped: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(stopped, tmp_path / "run"))
    older, newer = sorted((run / checkpoints.FOLDER).glob("*.pt"))
    _tamper(newer)
    assert export(run, tmp_path / "a.pt2").step == int(older.name.partition("-")[0])
    with pytest.raises(RunError, match=rf"{newer} cannot be exported: it is damaged"):
        export(run, tmp_path / "b.pt2", newer)
    _tamper(older)
    with pytest.raises(
        RunError, match=r"has no weights to export: checkpoint .*damaged.*; checkpoint .*damaged"
    ):
        export(run, tmp_path / "b.pt2")
    note = tmp_path / "note.pt"
    note.write_text("no checkpoint")
    with pytest.raises(RunError, match=r"note\.pt is no checkpoint of"):
        export(run, tmp_path / "b.pt2", note)
    assert not (tmp_path / "b.pt2").exists()


def test_a_run_without_checkpoints_says_so(stopped: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(stopped, tmp_path / "run"))
    shutil.rmtree(run / checkpoints.FOLDER)
    with pytest.raises(RunError, match=r"no weights to export: there is no checkpoint in .*checkpoints"):
        export(run, tmp_path / "a.pt2")


def test_another_agents_run_is_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"a run of 'random' .* only agents of legion_bench.agents.legion"):
        export(finished, tmp_path / "a.pt2")


def test_another_kind_of_file_is_refused(stopped: Path, tmp_path: Path) -> None:
    with pytest.raises(LegionBenchError, match=r"cannot write policy.pt: the file must end in \.pt2"):
        export(stopped, tmp_path / "policy.pt")
    assert not list(tmp_path.iterdir())


def test_the_command_line_exports(stopped: Path, tmp_path: Path) -> None:
    done = command_line("export", stopped, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Written to policy.pt2: the policy at step 60\n"
    policy, card = load(tmp_path / "policy.pt2")
    identities, noise = torch.tensor([card["tasks"][1]["identity"]]), torch.zeros(1, card["noise_size"])
    assert policy(torch.zeros(1, 12), identities, noise).shape == (1, 4)


def test_the_command_line_refuses_in_one_line(finished: Path, tmp_path: Path) -> None:
    for arguments, complaint in (
        ((tmp_path,), "is not a run folder: it has no run.json"),
        ((finished,), "only agents of legion_bench.agents.legion.agent:LegionAgent can be exported"),
        ((finished, "--out", "policy.pt"), "the file must end in .pt2"),
    ):
        done = command_line("export", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ")
        assert complaint in done.stderr
        assert done.stderr.count("\n") == 1


def _tamper(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
