"""Whether manifests are of finished runs of one agent under an official protocol of this version."""

from __future__ import annotations

import re
from datetime import datetime
from importlib.metadata import version
from typing import Any

from legion_bench import cards, catalogue
from legion_bench.errors import BundleError, shown, unknown
from legion_bench.results.store import MANIFEST, Manifest, Run
from legion_bench.seeding import MAX_SEED

PHYSICS = ("metaworld", "mujoco")
"""Packages that decide what an episode is: every run of a leaderboard has the same versions of them."""
MAX_AGENT = 2**16
"""Bytes of an agent's card; ours have some 1,000."""
_DEPTH = 16
_NAME, _TITLE = 80, 200
# None looks like another, and none has what separates cells: a spreadsheet may open the table.
_AGENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:+-]{0,79}")
# A version or revision. Like a name, it begins as no formula does.
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,63}")


def check_manifest(run: Run) -> None:
    """Raise unless ``run.json`` tells of a finished run of its folder's seed, with words fit to show."""
    made, where = run.manifest, f"{run.path.name}/{MANIFEST}"
    if run.warnings:
        raise BundleError(f"{where[: -len(MANIFEST)]}{run.warnings[0].rpartition('/')[2]}: finish the run")
    if made.status != "finished" or made.error is not None:
        raise BundleError(f"{where}: its status is {made.status!r}: finish the run")
    if not 0 <= made.seed < MAX_SEED or run.path.name != f"seed-{made.seed}":
        raise BundleError(f"{where}: its seed is {made.seed}, which is not that of its folder")
    started, finished = _date(where, made.started), _date(where, made.finished)
    if finished < started:
        raise BundleError(f"{where}: it finished, {made.finished}, before it started, {made.started}")
    _check_words(where, made)
    if _depth(made.agent.parameters) > _DEPTH:
        raise BundleError(f"{where}: the agent's parameters are nested more than {_DEPTH} deep")
    if (size := len(cards.canonical(made.agent))) > MAX_AGENT:
        raise BundleError(f"{where}: the agent's card has {size:,} bytes, at most {MAX_AGENT:,} are read")
    for package in PHYSICS:
        if (found := made.versions.get(package)) != version(package):
            raise BundleError(
                f"{where}: {package} was {found!a}, here it is {version(package)}: only runs with the same"
                " physics can be compared; run them anew"
            )


def _check_words(where: str, made: Manifest) -> None:
    """Raise unless what a leaderboard shows of a manifest is short and does nothing wherever it is shown."""
    name, title = made.agent.name, made.agent.title
    if not _AGENT.fullmatch(name):
        raise BundleError(
            f"{where}: the agent's name must be at most {_NAME} of A-Z, a-z, 0-9 and _.:+-, the first a"
            f" letter or digit, got {name[:_NAME]!a}"
        )
    if len(title) > _TITLE or not title.isprintable() or not title[0].isalnum():
        raise BundleError(
            f"{where}: the agent's title must be at most {_TITLE} printable letters, the first a letter or"
            f" digit, got {title[:_TITLE]!a}"
        )
    words = [*made.versions.values(), *([made.git["revision"]] if made.git.get("revision") else [])]
    for word in words:
        if not (isinstance(word, str) and _WORD.fullmatch(word)):
            raise BundleError(f"{where}: {shown(word)} is neither a version nor a revision")


def official(made: Manifest) -> None:
    """Raise unless protocol, stream and tasks, and an agent of one of their names, are the catalogue's."""
    known = catalogue.names("protocols")
    if made.protocol.name not in known:  # never a path: the name is not ours
        raise BundleError(f"{MANIFEST}: no track: {unknown('protocol', made.protocol.name[:_NAME], known)}")
    protocol, stream = cards.load_protocol(made.protocol.name)
    if protocol.regime == "single-task":
        raise BundleError(f"{MANIFEST}: no track: protocol {protocol.name!r} makes references, not agents")
    tasks = tuple(cards.load_task(name) for name in dict.fromkeys(stream.tasks))
    ours: list[tuple[str, Any, Any]] = [
        ("protocol", made.protocol, protocol),
        ("stream", made.stream, stream),
        ("tasks", made.tasks, tasks),
    ]
    if made.agent.name in catalogue.names("agents"):
        ours.append(("agent", made.agent, cards.load_agent(made.agent.name)))
    for part, mine, theirs in ours:
        if cards.canonical(mine) != cards.canonical(theirs):
            remedy = "give it a name of its own" if part == "agent" else "run it anew, under that protocol"
            raise BundleError(
                f"{MANIFEST}: {part}: the card differs from the one that this version of legion-bench has"
                f" under that name: {remedy}"
            )


def check_same(one: Run, other: Run) -> None:
    """Raise unless two runs have the same cards."""
    for part in ("protocol", "stream", "tasks", "agent"):
        if cards.canonical(getattr(one.manifest, part)) != cards.canonical(getattr(other.manifest, part)):
            raise _differ(one.path.name, other.path.name, part)


def check_versions(run: Run, known: dict[str, tuple[str, str]]) -> None:
    """Raise unless a run has the same versions of packages as others that name them.

    Which they name depends on what was installed beside those that the agent uses.

    Args:
        run: is added to ``known``.
        known: package → version, and the folder of the run that names it.
    """
    for package, found in sorted(run.manifest.versions.items()):
        there, where = known.setdefault(package, (found, run.path.name))
        if found != there:
            raise _differ(where, run.path.name, package)


def _differ(one: str, other: str, what: str) -> BundleError:
    return BundleError(
        f"{one} and {other} differ in {what}: a bundle is one agent's runs under one protocol, with the same"
        " versions; submit them apart"
    )


def _date(where: str, text: str | None) -> datetime:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None:
        raise BundleError(f"{where}: {shown(text)} is no date and time with its zone, as ISO 8601 has them")
    return found


def _depth(value: object) -> int:
    """Return how deeply mappings and lists are nested, without recursion."""
    depth, level = 0, [value]
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
    return depth
