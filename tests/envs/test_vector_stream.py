"""A stream for many slots: what a slot does, whose steps count, and what follows a visit."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from msgspec.structs import replace

from legion_bench.cards import StreamCard
from legion_bench.envs.stream import StreamEnv
from legion_bench.envs.vector_stream import VectorStreamEnv
from legion_bench.errors import CardError
from tests.conftest import MakeStream
from tests.envs.test_vector import actions, same

SLOTS = 3
ZERO = np.zeros((SLOTS, 4), np.float32)


def make(card: StreamCard, mode: str = "NextStep", **asked: Any) -> VectorStreamEnv:
    return VectorStreamEnv(card, SLOTS, autoreset_mode=mode, **asked)


def both(card: StreamCard, mode: str, **asked: Any) -> tuple[VectorStreamEnv, SyncVectorEnv]:
    """Return ours, and Gymnasium's of streams with one slot's share of the budget each."""
    share = replace(card, steps_per_task=card.steps_per_task // SLOTS)
    return make(card, mode, **asked), SyncVectorEnv([lambda: StreamEnv(share)] * SLOTS, autoreset_mode=mode)


def assert_equal(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> None:
    for mine, their in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_array_equal(mine, their)
    same(ours[-1], theirs[-1])
    for key, value in ours[-1].items():
        assert isinstance(value, dict) or value.dtype == theirs[-1][key].dtype, key


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("placement", ["pool:3", "every-episode"])
def test_a_slot_is_a_stream_of_its_own(
    make_stream: MakeStream, mode: str, threads: int, placement: str
) -> None:
    """Bit for bit, infos included, past the stream's end: episodes end with visits and within them."""
    card = make_stream(
        "push",
        "coffee-button",
        "push",
        steps_per_task=8 * SLOTS,
        horizon=4,
        placement=placement,
        reward="legion",
    )
    ours, theirs = both(card, mode, threads=threads)
    assert_equal(ours.reset(seed=4), theirs.reset(seed=4))
    for action in actions(40, SLOTS):
        assert_equal(ours.step(action), theirs.step(action))
    assert ours.course.finished
    assert_equal(ours.reset(seed=9), theirs.reset(seed=9))
    assert_equal(ours.step(ZERO), theirs.step(ZERO))
    ours.close()


def test_slots_may_end_at_different_times(make_stream: MakeStream) -> None:
    env = make(
        make_stream("reach", "push", steps_per_task=30, horizon=4, placement="every-episode"), "Disabled"
    )
    env.reset(seed=0)
    env.step(ZERO)
    _, infos = env.reset(options={"reset_mask": np.array([True, False, False])})
    assert infos["_task"].tolist() == infos["_task_index"].tolist() == [True, False, False]
    truncated = [env.step(ZERO)[3].tolist() for _ in range(3)]
    assert truncated == [[False] * 3, [False] * 3, [False, True, True]]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
@pytest.mark.parametrize(("budget", "steps"), [(6, 2), (7, 3), (9, 3), (1, 1)])
def test_a_visit_ends_at_the_first_step_that_reaches_the_budget(
    make_stream: MakeStream, mode: str, budget: int, steps: int
) -> None:
    env = make(make_stream("reach", "push", steps_per_task=budget), mode)
    env.reset(seed=0)
    ends = [env.step(ZERO)[3] for _ in range(steps)]
    assert [end.tolist() for end in ends] == [[False] * SLOTS] * (steps - 1) + [[True] * SLOTS]
    if mode == "Disabled":
        env.reset()
    elif mode == "NextStep":
        env.step(ZERO)
    assert env.course.visit.name == "push"


def test_steps_that_a_slot_sits_out_do_not_count(make_stream: MakeStream) -> None:
    """Horizon 2 in a budget of 12: step, step, reset, step, step is 4 steps of 3 slots."""
    env = make(make_stream("reach", "push", steps_per_task=12, horizon=2))
    env.reset(seed=0)
    told = [env.step(ZERO) for _ in range(6)]
    assert [step[3].all() for step in told] == [False, True, False, False, True, False]
    assert [step[4]["task"][0] for step in told] == ["reach"] * 5 + ["push"]


