"""Success rates from an evaluation log, and every way a log can be wrong."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench.errors import MetricError
from legion_bench.metrics import success_rates
from legion_bench.types import EvaluationRecord

from .logs import ends, evaluation, log

TASKS = ("reach", "push")
Log = list[EvaluationRecord]


def good_log() -> Log:
    first = np.array([[0.1, 0.0], [0.9, 0.2]])
    second = np.array([[0.5, 0.4], [0.3, 0.8]])
    return log([first, second], TASKS)


def test_rates_are_placed_by_evaluation_and_position() -> None:
    run = success_rates(good_log(), TASKS, ends(TASKS))
    assert run.steps.tolist() == [0, 50, 100, 150, 200]
    assert run.stream_position.tolist() == [-1, 0, 0, 1, 1]
    expected = np.array([[0, 0], [0.1, 0], [0.9, 0.2], [0.5, 0.4], [0.3, 0.8]])
    np.testing.assert_allclose(run.success, expected)
    assert run.tasks == TASKS
    assert run.episodes == 10
    assert run.interval(1).tolist() == [3, 4]


def test_a_repeated_task_fills_all_its_positions() -> None:
    tasks = ("reach", "push", "reach")
    rates = [np.array([[0.5, 0.1, 0.5]]), np.array([[0.4, 0.9, 0.4]]), np.array([[0.7, 0.3, 0.7]])]
    run = success_rates(log(rates, tasks), tasks, ends(tasks))
    np.testing.assert_allclose(run.success[1:], np.concatenate(rates))


@pytest.mark.parametrize(("kept", "trained"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_trained_counts_only_visits_that_reached_their_end(kept: int, trained: int) -> None:
    records = [record for record in good_log() if record.step in (0, 50, 100, 150, 200)[:kept]]
    assert success_rates(records, TASKS, ends(TASKS)).trained == trained


def without(step: int, task: str | None = None, episode: int | None = None) -> Callable[[Log], Log]:
    def gone(record: EvaluationRecord) -> bool:
        return record.step == step and task in (None, record.task) and episode in (None, record.episode)

    return lambda records: [record for record in records if not gone(record)]


def changed(**fields: object) -> Callable[[Log], Log]:
    """Change one episode: the third one of push at step 100."""

    def change(records: Log) -> Log:
        at = next(i for i, r in enumerate(records) if (r.step, r.task, r.episode) == (100, "push", 2))
        return [*records[:at], msgspec.structs.replace(records[at], **fields), *records[at + 1 :]]

    return change


def late(position: int) -> Log:
    return evaluation(250, position, np.zeros(2), TASKS, 10)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda records: [], "log is empty"),
        (without(50, "push"), "step 50: task 'push' has 0 evaluation episodes, expected 10"),
        (without(200, "push", 9), "step 200: task 'push' has 9 evaluation episodes, expected 10"),
        (without(0), "one evaluation before training"),
        (without(100), "'reach' at stream position 0 has no evaluation at its end .step 100."),
        (lambda records: records + records[-20:], "step 200: episode 0 of task 'reach' appears twice"),
        (changed(episode=1), "step 100: episode 1 of task 'push' appears twice"),
        (lambda records: records[20:] + records[:20], "steps are not in order after step 200"),
        (changed(task="pusch"), "step 100: unknown task 'pusch': did you mean 'push'"),
        (changed(task_position=0), "step 100: task 'push' is logged under stream position 0, its first is 1"),
        (changed(success=2), "step 100: episode 2 of task 'push' has success 2"),
        (changed(stream_position=1), r"step 100: stream position \[0, 1\]"),
        (lambda records: records + late(2), r"step 250: stream position \[2\], expected one of -1 to 1"),
        (
            lambda records: evaluation(0, -2, np.zeros(2), TASKS, 10) + records[20:],
            r"step 0: stream position \[-2\], expected one of -1 to 1",
        ),
        (
            lambda records: [*records, msgspec.structs.replace(records[-1], episode=10)],
            "step 200: task 'push' has 11 evaluation episodes, expected 10",
        ),
        (lambda records: records + late(0), "positions are not in order after step 200"),
    ],
)
def test_a_wrong_log_is_an_error_that_says_where(spoil: Callable[[Log], Log], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        success_rates(spoil(good_log()), TASKS, ends(TASKS))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_equals_a_count_of_episodes(data: st.DataObject) -> None:
    tasks = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5))
    episodes = data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    visits = [rng.integers(0, episodes + 1, size=(2, len(tasks))) / episodes for _ in tasks]
    records = log(visits, tasks, episodes)
    run = success_rates(records, tasks, ends(tasks))
    for k, step in enumerate(run.steps):
        for i, task in enumerate(tasks):
            cell = [r.success for r in records if r.step == step and r.task == task]
            assert run.success[k, i] == sum(cell) / len(cell)


def test_the_order_of_episodes_within_an_evaluation_does_not_matter() -> None:
    records = good_log()
    shuffled = [record for at in range(0, len(records), 20) for record in reversed(records[at : at + 20])]
    assert shuffled != records
    expected = success_rates(records, TASKS, ends(TASKS)).success
    np.testing.assert_array_equal(success_rates(shuffled, TASKS, ends(TASKS)).success, expected)
