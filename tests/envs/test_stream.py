"""A stream of tasks as one environment."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from msgspec.structs import replace

from legion_bench import catalogue
from legion_bench.cards import StreamCard, load_stream, load_task
from legion_bench.envs import env_id
from legion_bench.envs.manipulation import ManipulationEnv
from legion_bench.envs.options import stream_options
from legion_bench.envs.stream import StreamEnv, task_seed
from legion_bench.errors import CardError
from tests.conftest import MakeStream
from tests.helpers import examples

DOCUMENT = Path(__file__).parents[2] / "docs" / "streams.md"
ZERO = np.zeros(4, dtype=np.float32)


def task_env(card: StreamCard, task: str) -> ManipulationEnv:
    return ManipulationEnv(task, **asdict(stream_options(card, {})))


def episodes(env: StreamEnv, count: int, seed: int | None = 0) -> list[dict[str, Any]]:
    """Play whole episodes; return of each its first observation, length and last info."""
    played = []
    for _ in range(count):
        observation, first = env.reset(seed=seed)
        seed, length, truncated = None, 0, False
        while not truncated:
            _, _, terminated, truncated, last = env.step(ZERO)
            assert not terminated
            assert last["task"] == first["task"]
            length += 1
        played.append({"start": observation.tobytes(), "length": length, "first": first, **last})
    return played


def test_a_task_change_truncates_the_episode(make_stream: MakeStream) -> None:
    """25 steps with a horizon of 10 are episodes of 10, 10 and 5."""
    env = StreamEnv(make_stream("reach", "push", steps_per_task=25, horizon=10))
    played = episodes(env, 6)
    assert [episode["length"] for episode in played] == [10, 10, 5, 10, 10, 5]
    assert [episode["task"] for episode in played] == ["reach"] * 3 + ["push"] * 3


def test_info_says_where_in_the_stream_one_is(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("push", "reach", "push", steps_per_task=2))
    played = episodes(env, 3)
    assert [episode["task"] for episode in played] == ["push", "reach", "push"]
    assert [episode["task_index"] for episode in played] == [0, 1, 0]
    assert [episode["stream_position"] for episode in played] == [0, 1, 2]
    assert [episode["presentation"] for episode in played] == [1, 1, 2]
    assert [episode["stream_finished"] for episode in played] == [False, False, True]
    assert [episode["instruction"] for episode in played] == [
        load_task(task).instruction for task in ("push", "reach", "push")
    ]
    for episode in played:
        assert set(episode["first"]) <= set(episode), "reset and step tell the same"
        assert not episode["first"]["stream_finished"]


def test_a_budget_shorter_than_the_horizon_ends_the_episode(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=3, horizon=10))
    assert [episode["length"] for episode in episodes(env, 2)] == [3, 3]


def test_after_the_end_it_stays_on_the_last_task(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=4, horizon=6))
    after = episodes(env, 4)[2:]
    assert [episode["task"] for episode in after] == ["push", "push"]
    assert [episode["length"] for episode in after] == [6, 6]
    assert all(episode["stream_finished"] and episode["first"]["stream_finished"] for episode in after)


def test_resetting_early_begins_another_episode_of_the_same_visit(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=5, horizon=4))
    env.reset(seed=0)
    env.step(ZERO)
    assert [episode["length"] for episode in episodes(env, 2, seed=None)] == [4, 4]
    assert env.reset()[1]["task"] == "push"


def test_a_repeated_task_keeps_its_fixed_placement(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", "reach", steps_per_task=6, horizon=3))
    starts = [episode["start"] for episode in episodes(env, 6)]
    assert starts[0] == starts[1] == starts[4] == starts[5]
    assert starts[2] == starts[3] != starts[0]


def test_a_repeated_task_goes_on_drawing_placements(make_stream: MakeStream) -> None:
    env = StreamEnv(
        make_stream("reach", "push", "reach", steps_per_task=6, horizon=3, placement="every-episode")
    )
    assert len({episode["start"] for episode in episodes(env, 6)}) == 6


@pytest.mark.parametrize("placement", ["fixed", "every-episode"])
def test_placements_depend_on_the_seed_and_the_task_alone(make_stream: MakeStream, placement: str) -> None:
    def starts(*tasks: str, seed: int = 5) -> dict[str, bytes]:
        env = StreamEnv(make_stream(*tasks, steps_per_task=2, placement=placement))
        return {episode["task"]: episode["start"] for episode in episodes(env, len(tasks), seed)}

    one, other = starts("reach", "push", "door-open"), starts("door-open", "reach")
    assert {task: one[task] for task in other} == other
    assert starts("reach", seed=6)["reach"] != one["reach"]


def test_a_single_task_environment_starts_as_the_streams_does(make_stream: MakeStream) -> None:
    card = make_stream("reach", "push", steps_per_task=2)
    for episode in episodes(StreamEnv(card), 2, seed=5):
        env = task_env(card, episode["task"])
        assert env.reset(seed=task_seed(5, episode["task"]))[0].tobytes() == episode["start"]


def test_a_seed_starts_the_stream_anew(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=4, horizon=3))
    first = episodes(env, 4, seed=8)
    assert env.reset(seed=1)[1]["stream_position"] == 0
    env.step(ZERO)
    assert episodes(env, 4, seed=8) == first


def test_without_a_seed_two_streams_differ(make_stream: MakeStream) -> None:
    starts = {StreamEnv(make_stream("reach")).reset()[0].tobytes() for _ in range(2)}
    assert len(starts) == 2


def test_stepping_needs_a_reset_before_and_after(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", steps_per_task=1))
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(ZERO)
    env.reset(seed=0)
    env.step(ZERO)
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(ZERO)


def test_a_refused_action_uses_up_no_budget(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=2))
    env.reset(seed=0)
    with pytest.raises(ValueError, match="shape"):
        env.step(np.zeros(3))
    assert [env.step(ZERO)[3] for _ in range(2)] == [False, True]


def test_an_unknown_stream_names_the_nearest() -> None:
    with pytest.raises(CardError, match="did you mean 'kuka-reverse'"):
        StreamEnv("kuka-revers")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tasks": ("reach", "pusch")}, "stream 'short': unknown task 'pusch': did you mean 'push'"),
        ({"tasks": ()}, "stream 'short': .*length >= 1"),
        ({"robot": "sawyr"}, "stream 'short': .*sawyr"),
        ({"steps_per_task": 0}, "stream 'short': .*steps_per_task"),
        ({"placement": "random"}, "stream 'short': .*placement"),
    ],
)
def test_a_card_made_in_python_is_checked_as_a_file_is(changes: dict[str, Any], complaint: str) -> None:
    fields = {"robot": "kuka", "tasks": ("reach",), "steps_per_task": 5, **changes}
    with pytest.raises(CardError, match=complaint):
        StreamEnv(StreamCard(name="short", title="Tests", **fields))


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"render_mode": "rgb_aray"}, "render_mode 'rgb_aray': did you mean 'rgb_array'"),
        ({"horizn": 3}, "unknown option 'horizn': did you mean 'horizon'"),
        ({"robot": "kuke"}, "did you mean 'kuka'"),
        ({"horizon": 0}, "horizon must be a whole number"),
    ],
)
def test_a_wrong_option_is_refused_at_once(
    make_stream: MakeStream, asked: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        StreamEnv(make_stream(), **asked)


def test_options_override_the_card(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push"), horizon=4, observation="metaworld-39", robot="sawyer")
    observation, _ = env.reset(seed=0)
    assert observation.shape == env.observation_space.shape == (39,)
    assert episodes(env, 1)[0]["length"] == 4
    single = ManipulationEnv("reach", robot="sawyer", observation="metaworld-39")
    np.testing.assert_array_equal(single.reset(seed=task_seed(0, "reach"))[0], observation)


def test_success_ends_the_episode_if_asked(make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=5, terminate_on_success=True))
    env.reset(seed=0)
    says(env, monkeypatch, successes=True)
    _, _, terminated, truncated, info = env.step(ZERO)
    assert (terminated, truncated, info["success"]) == (True, False, 1.0)
    with pytest.raises(ResetNeeded):
        env.step(ZERO)
    assert env.reset()[1]["stream_position"] == 0


def test_unstable_physics_truncates_the_episode_but_not_the_visit(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=5))
    env.reset(seed=0)
    says(env, monkeypatch, failures=True)
    _, _, terminated, truncated, info = env.step(ZERO)
    assert (terminated, truncated, info["physics_error"]) == (False, True, True)
    assert env.reset()[1]["stream_position"] == 0
    monkeypatch.undo()
    assert [env.step(ZERO)[3] for _ in range(4)] == [False, False, False, True]


def says(env: StreamEnv, monkeypatch: pytest.MonkeyPatch, **claims: bool) -> None:
    """Make the current task's engine claim successes or failures."""
    engine = env._env()._engine
    honest = engine.step

    def step(*arguments: Any) -> Any:
        outcome = honest(*arguments)
        for name, value in claims.items():
            getattr(outcome, name)[:] = value
        return outcome

    monkeypatch.setattr(engine, "step", step)


