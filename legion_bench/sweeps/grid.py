"""What a sweep consists of, checked before any of it begins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from legion_bench.errors import RunError
from legion_bench.launch import default_folder, job_of
from legion_bench.protocols.schedule import spans


@dataclass(frozen=True)
class Cell:
    """One run of a sweep."""

    protocol: str
    """Card name or absolute path, as the next."""
    agent: str
    seed: int
    path: Path
    """Its run folder, absolute: it may be written elsewhere than here."""
    steps: int
    """Environment steps of training."""
    finished: bool
    """Whether it was so before the sweep."""

    @property
    def name(self) -> str:
        """What it is called where people read."""
        return "/".join(self.path.parts[-3:])

    def finished_now(self) -> bool:
        """Return whether it is so by now, whoever finished it.

        Raises:
            LegionBenchError: a card or the folder is no longer what it was.
        """
        return job_of(self.protocol, self.agent, self.seed, self.path).stage == "finished"


def grid(protocols: Sequence[str], agents: Sequence[str], seeds: Sequence[int], out: Path) -> list[Cell]:
    """Return the runs of a sweep: seed by seed, so that a part of it compares like with like.

    Every agent is built once, so that a parameter which it refuses is known now.

    Args:
        protocols: card names or paths.
        agents: card names, paths, entry points or ``package.module:Class``.
        seeds: in [0, 2**31).
        out: holds the run folders ``<protocol>/<agent>/seed-<seed>``.

    Raises:
        LegionBenchError: a wrong name, card or parameter; a folder that holds something else, or
            that two of the runs would share.
    """
    cells: dict[Path, Cell] = {}
    for seed, protocol, agent in itertools.product(seeds, protocols, agents):
        job = job_of(_anywhere(protocol), _anywhere(agent), seed, None)
        job.path = default_folder(job.protocol, job.agent, seed, out.resolve())
        if job.path in cells:
            raise RunError(f"two runs of the sweep would be written to {job.path}: name each card once")
        if seed == seeds[0]:
            job.build(0)
        cells[job.path] = Cell(
            _anywhere(protocol),
            _anywhere(agent),
            seed,
            job.path,
            spans(job.protocol, job.stream)[-1].stop,
            job.stage == "finished",
        )
    return list(cells.values())


def _anywhere(card: str) -> str:
    """Return a card's path as it is found from any folder; a name as it is."""
    return str(Path(card).resolve()) if Path(card).suffix == ".toml" else card
