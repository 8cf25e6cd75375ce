"""Where the time goes, and what updates report, between two progress records."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np

from legion_bench.protocols.memory import peak_memory
from legion_bench.types import Footprint, Metrics, TaskInfo, TrainingRecord


class Clock:
    """The wall clock of a run, which a resumed run takes over."""

    def __init__(self) -> None:
        """Begin now."""
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = defaultdict(float)
        self._reports: dict[str, list[float]] = defaultdict(list)
        self._last_step = 0

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Add the time that the block takes to ``what``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[what] += time.perf_counter() - began

    def report(self, metrics: Metrics) -> None:
        """Take in what one update reported."""
        for name, value in metrics.items():
            self._reports[name].append(value)

    def record(self, step: int, visit: TaskInfo, footprint: Footprint | None) -> TrainingRecord:
        """Return progress since the last record, and begin anew."""
        seconds, reports = self._seconds, self._reports
        training = seconds["environment"] + seconds["agent"]
        record = TrainingRecord(
            step=step,
            stream_position=visit.position,
            task=visit.name,
            wall_clock=self._elapsed(),
            steps_per_second=(step - self._last_step) / training if training else 0.0,
            environment_seconds=seconds["environment"],
            update_seconds=seconds["agent"],
            evaluation_seconds=seconds["evaluation"],
            losses={name: float(np.mean(values)) for name, values in sorted(reports.items())},
            **({} if footprint is None else msgspec.structs.asdict(footprint)),
            peak_memory_bytes=peak_memory(),
        )
        self._seconds, self._reports = defaultdict(float), defaultdict(list)
        self._last_step = step
        return record

    def state_dict(self) -> dict[str, Any]:
        """Return what the next record depends on."""
        return {
            "elapsed": self._elapsed(),
            "seconds": dict(self._seconds),
            "reports": {name: np.array(values) for name, values in self._reports.items()},
            "last_step": self._last_step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict` as if no time had passed since."""
        self._began = time.perf_counter() - state["elapsed"]
        self._seconds = defaultdict(float, state["seconds"])
        reports = {name: values.tolist() for name, values in state["reports"].items()}
        self._reports = defaultdict(list, reports)
        self._last_step = state["last_step"]

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began
