"""Which tasks a test plays: a sample of every kind, or all with ``-m parity``."""

from __future__ import annotations

import pytest

from legion_bench import catalogue

# One or two objects, rewards of ours or of Meta-World's own code.
SAMPLE = ("reach", "push", "drawer-close", "stick-pull", "coffee-button", "hand-insert")

every_task = pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, marks=[] if task in SAMPLE else pytest.mark.parity)
        for task in catalogue.names("envs/tasks")
    ],
)
