"""A figure with its caption, and what all captions say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.figure import Figure

from legion_bench.reports.measured import Measured


@dataclass(frozen=True)
class Picture:
    """One figure, ready to save and to show."""

    words: tuple[str, ...]
    """What the figure shows, of what: its file is named after them."""
    figure: Figure
    caption: str
    alt: str
    """The figure in one phrase, for those who cannot see it."""


def lines(runs: Sequence[Measured]) -> str:
    """Say what lines and bands are, for curves averaged over seeds."""
    return (
        f"Lines are means over seeds ({seeds(runs)}), bands 95 % bootstrap intervals over seeds."
        f" {setting(runs[0])}"
    )


def bars(runs: Sequence[Measured]) -> str:
    """Say what bars, whiskers and dots are, for metrics of complete runs."""
    return (
        f"Bars are means over seeds ({seeds(runs)}), whiskers 95 % bootstrap intervals over seeds (none for"
        f" one seed), dots single runs; “–”: undefined for that agent. {setting(runs[0])}"
    )


def setting(run: Measured) -> str:
    """Say which protocol a figure is of, and how many episodes are behind a number."""
    manifest = run.run.manifest
    episodes = manifest.protocol.evaluation_episodes
    return (
        f"Protocol {run.protocol} on stream {manifest.stream.name};"
        f" {episodes} episode{'s' if episodes > 1 else ''} per task and evaluation."
    )


def seeds(runs: Sequence[Measured]) -> str:
    """Return “sac: 3, ewc: 2 unfinished”."""
    parts = []
    for agent, group in groupby(runs, key=lambda run: run.agent):
        members = list(group)
        unfinished = "" if members[0].complete else " unfinished"
        parts.append(f"{agent}: {len({run.run.manifest.seed for run in members})}{unfinished}")
    return ", ".join(parts)
