"""Past tasks' policies as guides to a new task (Wołczyk et al. 2022, best-return exploration)."""

from __future__ import annotations

from typing import Any

import numpy as np

from legion_bench.types import Ints, Transitions

_ARRAYS = ("_started", "_finished", "_sums", "_guides", "_returns")


class BestReturn:
    """Tries each past task's policy for an episode, then goes on with the best on average."""

    def __init__(self, tasks: int) -> None:
        """Prepare for a stream of so many distinct tasks."""
        self._tasks = tasks
        self.begin([])

    def begin(self, past: list[int]) -> None:
        """A visit begins, with the policies of the tasks ``past`` to choose from."""
        self._past = list(past)
        # [task at hand, past task] episodes, and the sum of their returns.
        self._started = np.zeros((self._tasks, self._tasks), np.int64)
        self._finished, self._sums = np.zeros_like(self._started), np.zeros(self._started.shape)
        # [rows] who acts, -1 where an episode begins, and the rewards of the episode so far.
        self._guides, self._returns = np.zeros(0, np.int64), np.zeros(0)
        self._acting = False

    def guides(self, tasks: Ints) -> Ints | None:
        """Return whose policy acts in each row [N], given the rows' tasks; None without past tasks."""
        if not self._past:
            return None
        if len(self._guides) != len(tasks):
            self._guides, self._returns = np.full(len(tasks), -1), np.zeros(len(tasks))
        for row in np.flatnonzero(self._guides < 0):
            self._guides[row] = self._choose(int(tasks[row]))
        self._acting = True
        return self._guides.copy()

    def observe(self, batch: Transitions) -> None:
        """Count the rewards of steps that guides took; others are no business of theirs."""
        if not self._acting:
            return
        self._acting = False
        self._returns += batch.rewards
        over = batch.terminated | batch.truncated
        which = batch.tasks[over], self._guides[over]
        np.add.at(self._finished, which, 1)
        np.add.at(self._sums, which, self._returns[over])
        self._guides[over], self._returns[over] = -1, 0.0

    def _choose(self, task: int) -> int:
        untried = [past for past in self._past if not self._started[task, past]]
        if untried:
            chosen = untried[0]
        else:
            episodes, sums = self._finished[task, self._past], self._sums[task, self._past]
            means = np.where(episodes > 0, sums / np.maximum(episodes, 1), -np.inf)
            chosen = self._past[int(means.argmax())]
        self._started[task, chosen] += 1
        return chosen

    def state_dict(self) -> dict[str, Any]:
        """Return all returns and who acts."""
        arrays = {name: getattr(self, name).copy() for name in _ARRAYS}
        return {"past": list(self._past), "acting": self._acting, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._past, self._acting = list(state["past"]), state["acting"]
        for name in _ARRAYS:
            setattr(self, name, state[name].copy())