def test_the_next_task_begins_at_the_next_step(make_stream: MakeStream) -> None:
    env = make(make_stream("reach", "push", steps_per_task=2 * SLOTS))
    env.reset(seed=0)
    env.step(ZERO)
    *_, last = env.step(ZERO)
    assert last["task"].tolist() == ["reach"] * SLOTS
    _, rewards, terminations, truncations, infos = env.step(np.ones((SLOTS, 4)))
    assert infos["task"].tolist() == ["push"] * SLOTS
    for values in (rewards, terminations, truncations):
        assert not values.any()


def test_the_next_task_begins_within_the_step(make_stream: MakeStream) -> None:
    env = make(make_stream("reach", "push", steps_per_task=SLOTS), "SameStep")
    before, _ = env.reset(seed=0)
    observations, rewards, _, truncations, infos = env.step(ZERO)
    assert rewards.all()
    assert truncations.all()
    assert infos["task"].tolist() == ["push"] * SLOTS
    assert infos["final_info"]["task"].tolist() == ["reach"] * SLOTS
    assert infos["_final_obs"].all()
    assert infos["final_info"]["_task"].all()
    np.testing.assert_allclose(infos["final_obs"][0], before[0], atol=0.05)
    assert not np.allclose(observations, before)


def test_the_next_task_begins_at_the_users_reset(make_stream: MakeStream) -> None:
    env = make(make_stream("reach", "push", steps_per_task=SLOTS), "Disabled")
    env.reset(seed=0)
    assert env.step(ZERO)[4]["task"][0] == "reach"
    with pytest.raises(ResetNeeded):
        env.step(ZERO)
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([True, False, True])})
    assert env.course.visit.name == "reach"
    _, infos = env.reset(options={"reset_mask": np.ones(SLOTS, np.bool_)})
    assert infos["task"].tolist() == ["push"] * SLOTS


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_after_the_end_it_stays_on_the_last_task(make_stream: MakeStream, mode: str) -> None:
    env = make(make_stream("reach", "push", steps_per_task=2 * SLOTS, horizon=3), mode)
    env.reset(seed=0)
    told = [env.step(ZERO) for _ in range(16)]
    assert told[-1][4]["task"][0] == "push"
    assert told[-1][4]["stream_finished"].all()
    ends = [index for index, step in enumerate(told) if step[3].all()]
    assert ends == ([1, 4, 8, 12] if mode == "NextStep" else [1, 3, 6, 9, 12, 15])


def test_a_task_is_compiled_when_it_comes_up_and_kept(make_stream: MakeStream) -> None:
    env = make(make_stream("reach", "push", "reach", steps_per_task=SLOTS), "SameStep")
    assert (env.env_idx, env.envs) == (0, [None, None])
    env.reset(seed=0)
    first = env.envs[0]
    assert first is not None
    assert env.envs[1] is None
    env.step(ZERO)
    assert env.env_idx == 1
    env.step(ZERO)
    assert (env.env_idx, env.envs[0]) == (0, first)


def test_a_seed_starts_the_stream_anew(make_stream: MakeStream) -> None:
    env = make(make_stream("reach", "push", steps_per_task=SLOTS, placement="every-episode"))
    first, _ = env.reset(seed=3)
    env.step(ZERO)
    env.step(ZERO)
    again, infos = env.reset(seed=3)
    np.testing.assert_array_equal(again, first)
    assert infos["stream_position"].tolist() == [0] * SLOTS
    np.testing.assert_array_equal(env.reset(seed=[3, 4, 5])[0], first)
    assert not np.array_equal(env.reset()[0], first)


def test_without_a_seed_two_streams_differ(make_stream: MakeStream) -> None:
    starts = {make(make_stream("reach")).reset()[0].tobytes() for _ in range(2)}
    assert len(starts) == 2


