"""When there is a picture, and what its caption must say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import pytest

from legion_bench.cards import ProtocolCard
from legion_bench.reports.figures import Style, agent_styles
from legion_bench.reports.measured import Measured, measure_all
from legion_bench.reports.pictures import Picture
from legion_bench.reports.pictures.comparisons import built_on, cost, stability, transfer
from legion_bench.results.store import Run
from tests.reports.conftest import MakeRun, manifest

Family = Callable[[Sequence[Measured], Mapping[str, Style]], Iterator[Picture]]


def under(**changes: object) -> ProtocolCard:
    """Return the tests' protocol, changed."""
    return msgspec.structs.replace(manifest().protocol, **changes)


def draw(family: Family, runs: Sequence[Run], references: Sequence[Run] = ()) -> list[Picture]:
    measured = measure_all(runs, references)
    return list(family(measured, agent_styles(sorted({run.agent for run in measured}))))


def test_forgetting_alone_without_references_and_transfer_beside_it_with(make_run: MakeRun) -> None:
    runs = [make_run(seed=0), make_run(seed=1), make_run(agent="ewc")]
    (picture,) = draw(transfer, runs)
    assert len(picture.figure.axes) == 1
    assert "Forward transfer" not in picture.caption
    for said in ("ewc: 1, sac: 2", "Continual World: the last 5", "4 episodes", "Protocol smoke"):
        assert said in picture.caption
    alone = make_run("alone", protocol=under(name="alone", regime="single-task"))
    (picture,) = draw(transfer, runs, [alone])
    assert len(picture.figure.axes) == 2
    assert "against single-task runs of sac." in picture.caption


def test_nothing_to_forget_is_no_picture(make_run: MakeRun) -> None:
    assert draw(transfer, [make_run(tasks=("reach",))]) == []
    assert draw(stability, [make_run("b", tasks=("reach",))]) == []


def test_ablations_stand_beside_what_they_extend(make_run: MakeRun) -> None:
    card = manifest().agent
    less = msgspec.structs.replace(card, name="less", extends=("sac",), parameters={"rate": 0.5})
    runs = [make_run(), make_run(agent=less), make_run(agent="other")]
    (picture,) = draw(built_on, runs)
    assert picture.words == ("variants", "smoke", "sac")
    assert "less: rate = 0.5." in picture.caption
    assert "other" not in picture.caption
    assert [label.get_text() for label in picture.figure.axes[0].get_yticklabels()] == ["sac", "less"]
    assert draw(built_on, [make_run("b"), make_run(agent="alone")]) == []
    stopped = make_run("c", agent=less, stop_at=1400)
    assert draw(built_on, [make_run("d"), stopped]) == []


def test_the_stability_gap_states_what_is_lowest(make_run: MakeRun) -> None:
    (picture,) = draw(stability, [make_run(seed=0), make_run(seed=1, stop_at=1400)])
    for said in ("De Lange et al. 2023", "2 switches", "Minimum accuracy:", "Worst-case accuracy:", "sac: 1"):
        assert said in picture.caption
    assert len(picture.figure.axes) == 3


@pytest.mark.parametrize("regime", ["expanding", "multi-task", "single-task"])
def test_only_tasks_in_turn_have_a_stability_gap(make_run: MakeRun, regime: str) -> None:
    assert draw(stability, [make_run(protocol=under(regime=regime))]) == []


def test_two_evaluations_show_no_gap(make_run: MakeRun) -> None:
    assert draw(stability, [make_run(protocol=under(evaluate_every=1000))]) == []


def test_cost_compares_agents(make_run: MakeRun) -> None:
    assert draw(cost, [make_run(), make_run(agent="ewc", stop_at=1400)]) == []
    (picture,) = draw(cost, [make_run("b"), make_run("c", agent="ewc")])
    assert len(picture.figure.axes) == 2
    for said in ("LEGION: the last evaluation", "ewc: 1, sac: 1", "Pareto front"):
        assert said in picture.caption