def test_a_closed_stream_says_so(make_stream: MakeStream) -> None:
    env = StreamEnv(make_stream("reach", "push", steps_per_task=1))
    env.reset(seed=0)
    env.step(ZERO)
    env.close()
    env.close()
    for use in (env.reset, lambda: env.step(ZERO), env.render):
        with pytest.raises(ClosedEnvironmentError):
            use()


def test_there_is_nothing_to_render_before_the_first_reset(make_stream: MakeStream) -> None:
    with pytest.raises(ResetNeeded, match="render"):
        StreamEnv(make_stream()).render()


def test_ones_own_stream_has_an_id(make_stream: MakeStream, tmp_path: Path) -> None:
    card = tmp_path / "mine.toml"
    card.write_text('title = "Mine"\nrobot = "sawyer"\ntasks = ["push", "reach"]\nsteps_per_task = 2\n')
    for stream, task in ((str(card), "push"), (make_stream("reach"), "reach")):
        env = gymnasium.make("LegionBench/Stream-v0", stream=stream, horizon=5)
        assert env.reset(seed=0)[1]["task"] == task


FEW = ("reach", "push", "faucet-open", "button-press-topdown", "window-close")
CW10 = (
    "hammer",
    "push-wall",
    "faucet-close",
    "push-back",
    "stick-pull",
    "handle-press-side",
    "push",
    "shelf-place",
    "window-close",
    "peg-unplug-side",
)


