"""Runs on the nodes of a Ray cluster, which share the storage that run folders are on."""

from __future__ import annotations

import signal
import sys
import time
from importlib import import_module
from typing import Any

from legion_bench.errors import LegionBenchError, LockedError, extra
from legion_bench.launch import run
from legion_bench.sweeps.grid import Cell
from legion_bench.sweeps.loop import Outcome

_PATIENCE = 120.0
"""Seconds: processes of a node that the cluster has given up may live on for a while."""


class Cluster:
    """Runs as Ray tasks; one whose node dies goes on elsewhere, from its last checkpoint."""

    jobs = sys.maxsize  # Ray queues them

    def __init__(
        self, address: str | None, cpus: float, gpus: float, retries: int, checkpoint_minutes: float
    ) -> None:
        """Connect.

        Args:
            address: of a cluster, ``"auto"`` for the one that this machine is part of; None starts
                one here, of this machine alone.
            cpus: that each run asks for.
            gpus: that each run asks for.
            retries: how many lost nodes a run survives.
            checkpoint_minutes: least time between checkpoints.

        Raises:
            LegionBenchError: Ray is not installed, or there is no such cluster.
        """
        try:
            self._ray: Any = import_module("ray")
        except ModuleNotFoundError:
            raise LegionBenchError(f"sweeps on a cluster need Ray, on every node: {extra('ray')}") from None
        try:
            self._ray.init(address, log_to_driver=False, logging_level="error")
        except (ConnectionError, ValueError) as error:
            raise LegionBenchError(f"no Ray cluster at {address!r}: {error}") from None
        self._train = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=retries)(train)
        self._checkpoint_minutes = checkpoint_minutes

    def start(self, cell: Cell) -> _Task:
        """Hand a run over to the cluster."""
        reference = self._train.options(name=cell.name).remote(cell, self._checkpoint_minutes)
        return _Task(self._ray, reference)


class _Task:
    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference

    def outcome(self) -> Outcome | None:
        ready, _ = self._ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            self._ray.get(self._reference)
        except self._ray.exceptions.RayTaskError as error:
            return Outcome(str(error.cause))
        except self._ray.exceptions.RayError as error:
            return Outcome(str(error).splitlines()[0])
        return Outcome()

    def stop(self) -> None:
        self._ray.cancel(self._reference)


def train(cell: Cell, checkpoint_minutes: float) -> None:
    """Take a run to its end on a node of a cluster, wherever it began."""
    # Ray stops a task by an interrupt, which processes that were started in the background ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            if cell.finished_now():
                return  # by a process of a lost node, before or after the cluster gave it up
            run(cell.protocol, cell.agent, cell.seed, cell.path, checkpoint_minutes=checkpoint_minutes)
            return
        except LockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
