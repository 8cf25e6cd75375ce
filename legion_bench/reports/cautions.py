"""What a reader must know before believing a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

import msgspec

from legion_bench.metrics import Undefined
from legion_bench.reports import latents
from legion_bench.reports.flatten import flat
from legion_bench.reports.measured import Measured


def cautions(runs: Sequence[Measured]) -> tuple[str, ...]:
    """Return one sentence per thing wrong or unusual with a set of runs, worst first."""
    return (
        *(warning for run in runs for warning in run.warnings),
        *_unfinished(runs),
        *_variants(runs, "protocol"),
        *_variants(runs, "agent"),
        *_references(runs),
        *_seeds(runs),
        *_knowledge(runs),
        *_versions(runs),
        *_code(runs),
    )


def _unfinished(runs: Sequence[Measured]) -> Iterator[str]:
    for run in runs:
        manifest = run.run.manifest
        if manifest.status == "finished":
            if not run.complete:
                yield f"{run.folder}: says it finished, but its evaluation log is not complete"
            continue
        verb = {"running": "was still running, or was killed,"}.get(manifest.status, manifest.status)
        error = f": {manifest.error}" if manifest.error else ""
        yield f"{run.folder}: {verb} at step {run.steps:,} of {run.spans[-1].stop:,}{error}"


def _variants(runs: Sequence[Measured], kind: Literal["protocol", "agent"]) -> Iterator[str]:
    """Name the keys in which cards of one name differ, e.g. unequal budgets."""
    cards: dict[str, dict[str, Mapping[str, Any]]] = {}
    for run in runs:
        manifest = run.run.manifest
        parts = ("protocol", "stream", "tasks") if kind == "protocol" else ("agent",)
        content = {part: msgspec.to_builtins(getattr(manifest, part)) for part in parts}
        name, label = getattr(manifest, kind).name, getattr(run, kind)
        cards.setdefault(name, {})[label] = dict(flat(content))
    for name, variants in cards.items():
        if len(variants) < 2:
            continue
        keys = dict.fromkeys(key for card in variants.values() for key in card)
        found = {key: list(dict.fromkeys(repr(v.get(key)) for v in variants.values())) for key in keys}
        differences = [f"{key} ({', '.join(values)})" for key, values in found.items() if len(values) > 1]
        yield (
            f"{len(variants)} different {kind} cards are named {name!r} and are reported apart"
            f" ({', '.join(variants)}); they differ in {'; '.join(differences)}"
        )


def _references(runs: Sequence[Measured]) -> Iterator[str]:
    changed = [
        f"{run.protocol}: the single-task runs of {run.reference.agent} had another card of that name"
        for run in runs
        if not isinstance(run.reference, Undefined) and run.reference.other_card
    ]
    yield from dict.fromkeys(changed)


def _seeds(runs: Sequence[Measured]) -> Iterator[str]:
    for protocol, group in groupby(runs, key=lambda run: run.protocol):
        seeds: dict[str, Counter[int]] = {}
        for run in group:
            seeds.setdefault(run.agent, Counter()).update([run.run.manifest.seed])
        single = [agent for agent, counts in seeds.items() if len(counts) == 1]
        if single:
            yield f"{protocol}: one seed only, so no interval, for {', '.join(single)}"
        for agent, counts in seeds.items():
            for seed, count in counts.items():
                if count > 1:
                    yield (
                        f"{protocol}: {agent} has {count} runs of seed {seed};"
                        " each counts, so its interval is too narrow"
                    )


def _knowledge(runs: Sequence[Measured]) -> Iterator[str]:
    """Say once what is missing for all protocols."""
    found = [latents.missing(list(group)) for _, group in groupby(runs, key=lambda run: run.protocol)]
    yield from dict.fromkeys(problem for problems in found for problem in problems)


def _versions(runs: Sequence[Measured]) -> Iterator[str]:
    for package in sorted({name for run in runs for name in run.run.manifest.versions}):
        found = Counter(run.run.manifest.versions.get(package, "none") for run in runs)
        if len(found) > 1:
            yield f"Runs used different versions of {package}: {_tally(found)}"


def _code(runs: Sequence[Measured]) -> Iterator[str]:
    revisions = Counter(str(run.run.manifest.git.get("revision") or "unknown")[:12] for run in runs)
    if len(revisions) > 1:
        yield f"Runs used different revisions of the code: {_tally(revisions)}"
    dirty = sum(run.run.manifest.git.get("dirty") is True for run in runs)
    if dirty:
        yield f"{dirty} of {len(runs)} runs used code with uncommitted changes"


def _tally(counts: Counter[str]) -> str:
    return ", ".join(f"{value} ({n} run{'s' if n > 1 else ''})" for value, n in counts.items())
