"""Which runs differ by the order of their tasks alone."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from legion_bench.cards import ProtocolCard
from legion_bench.reports.measured import Measured, measure_all
from legion_bench.reports.orders import orders_frame, robustness_frame
from legion_bench.results.store import Run

from .conftest import TASKS, MakeRun, manifest


def performances(runs: tuple[Measured, ...], protocol: str, agent: str = "sac") -> list[float]:
    return [
        value
        for run in runs
        if (run.protocol, run.agent) == (protocol, agent)
        and (value := run.metrics["average_performance"].value) is not None
    ]


def test_a_row_per_order_and_one_for_all(make_run: MakeRun) -> None:
    made = [make_run(protocol="there", seed=seed) for seed in (0, 1)]
    made += [make_run(protocol="back", seed=seed, tasks=TASKS[::-1]) for seed in (0, 1, 2)]
    made += [make_run(protocol="there", agent="ewc"), make_run(protocol="back", agent="a", tasks=TASKS[::-1])]
    runs = measure_all(made)
    rows = orders_frame(runs)
    assert rows[["protocols", "agent", "protocol", "seeds"]].to_numpy().tolist() == [
        ["back, there", "sac", "back", 3],
        ["back, there", "sac", "there", 2],
    ], "ewc and a have one order each"
    means = [np.mean(performances(runs, protocol)) for protocol in ("back", "there")]
    assert rows["mean"].tolist() == pytest.approx(means)
    (row,) = robustness_frame(runs).to_dict("records")
    assert (row["orders"], row["runs"]) == (2, 5)
    assert row["mean"] == pytest.approx(np.mean(means))
    assert row["worst"] == pytest.approx(min(means))
    assert row["worst_protocol"] == ("back", "there")[int(np.argmin(means))]
    assert row["deviation"] == pytest.approx(abs(means[0] - means[1]) / np.sqrt(2))
    assert row["low"] <= row["mean"] <= row["high"]
    assert row["seed_deviation"] > 0


def other(make_run: MakeRun, part: str, **changes: object) -> Run:
    """Return a run in the other order that differs in one thing more."""
    made = manifest(protocol="back", tasks=TASKS[::-1])
    card = msgspec.structs.replace(getattr(made, part), **changes)
    fields = {"tasks": TASKS[::-1], "protocol": made.protocol, part: card}
    return make_run("other", **fields)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("stream", {"steps_per_task": 2000}),
        ("stream", {"placement": "every-episode"}),
        ("protocol", {"evaluate_every": 500}),
        ("protocol", {"evaluation_episodes": 3}),
        ("protocol", {"regime": "expanding"}),
    ],
)
def test_what_differs_in_more_is_not_compared(
    make_run: MakeRun, part: str, changes: dict[str, object]
) -> None:
    assert robustness_frame(measure_all([make_run(), other(make_run, part, **changes)])).empty


def test_names_and_titles_do_not_matter(make_run: MakeRun) -> None:
    runs = [make_run(), other(make_run, "stream", name="mine", title="Mine")]
    assert len(robustness_frame(measure_all(runs))) == 1


def test_what_is_no_other_order_is_not_compared(make_run: MakeRun) -> None:
    same = make_run("same", protocol="again", seed=1)
    fewer = make_run("fewer", protocol="fewer", tasks=TASKS[:0:-1])
    stopped = make_run("stopped", protocol="back", tasks=TASKS[::-1], stop_at=2000)
    first = make_run()
    for one in (same, fewer, stopped):
        assert orders_frame(measure_all([first, one])).empty
    assert robustness_frame([]).empty


@pytest.mark.parametrize(("regime", "compared"), [("expanding", 1), ("multi-task", 0), ("single-task", 0)])
def test_only_tasks_that_come_in_turn_have_an_order(make_run: MakeRun, regime: str, compared: int) -> None:
    cards = [msgspec.structs.replace(manifest().protocol, name=name, regime=regime) for name in ("a", "b")]
    made = [
        manifest(protocol=card, tasks=tasks) for card, tasks in zip(cards, (TASKS, TASKS[::-1]), strict=True)
    ]
    runs = [make_run(protocol=one.protocol, tasks=one.stream.tasks) for one in made]
    found = measure_all(runs)
    assert all(run.complete for run in found)
    assert len(robustness_frame(found)) == compared


def test_protocols_of_one_order_are_pooled(make_run: MakeRun) -> None:
    card: ProtocolCard = manifest().protocol
    runs = [make_run(), make_run("b", protocol=msgspec.structs.replace(card, name="twin"), seed=1)]
    runs.append(make_run(protocol="back", tasks=TASKS[::-1]))
    rows = orders_frame(measure_all(runs))
    assert rows[["protocol", "seeds"]].to_numpy().tolist() == [["back", 1], ["smoke", 2]]
