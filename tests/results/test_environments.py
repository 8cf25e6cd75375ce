"""The committed audit: KUKA is no worse a robot for Meta-World's tasks than Sawyer."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from legion_bench import catalogue
from legion_bench.cards import load_stream

RESULTS = Path(__file__).parents[2] / "results"
README = (RESULTS / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tasks() -> pd.DataFrame:
    return pd.read_csv(RESULTS / "environments" / "tasks.csv").set_index("task")


def test_every_task_was_played_by_committed_code(tasks: pd.DataFrame) -> None:
    assert tuple(tasks.index) == tuple(catalogue.names("envs/tasks"))
    record = json.loads((RESULTS / "environments" / "audit.json").read_text("utf-8"))
    assert record["git"]["dirty"] is False
    assert record["seeds"] == [0, 99]


def test_kuka_keeps_up_with_sawyer(tasks: pd.DataFrame) -> None:
    behind = tasks["sawyer %"] - tasks["kuka %"]
    assert behind[list(load_stream("kuka-curriculum").tasks)].max() <= 5
    assert behind.mean() <= 3


def test_the_readme_says_what_the_audit_found(tasks: pd.DataFrame) -> None:
    for task, row in tasks[tasks["kuka - sawyer"] != 0].iterrows():
        assert f"| {task} | {row['sawyer %']:.0f} | {row['kuka %']:.0f} |" in README
    means = tasks[["sawyer %", "kuka %"]].mean()
    assert f"the mean is {means.iloc[0]:.1f} % on Sawyer\nand {means.iloc[1]:.1f} % on KUKA" in README
    assert (RESULTS / "environments" / "joints-kuka.md").read_text("utf-8").strip() in README
