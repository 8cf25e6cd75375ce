"""Final success rates as statistics, and which figures there are of them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest

from legion_bench.reports import figures
from legion_bench.reports.frames import runs_frame, summary_frame
from legion_bench.reports.measured import Measured, measure, measure_all
from legion_bench.reports.pictures.statistics import statistics
from legion_bench.reports.statistics import (
    aggregates_frame,
    improvement_frame,
    profiles_frame,
    scores_frame,
)

from .conftest import MakeRun


def scores(**agents: dict[int, tuple[float, ...]]) -> pd.DataFrame:
    """Return scores per agent, seed and task."""
    rows = [
        ("smoke", agent, seed, f"{agent}/{seed}", f"task {task}", score)
        for agent, seeds in agents.items()
        for seed, values in seeds.items()
        for task, score in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["protocol", "agent", "seed", "run", "task", "score"])


def names(runs: list[Measured]) -> list[str]:
    styles = figures.agent_styles(sorted({run.agent for run in runs}))
    return [picture.words[0] for picture in statistics(runs, styles)]


def test_scores_are_the_last_rates_of_distinct_tasks_of_complete_runs(make_run: MakeRun) -> None:
    whole = measure(make_run(tasks=("reach", "push", "reach")))
    part = measure(make_run(seed=1, stop_at=1400))
    frame = scores_frame([whole, part])
    assert frame[["agent", "seed", "task"]].to_numpy().tolist() == [["sac", 0, "reach"], ["sac", 0, "push"]]
    assert whole.performance is not None
    assert frame["score"].tolist() == whole.performance.success[-1, :2].tolist()


def test_agents_of_single_tasks_have_no_final_success(make_run: MakeRun) -> None:
    run = make_run()
    protocol = msgspec.structs.replace(run.manifest.protocol, regime="single-task")
    alone = replace(run, manifest=msgspec.structs.replace(run.manifest, protocol=protocol))
    assert scores_frame([measure(alone)]).empty


def test_nothing_has_statistics_with_columns() -> None:
    nothing = scores_frame([])
    assert "score" in nothing
    assert "value" in aggregates_frame(nothing)
    assert "threshold" in profiles_frame(nothing, 4)
    assert "probability" in improvement_frame(nothing)


def test_the_mean_is_the_average_performance(make_run: MakeRun) -> None:
    runs = measure_all([make_run(seed=seed, agent=agent) for seed in (0, 1, 2) for agent in ("sac", "ewc")])
    found = aggregates_frame(scores_frame(runs)).set_index(["agent", "statistic"])
    for _, row in summary_frame(runs_frame(runs)).iterrows():
        mean = found.loc[(row["agent"], "mean")]
        assert mean["value"] == pytest.approx(row["average_performance_mean"])
        assert (mean["runs"], mean["tasks"]) == (3, 3)
    assert ((found["low"] >= 0) & (found["low"] <= found["high"]) & (found["high"] <= 1)).all()


def test_one_run_has_statistics_without_interval() -> None:
    made = scores(sac={0: (0.5, 1.0)}, ewc={0: (0.25, 0.5), 1: (0.5, 1.0)})
    aggregates = aggregates_frame(made).set_index("agent")
    assert aggregates.loc["sac", ["low", "high"]].isna().all(axis=None)
    assert aggregates.loc["ewc", ["low", "high"]].notna().all(axis=None)
    profiles = profiles_frame(made, 4).set_index("agent")
    assert profiles.loc["sac", "value"].tolist() == [1, 1, 0.5, 0.5, 0]
    assert profiles.loc["sac", ["low", "high"]].isna().all(axis=None)
    (pair,) = improvement_frame(made).to_dict("records")
    assert (pair["agent"], pair["other"], pair["runs"], pair["other_runs"]) == ("sac", "ewc", 1, 2)
    assert pair["probability"] == pytest.approx((1 + 0.5 + 1 + 0.5) / 4)
    assert np.isnan(pair["probability_low"])
    assert (pair["shared_seeds"], pair["difference"]) == (1, pytest.approx(0.375))
    assert np.isnan(pair["difference_low"])


def test_differences_are_paired_by_the_shared_seeds() -> None:
    """Seeds 1 and 2 differ by .1 and .3, in whatever order; seeds 0 and 3 have no pair."""
    made = scores(a={2: (0.8,), 0: (0.0,), 1: (0.5,)}, b={1: (0.4,), 3: (1.0,), 2: (0.5,)}, c={7: (0.5,)})
    pairs = improvement_frame(made).set_index(["agent", "other"])
    found = pairs.loc[("a", "b")]
    assert (found["shared_seeds"], found["runs"], found["other_runs"]) == (2, 3, 3)
    assert found[["difference", "difference_low", "difference_high"]].tolist() == pytest.approx(
        [0.2, 0.1, 0.3]
    )
    assert pairs.loc[("a", "c"), "shared_seeds"] == 0
    assert np.isnan(pairs.loc[("a", "c"), "difference"])


def test_an_agents_runs_of_one_seed_are_averaged_before_pairing() -> None:
    made = scores(a={0: (0.2,), 1: (0.8,)}, b={0: (0.1,), 1: (0.5,)})
    again = made[:1].assign(run="a/again", score=0.6)
    (pair,) = improvement_frame(pd.concat([made[:1], again, made[1:]])).to_dict("records")
    assert (pair["runs"], pair["shared_seeds"]) == (3, 2)
    assert pair["difference"] == pytest.approx((0.4 - 0.1 + 0.8 - 0.5) / 2)


def test_statistics_depend_neither_on_other_agents_nor_on_the_order_of_runs() -> None:
    sac, ewc = {0: (0.2, 0.6), 1: (0.3, 0.9), 2: (0.4, 0.5)}, {0: (0.1, 0.2), 1: (0.7, 0.4)}
    alone = aggregates_frame(scores(sac=sac))
    together = aggregates_frame(scores(ewc=ewc, sac=sac))
    pd.testing.assert_frame_equal(alone, together[together["agent"] == "sac"].reset_index(drop=True))
    backwards = scores(sac=dict(reversed(sac.items())))
    pd.testing.assert_frame_equal(alone, aggregates_frame(backwards))
    pd.testing.assert_frame_equal(profiles_frame(scores(sac=sac), 10), profiles_frame(backwards, 10))


def test_figures_that_would_compare_nothing_are_left_out(make_run: MakeRun) -> None:
    sac = [measure(make_run(seed=seed)) for seed in (0, 1)]
    ewc = [measure(make_run(agent="ewc", seed=seed)) for seed in (0, 1)]
    part = measure(make_run(agent="a", stop_at=1400))
    assert names([part]) == names(sac[:1]) == names([ewc[0], sac[0]]) == []
    assert names([part, *sac]) == ["performance-profiles"]
    assert names([ewc[0], *sac]) == ["aggregates", "performance-profiles"]
    assert names([part, *ewc, *sac]) == ["aggregates", "performance-profiles", "improvement"]


def test_captions_name_the_seeds_behind_the_figures(make_run: MakeRun) -> None:
    runs = [measure(make_run(agent="a", stop_at=1400)), *(measure(make_run(seed=seed)) for seed in (0, 1))]
    (picture,) = statistics(runs, figures.agent_styles(["a", "sac"]))
    assert "(sac: 2)" in picture.caption
    assert "4 episodes per task" in picture.caption
