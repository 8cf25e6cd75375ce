"""Tables as text."""

from __future__ import annotations

from dataclasses import fields

import pandas as pd
import pytest

from legion_bench.metrics.aggregate import AGGREGATES
from legion_bench.metrics.cost import Cost
from legion_bench.reports import tables
from legion_bench.reports.frames import cost_frame, matrix_frame, runs_frame, summary_frame
from legion_bench.reports.measured import measure, measure_all
from legion_bench.reports.statistics import aggregates_frame, improvement_frame, scores_frame

from .conftest import MakeRun


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (0.634, 0.55, 0.709, "0.63 [0.55, 0.71]"),
        (0.634, None, None, "0.63 [–]"),
        (None, None, None, "–"),
        (-0.001, -0.2, 0.1, "0.00 [−0.20, 0.10]"),
        (0.0, 0.0, 0.0, "0.00 [0.00, 0.00]"),
    ],
)
def test_estimate(mean: float | None, low: float | None, high: float | None, text: str) -> None:
    row = pd.Series({"m_mean": mean, "m_low": low, "m_high": high})
    assert tables.estimate(row, "m") == text


def test_summary_says_what_is_missing(make_run: MakeRun) -> None:
    runs = [make_run(agent="sac"), make_run(agent="sac", seed=1), make_run(agent="sac", seed=2, stop_at=1200)]
    runs += [make_run(agent="ewc"), make_run(agent="a", stop_at=1200)]
    table = tables.summary_table(summary_frame(runs_frame(measure_all(runs)))).set_index("Agent")
    assert table["Seeds"].to_dict() == {"a": "0 of 1", "ewc": "1", "sac": "2 of 3"}
    assert table["Environment steps"].to_dict() == {"a": "1,200", "ewc": "3,000", "sac": "1,200–3,000"}
    assert table.loc["a", "Average performance"] == "–"
    assert str(table.loc["ewc", "Average performance"]).endswith("[–]")
    assert "," in str(table.loc["sac", "Average performance"])


def test_matrix_table_names_visits(make_run: MakeRun) -> None:
    run = measure(make_run(stop_at=1000))
    matrix = matrix_frame(run).set_axis(["before", "1 reach"], axis="columns")
    assert tables.matrix_table(matrix).columns.tolist() == ["evaluated on", "before", "1 reach"]
    assert (tables.visit(-1, ("a", "b")), tables.visit(1, ("a", "b"))) == ("before", "2 b")


def test_the_tables_to_read_stay_narrow(make_run: MakeRun) -> None:
    each = runs_frame(measure_all([make_run()]))
    metrics = ["Average performance", "Forgetting (CW)", "Retention", "Forward transfer (CW)"]
    assert [name for name in tables.summary_table(summary_frame(each)) if name in metrics] == metrics
    assert len(tables.summary_table(summary_frame(each)).columns) == 9
    assert len(tables.runs_table(each).columns) == 11


def test_cost_table(make_run: MakeRun) -> None:
    table = tables.cost_table(cost_frame(runs_frame(measure_all([make_run()]))))
    assert table.iloc[0].to_dict() == {
        "Protocol": "smoke",
        "Agent": "sac",
        "Runs": "1",
        "Environment steps": "3,000",
        "Evaluation steps": "28,800",
        "Gradient updates": "1,500",
        "Wall clock": "0:05:00",
        "Peak memory": "537 MB",
        "Parameters": "1,234",
        "Stored": "288 kB",
    }
    assert tables.cost("parameters", None) == "–"
    assert set(tables.COSTS) == {field.name for field in fields(Cost)}


def test_tables_of_statistics_say_what_is_missing(make_run: MakeRun) -> None:
    runs = [make_run(agent="sac", seed=0), make_run(agent="sac", seed=1), make_run(agent="ewc", seed=2)]
    scores = scores_frame(measure_all(runs))
    aggregates = tables.aggregates_table(aggregates_frame(scores))
    assert aggregates.columns.tolist() == ["Protocol", "Agent", "Runs", *tables.AGGREGATES.values()]
    assert aggregates[["Agent", "Runs"]].to_numpy().tolist() == [["ewc", "1"], ["sac", "2"]]
    assert aggregates["IQM"][0].endswith("[–]")
    assert "," in aggregates["IQM"][1]
    (pair,) = tables.improvement_table(improvement_frame(scores)).to_dict("records")
    assert (pair["Agent"], pair["Other agent"], pair["Shared seeds"]) == ("ewc", "sac", "0")
    assert pair["Probability of improvement"].endswith("[–]")
    assert pair["Difference, paired by seed"] == "–"
    assert set(tables.AGGREGATES) == set(AGGREGATES)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (96, "96 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_951, "10 kB"),
        (999_600, "1.0 MB"),
        (412_345_678, "412 MB"),
        (1.25e9, "1.2 GB"),
        (5e12, "5,000 GB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert tables.size(count) == text


def test_durations() -> None:
    assert tables.duration(3723.4) == "1:02:03"
    assert tables.duration(59.7) == "0:01:00"
    assert tables.duration(float("nan")) == "–"


def test_markdown_cells_cannot_break_their_table() -> None:
    text = tables.markdown(pd.DataFrame({"A": ["x|y\nz"], "B": ["<b>"]}))
    assert text == "| A | B |\n| --- | --- |\n| x\\|y z | \\<b> |\n"


def test_csv_keeps_every_digit() -> None:
    frame = pd.DataFrame({"a": [0.1 + 0.2, None]})
    assert tables.csv(frame) == 'a\n0.30000000000000004\n""\n'