@pytest.mark.parametrize("seed", [[1, 2], [1, None, 2]])
def test_a_list_of_seeds_has_one_per_slot(make_stream: MakeStream, seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must"):
        make(make_stream("reach")).reset(seed=seed)


def test_success_ends_a_slots_episode_if_asked(
    make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make(make_stream("reach", "push", steps_per_task=100, terminate_on_success=True))
    env.reset(seed=0)
    engine, _ = env._env()._engines[0]
    honest = engine.judge

    def lucky() -> Any:
        outcome = honest()
        outcome.successes[1] = True
        return outcome

    monkeypatch.setattr(engine, "judge", lucky)
    _, _, terminations, truncations, infos = env.step(ZERO)
    assert terminations.tolist() == [False, True, False]
    assert not truncations.any()
    assert infos["success"].tolist() == [0.0, 1.0, 0.0]
    assert env.step(ZERO)[1][1] == 0.0


def test_a_step_can_be_waited_for(make_stream: MakeStream) -> None:
    card = make_stream("reach", "push", steps_per_task=2 * SLOTS)
    at_once, later = make(card), make(card, threads=2)
    assert_equal(at_once.reset(seed=0), later.reset(seed=0))
    for action in actions(6, SLOTS):
        later.step_async(action)
        for use in (later.reset, lambda: later.step(ZERO), lambda: later.step_async(ZERO), later.render):
            with pytest.raises(AlreadyPendingCallError):
                use()
        assert_equal(at_once.step(action), later.step_wait())
    with pytest.raises(NoAsyncCallError):
        later.step_wait()


def test_a_refused_action_changes_nothing(make_stream: MakeStream) -> None:
    env = make(make_stream("reach", "push", steps_per_task=SLOTS))
    env.reset(seed=0)
    for following in ("reach", "push"):
        for wrong in (np.zeros(4), np.full((SLOTS, 4), np.nan), ZERO + 2):
            with pytest.raises(ValueError, match="actions must have"):
                env.step(wrong)
        assert env.step(ZERO)[4]["task"][0] == following


def test_it_needs_a_reset_first(make_stream: MakeStream) -> None:
    env = make(make_stream("reach"))
    for use in (lambda: env.step(ZERO), lambda: env.step_async(ZERO), env.render):
        with pytest.raises(ResetNeeded):
            use()


def test_a_closed_stream_says_so(make_stream: MakeStream) -> None:
    env = make(make_stream("reach"))
    env.reset(seed=0)
    env.step_async(ZERO)
    env.close()
    env.close()
    for use in (env.step_wait, env.reset, lambda: env.step(ZERO), env.render):
        with pytest.raises(ClosedEnvironmentError):
            use()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"num_envs": 0}, "num_envs must be a whole number"),
        ({"threads": 0}, "threads must be a whole number"),
        ({"autoreset_mode": "Sometimes"}, "Sometimes"),
        ({"horizn": 5}, "did you mean 'horizon'"),
        ({"robot": "kuke"}, "did you mean 'kuka'"),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    make_stream: MakeStream, wrong: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        VectorStreamEnv(make_stream("reach"), **{"num_envs": 2, **wrong})


def test_an_unknown_task_of_a_card_made_in_python_is_named(make_stream: MakeStream) -> None:
    with pytest.raises(CardError, match="stream 'short': unknown task 'reech': did you mean 'reach'"):
        VectorStreamEnv(make_stream("reach", "reech"), 2)


def test_gymnasium_makes_it(make_stream: MakeStream) -> None:
    env = gymnasium.make_vec(
        "LegionBench/Stream-v0", 2, stream=make_stream("reach"), autoreset_mode=AutoresetMode.SAME_STEP
    )
    assert isinstance(env, VectorStreamEnv)
    assert env.reset(seed=0)[0].shape == env.observation_space.shape == (2, 12)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
