"""Replay memory of S seeds: packed rows on the learner's device, sampled uniformly."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legion_bench.errors import CardError
from legion_bench.types import Transitions

_MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Batch:
    """B transitions of each of S seeds."""

    observations: Tensor
    """[S, B, obs]"""
    actions: Tensor
    """[S, B, 4]"""
    rewards: Tensor
    """[S, B]"""
    next_observations: Tensor
    """[S, B, obs]"""
    continues: Tensor
    """[S, B] 0 where the task ended, 1 where it did not, a time limit included."""
    tasks: Tensor
    """[S, B] identities, whole numbers."""


class Replay:
    """The last ``capacity`` transitions of each of S seeds; a full memory forgets the oldest."""

    def __init__(
        self, seeds: int, capacity: int, observation: int, action: int, device: torch.device
    ) -> None:
        """Allocate rows [S, capacity, 2 obs + action + 3] of 32-bit floats.

        Raises:
            CardError: they are larger than the memory that is free; says the bytes.
        """
        columns = (observation, action, 1, observation, 1, 1)
        self._columns = columns
        needed, there = 4 * seeds * capacity * sum(columns), _available(device)
        if needed > there:
            raise CardError(
                f"a replay memory of {capacity:,} transitions for {seeds} seed(s) takes {needed:,} bytes,"
                f" and {device.type} has {there:,} to give: lower buffer_size"
            )
        self._rows = torch.empty(seeds, capacity, sum(columns), device=device)
        self._counts = [0] * seeds
        # What a captured CUDA graph reads: a count in Python would be frozen into it.
        self._filled = torch.zeros(seeds, 1, dtype=torch.float64, device=device)

    @property
    def capacity(self) -> int:
        """How many transitions of a seed are kept."""
        return self._rows.shape[1]

    def size(self, seed: int) -> int:
        """Return how many transitions of a seed there are."""
        return min(self._counts[seed], self.capacity)

    def stored_bytes(self, seed: int) -> int:
        """Return how many bytes a seed's transitions take."""
        return self.size(seed) * self._rows.shape[2] * self._rows.element_size()

    def add(self, seed: int, batch: Transitions) -> None:
        """Store the transitions of one seed, in order."""
        flags = np.stack([~batch.terminated, batch.tasks], axis=1)
        parts = (batch.observations, batch.actions, batch.rewards[:, None], batch.next_observations, flags)
        rows = torch.from_numpy(np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe"))
        if self._rows.is_cuda:  # from pinned memory a copy keeps nobody waiting
            rows = rows.pin_memory()
        count, done = self._counts[seed], 0
        while done < len(rows):  # in as many pieces as there are ends to the memory
            place = (count + done) % self.capacity
            piece = rows[done : done + self.capacity - place]
            self._rows[seed, place : place + len(piece)].copy_(piece, non_blocking=True)
            done += len(piece)
        self._counts[seed] = count + done
        self._filled[seed] = self.size(seed)

    def clear(self) -> None:
        """Forget all transitions."""
        self._counts = [0] * len(self._counts)
        self._filled.zero_()

    def sample(self, uniform: Tensor) -> Batch:
        """Return transitions drawn with replacement.

        Args:
            uniform: [S, B] 64-bit random numbers in [0, 1).
        """
        places = (uniform * self._filled).long()
        seeds = torch.arange(len(self._rows), device=places.device).unsqueeze(1)
        return self._unpack(self._rows[seeds, places])

    def take(self, seed: int, places: Tensor) -> Batch:
        """Return the transitions [1, B] of one seed at given places [B]."""
        return self._unpack(self._rows[seed, places.to(self._rows.device)].unsqueeze(0))

    def _unpack(self, rows: Tensor) -> Batch:
        parts = torch.split(rows, list(self._columns), -1)
        observations, actions, rewards, following, continues, tasks = parts
        return Batch(
            observations, actions, rewards[..., 0], following, continues[..., 0], tasks[..., 0].long()
        )

    def state(self, seed: int) -> dict[str, Any]:
        """Return a copy of a seed's transitions, and where the next one goes."""
        return {"count": self._counts[seed], "rows": self._rows[seed, : self.size(seed)].cpu().clone()}

    def load(self, seed: int, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self._counts[seed] = state["count"]
        self._rows[seed, : len(state["rows"])] = state["rows"].to(self._rows.device)
        self._filled[seed] = self.size(seed)


def _available(device: torch.device) -> int:
    """Return how many bytes a device has to give, as far as it says."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        facts = dict(line.split(":") for line in _MEMORY.read_text(encoding="ascii").splitlines())
    except OSError:  # not Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 1024 * int(facts["MemAvailable"].split()[0])