@pytest.mark.parametrize("robot", ["kuka", "sawyer"])
def test_the_published_streams_are_the_papers(robot: str) -> None:
    few, ten, twenty = (load_stream(f"{robot}-{name}") for name in ("few-shot", "cw10", "cw20"))
    assert few.tasks == FEW * 3
    assert (few.steps_per_task, few.horizon, few.placement) == (1_000_000, 150, "fixed")
    assert (ten.tasks, twenty.tasks) == (CW10, CW10 * 2)
    for card in (ten, twenty):
        assert (card.steps_per_task, card.horizon) == (1_000_000, 200)
        assert (card.placement, card.observation) == ("every-episode", "metaworld-39")


@pytest.mark.parametrize("name", ["curriculum", "reverse", "random", "few-shot", "cw10", "cw20"])
def test_both_robots_have_the_same_streams(name: str) -> None:
    kuka, sawyer = load_stream(f"kuka-{name}"), load_stream(f"sawyer-{name}")
    assert (kuka.robot, sawyer.robot) == ("kuka", "sawyer")
    assert replace(kuka, name="", robot="") == replace(sawyer, name="", robot="")


def test_rewards_are_those_of_the_single_task(make_stream: MakeStream) -> None:
    card = make_stream("drawer-close")
    stream, single = StreamEnv(card), task_env(card, "drawer-close")
    stream.reset(seed=2)
    single.reset(seed=task_seed(2, "drawer-close"))
    for action in np.random.default_rng(0).uniform(-1, 1, (15, 4)).astype(np.float32):
        ours, theirs = stream.step(action), single.step(action)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1:4] == theirs[1:4]


def test_its_spaces_are_the_single_tasks(make_stream: MakeStream) -> None:
    card = make_stream("reach")
    assert StreamEnv(card).observation_space == task_env(card, "reach").observation_space
    assert StreamEnv(card).action_space == task_env(card, "reach").action_space
    assert isinstance(StreamEnv(card).action_space, gymnasium.spaces.Box)


def test_the_examples_of_the_documents_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in examples(DOCUMENT):
        exec(block, names)


def test_the_documents_name_every_stream() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in catalogue.names("envs/streams"):
        card = load_stream(name)
        short = env_id(name.removeprefix(f"{card.robot}-")).removeprefix("LegionBench/").removesuffix("-v0")
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{short}` |"))
        assert card.robot.capitalize() in row
        assert f"× {card.steps_per_task:,} | {card.horizon} |" in row
