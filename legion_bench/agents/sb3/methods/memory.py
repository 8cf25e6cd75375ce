"""An episodic memory: equally many rows of each task."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Memory:
    """Columns of numbers [rows, width], kept by task and drawn from all tasks alike."""

    def __init__(self, tasks: int, rows: int) -> None:
        """Make room for ``rows`` rows of each of so many tasks; it is taken up as tasks come."""
        self._tasks, self._count = tasks, rows
        self._widths: list[int] = []
        self._rows = torch.empty(0)  # [tasks, rows, sum of widths] from the first task on
        self.tasks: list[int] = []
        """Identities of those in memory, in the order in which they came."""

    def store(self, task: int, *columns: Tensor) -> None:
        """Keep columns, each [rows, its width], in place of what was kept of this task."""
        if not self._widths:
            self._widths = [column.shape[1] for column in columns]
            # Zeros are backed by no memory before they are written over.
            self._rows = columns[0].new_zeros(self._tasks, self._count, sum(self._widths))
        self._rows[task] = torch.cat(columns, 1)
        if task not in self.tasks:
            self.tasks.append(task)

    def sample(self, count: int, but: int | None = None) -> tuple[Tensor, ...]:
        """Draw ``count`` rows with replacement, leaving out task ``but``; return their columns."""
        tasks = torch.tensor([task for task in self.tasks if task != but])
        places = tasks[torch.randint(len(tasks), (count,))] * self._count
        places += torch.randint(self._count, (count,))
        return self._columns(self._rows.flatten(0, 1)[places.to(self._rows.device)])

    @property
    def stored_bytes(self) -> int:
        """Of the tasks that are in it."""
        return len(self.tasks) * self._count * sum(self._widths) * self._rows.element_size()

    def state_dict(self) -> dict[str, Any]:
        """Return what it holds."""
        return {
            str(task): [column.clone() for column in self._columns(self._rows[task])] for task in self.tasks
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hold what :meth:`state_dict` returned."""
        self.tasks.clear()
        for task, columns in state.items():
            self.store(int(task), *columns)

    def _columns(self, rows: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.split(rows, self._widths, 1))
