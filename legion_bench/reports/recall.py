"""Few-shot recall: what a task's earlier visits are worth when it is trained again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from legion_bench.metrics.curves import own_curve, recall_improvement_legion
from legion_bench.reports.scored import Scored


def recall_frame(runs: Sequence[Scored]) -> pd.DataFrame:
    """Return success on each task of complete runs while it is trained, from the visit's start.

    Columns: ``run``, ``agent``, ``task``, ``presentation`` (from 1), ``step`` within it,
    ``success``. Empty if no task is trained twice.
    """
    columns = ["run", "agent", "task", "presentation", "step", "success"]
    parts = [pd.DataFrame(columns=columns)]
    for run in runs:
        tasks = run.performance.tasks if run.performance is not None else ()
        if not run.complete or run.performance is None or len(set(tasks)) == len(tasks):
            continue
        for position, task in enumerate(tasks):
            steps, success = own_curve(run.performance, position, start=True)
            part = pd.DataFrame({"step": steps, "success": success})
            presentation = tasks[: position + 1].count(task)
            parts.append(part.assign(run=run.folder, agent=run.agent, task=task, presentation=presentation))
    return pd.concat(parts[1:] or parts, ignore_index=True)[columns]


def improvements(bands: pd.DataFrame) -> pd.DataFrame:
    """Return what each later visit to a task gains over each earlier one.

    Args:
        bands: rows with ``task``, ``presentation``, ``step`` and ``mean``. The gain of means
            is the mean of gains, for it is linear.

    Returns:
        ``task``, ``earlier``, ``later`` and ``improvement``, which is
        :func:`legion_bench.metrics.curves.recall_improvement_legion`.
    """
    rows = []
    for task, group in bands.groupby("task", sort=False):
        curves = {
            int(str(presentation)): (part["step"].to_numpy(), part["mean"].to_numpy())
            for presentation, part in group.groupby("presentation")
        }
        rows += [
            {
                "task": task,
                "earlier": earlier,
                "later": later,
                "improvement": recall_improvement_legion(curves[earlier], curves[later]),
            }
            for earlier, later in combinations(sorted(curves), 2)
        ]
    return pd.DataFrame(rows, columns=["task", "earlier", "later", "improvement"])
