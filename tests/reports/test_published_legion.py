"""LEGION's published results: the committed tables say what the paper's data say, and read as records."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from legion_bench import cards, catalogue
from legion_bench.errors import RunError
from legion_bench.metrics import Undefined
from legion_bench.metrics.continual import end_of_interval
from legion_bench.reports import published
from legion_bench.reports.frames import averages_frame, runs_frame
from legion_bench.reports.published import Published
from legion_bench.reports.recall import improvements


def runs(name: str) -> list[Published]:
    return [run for run in published.lifelong() if run.protocol == f"lifelong-{name}"]


def finals(name: str) -> list[float | None]:
    return [run.metrics["average_performance"].value for run in runs(name)]


def test_the_curriculum_ends_at_082_over_seven_runs() -> None:
    assert finals("curriculum") == [0.80, 0.90, 0.80, 0.75, 0.80, 0.80, 0.90]
    assert np.mean(np.array(finals("curriculum"), float)) == pytest.approx(0.82, abs=0.005)
    hours = [(run.cost.wall_clock or 0) / 3600 for run in runs("curriculum")]
    assert (round(min(hours)), round(float(np.median(hours))), round(max(hours))) == (69, 71, 228)


def test_reverse_and_random_end_where_the_logs_do() -> None:
    assert finals("reverse") == pytest.approx([0.56, 0.69, 0.73, 0.63, 0.25])
    assert finals("random") == pytest.approx([0.90, 0.61, 0.72, 0.57, 0.76])


def test_multi_task_ends_as_published() -> None:
    bands = published.multitask_bands()
    last = bands.groupby("agent")["mean"].last().round(3).to_dict()
    assert last == {
        "LEGION (published)": 0.944,
        "soft modularisation (published)": 0.875,
        "FiLM (published)": 0.83,
        "CARE (published)": 0.81,
        "SAC (published)": 0.725,
    }
    assert bands["step"].max() == 10 * 997_500
    assert ((0 <= bands["low"]) & (bands["low"] <= bands["mean"]) & (bands["mean"] <= bands["high"])).all()
    assert (bands["high"] <= 1).all()


def test_components_are_as_many_as_tasks_and_pure() -> None:
    frame = published.components()
    assert (frame["components"] == frame["tasks"]).all()
    assert (frame["purity"] == 1).all()
    curriculum = frame[frame["stream"] == "curriculum"]
    assert (curriculum["components"] == curriculum["trained_visits"]).all()
    assert curriculum.query("snapshot == 1")["trained"].tolist() == list(TASKS)
    # Fewer than were trained: what docs and captions say of the few-shot snapshots.
    assert frame[frame["stream"] == "few-shot"]["components"].max() == 3


TASKS = cards.load_stream("kuka-curriculum").tasks


@pytest.mark.parametrize(("order", "never"), [("reverse", 12), ("random", 8)])
def test_tasks_that_are_not_learned_twice_in_a_row(order: str, never: int) -> None:
    found = 0
    for run in runs(order):
        assert run.performance is not None
        for position in range(10):
            reached = run.performance.success[run.performance.interval(position), position] >= 0.8
            found += not (reached[1:] & reached[:-1]).any()
    assert found == never


def test_each_visit_is_evaluated_to_its_end_and_not_at_its_start() -> None:
    for run in (*runs("reverse"), *runs("random")):
        performance = run.performance
        assert performance is not None
        assert performance.complete
        assert np.count_nonzero(performance.stream_position == -1) == 1
        for position, end in enumerate(performance.ends):
            steps = performance.steps[performance.interval(position)]
            assert (steps[0] - (end - 1_000_000), steps[-1], len(steps)) == (7_500, end, 134)


def test_forgetting_is_computed_as_for_runs_of_ours() -> None:
    (run, *_) = runs("reverse")
    assert run.performance is not None
    matrix = end_of_interval(run.performance, 1)
    assert run.metrics["forgetting_legion"].value == pytest.approx(sum(matrix.diagonal() - matrix[9]) / 9)
    assert run.metrics["forgetting_legion"].value == pytest.approx(0.4 / 9)
    assert run.metrics["forward_transfer_cw"].reason == "no single-task runs were published"


def test_the_curriculum_defines_its_average_alone() -> None:
    for run in runs("curriculum"):
        defined = [name for name, metric in run.metrics.items() if metric.value is not None]
        assert defined == ["average_performance"]
        assert run.performance is None
        assert len(run.averages[0]) == 201


def test_averages_are_over_bins_that_end_at_their_step() -> None:
    run = runs("random")[0]
    assert run.performance is not None
    steps, average = run.averages
    assert steps[:3].tolist() == [0, 50_000, 100_000]
    assert steps[-1] == 10_000_000
    inside = (run.performance.steps > 50_000) & (run.performance.steps <= 100_000)
    assert average[2] == pytest.approx(run.performance.success[inside].mean())
    assert average[0] == pytest.approx(run.performance.success[0].mean())


def test_they_are_framed_as_runs_of_ours_are() -> None:
    frame = runs_frame(published.lifelong())
    assert frame["protocol"].value_counts().to_dict() == {
        "lifelong-curriculum": 7,
        "lifelong-reverse": 5,
        "lifelong-random": 5,
    }
    assert frame["complete"].all()
    assert frame["run"].is_unique
    assert len(averages_frame(published.lifelong())) == 17 * 201


def test_recall_improves_with_each_visit() -> None:
    bands = published.recall_bands()
    assert list(dict.fromkeys(bands["task"])) == list(cards.load_stream("kuka-few-shot").tasks[:5])
    gains = improvements(bands).set_index(["task", "earlier", "later"])["improvement"]
    assert len(gains) == 15
    assert (gains > 0).all()
    assert gains["reach", 1, 2] == pytest.approx(0.202, abs=0.001)
    assert gains["push", 2, 3] == pytest.approx(0.155, abs=0.001)


def test_orders_of_the_two_names_cannot_all_be_what_they_say() -> None:
    """First evaluations that agree, return by return: the README builds on it."""
    table = published._table("first_evaluations")
    first = {
        (str(order), int(str(seed))): tuple(group.sort_values("position")["episode_return"])
        for (order, seed), group in table.groupby(["order", "seed"])
    }
    assert len(first) == 10
    assert first["reverse", 3] == first["random", 4]
    assert first["reverse", 4] == first["random", 2] == first["random", 3]
    reach = [max(range(10), key=first["reverse", run].__getitem__) for run in (1, 2, 3, 4)]
    assert reach == [9, 9, 0, 0]


@pytest.mark.parametrize(
    ("stream", "regime", "expected"),
    [
        ("kuka-curriculum", "lifelong", "lifelong-curriculum"),
        ("sawyer-curriculum", "lifelong", "lifelong-curriculum"),
        ("kuka-reverse", "lifelong", "lifelong-reverse"),
        ("kuka-random", "lifelong", "lifelong-random"),
        ("kuka-few-shot", "lifelong", "fewshot-recall"),
        ("kuka-random", "multi-task", "multitask"),
        ("kuka-curriculum", "expanding", None),
        ("kuka-curriculum", "single-task", None),
        ("kuka-few-shot", "multi-task", None),
        ("kuka-cw10", "lifelong", None),
        ("kuka-smoke", "lifelong", None),
    ],
)
def test_counterparts(stream: str, regime: str, expected: str | None) -> None:
    protocol = cards.load_protocol("lifelong-curriculum")[0]
    card = cards.load_stream(stream)
    assert published.counterpart(msgspec.structs.replace(protocol, regime=regime), card) == expected


@pytest.mark.parametrize(
    "change", [{"steps_per_task": 150_000}, {"horizon": 200}, {"placement": "every-episode"}]
)
def test_a_protocol_that_asks_less_has_no_counterpart(change: dict[str, object]) -> None:
    protocol, stream = cards.load_protocol("lifelong-curriculum")
    assert published.counterpart(protocol, msgspec.structs.replace(stream, **change)) is None


def test_no_reference_is_published() -> None:
    assert all(isinstance(run.reference, Undefined) for run in published.lifelong())


def test_missing_tables_are_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "root", lambda: tmp_path)
    published._table.cache_clear()
    with pytest.raises(RunError, match=r"components.csv is missing.*install it again"):
        published.components()


def test_the_tables_are_small() -> None:
    folder = catalogue.root() / "results" / "paper" / "data"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000
