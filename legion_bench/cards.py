"""Cards: the TOML files that say what a task, stream, agent or protocol is.

A card is found by name in the catalogue (``smoke``) or by path (``./mine.toml``).
Every key is checked: an unknown one is an error that names the nearest match.
An agent card may extend another: it then says only what is different.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from legion_bench import catalogue
from legion_bench.errors import CardError, unknown
from legion_bench.types import TaskInfo

Positive = Annotated[int, Meta(gt=0)]
Text = Annotated[str, Meta(min_length=1)]
Robot = Literal["kuka", "sawyer"]
Observation = Literal["legion-12", "metaworld-39"]
Reward = Literal["v2", "v1", "legion"]
Regime = Literal["lifelong", "expanding", "multi-task", "single-task"]
Placement = Annotated[str, Meta(pattern=r"^(fixed|every-episode|pool:[1-9][0-9]*)$")]
ROBOTS: tuple[str, ...] = get_args(Robot)


class _Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Text
    """The file's stem; the one word by which the card is known."""


class TaskCard(_Card, frozen=True, kw_only=True):
    """One manipulation problem: ``envs/tasks/<name>.toml``."""

    scene: Text
    """Meta-World's name of the task, which brings scene, reward and success."""
    instruction: Text
    """The task in one English sentence."""
    paraphrases: tuple[Text, ...] = ()
    """The same in other words, to test what generalises; our own cards have three."""
    horizon: Positive = 150
    """Environment steps after which an episode is truncated, unless asked otherwise."""
    placement: Placement = "fixed"
    """Where objects and goals stand, unless asked otherwise."""


class StreamCard(_Card, frozen=True, kw_only=True):
    """Ordered tasks with a budget each: ``envs/streams/<name>.toml``."""

    title: Text
    robot: Robot
    tasks: Annotated[tuple[Text, ...], Meta(min_length=1)]
    """Task names in training order; a repeated name is a further presentation."""
    steps_per_task: Positive
    """Environment steps of training per visit."""
    observation: Observation = "legion-12"
    """What is observed: LEGION's 12 values or Meta-World's 39."""
    reward: Reward = "v2"
    """Meta-World's reward, its older form, or that divided by its running deviation."""
    horizon: Positive = 150
    """Environment steps after which an episode is truncated."""
    placement: Placement = "fixed"
    """Where objects and goals stand: one draw per run, one of N (``"pool:N"``), or one
    per episode."""
    terminate_on_success: bool = False
    """Whether success ends the episode."""

    @property
    def total_steps(self) -> int:
        """Environment steps of the whole stream."""
        return self.steps_per_task * len(self.tasks)

    def visits(self) -> tuple[TaskInfo, ...]:
        """Return the stream's visits in order, as agents are told about them."""
        distinct = list(dict.fromkeys(self.tasks))
        return tuple(
            TaskInfo(
                name=name,
                index=distinct.index(name),
                position=position,
                presentation=self.tasks[: position + 1].count(name),
                instruction=load_task(name).instruction,
            )
            for position, name in enumerate(self.tasks)
        )


class AgentCard(_Card, frozen=True, kw_only=True):
    """A learner and its hyper-parameters: ``agents/<name>.toml``."""

    title: Text
    entry_point: Text
    """``package.module:Class``"""
    parameters: dict[str, Any] = {}
    """Keyword arguments of the class."""
    source: str = ""
    """The paper or code that the hyper-parameters come from."""
    extends: tuple[str, ...] = ()
    """The card that this one extends, the one which that extends, and so on: their names.
    In a file it is one string, the name of that card or the path to it (relative to the file)."""


class ProtocolCard(_Card, frozen=True, kw_only=True):
    """How a stream is trained on and judged: ``protocols/<name>.toml``."""

    title: Text
    stream: Text
    """Name of a stream card, or path to one (relative to this card)."""
    evaluate_every: Positive
    """Environment steps between evaluations; every task boundary is one as well."""
    evaluation_episodes: Positive
    """Episodes per task and evaluation."""
    evaluation_robot: Robot | None = None
    """The robot that evaluations are made on, where it is not the stream's."""
    regime: Regime = "lifelong"
    """What is trained together: each visit's task alone; with all tasks visited before
    it; all tasks of the stream at once; or each visit's task alone by an agent of its own."""
    slots: Positive = 1
    """Training environments per task that act together."""
    overlap: bool = False
    """Whether updates run while the environments take the next step, whose actions then lack them."""


_C = TypeVar("_C", bound=_Card)
_S = TypeVar("_S", bound=msgspec.Struct)
_INHERITED = ("entry_point", "parameters", "source")


def load_task(name: str) -> TaskCard:
    """Return a task card by name."""
    return _load(TaskCard, "task", "envs/tasks", name)


def load_stream(name: str, relative_to: Path | None = None) -> StreamCard:
    """Return a stream card by name or path, its task names checked."""
    return checked_stream(_load(StreamCard, "stream", "envs/streams", name, relative_to))


def checked_stream(card: StreamCard) -> StreamCard:
    """Return a stream card whose tasks all exist.

    Raises:
        CardError: one does not; with its nearest match.
    """
    for task in card.tasks:
        if task not in catalogue.names("envs/tasks"):
            raise CardError(f"stream {card.name!r}: {unknown('task', task, catalogue.names('envs/tasks'))}")
    return card


def load_agent(name: str) -> AgentCard:
    """Return an agent card by name or path, complete: with what it has from the card it extends.

    Of that it has ``entry_point``, ``source`` and ``parameters``. Tables are merged key by key,
    but a table with a ``name`` replaces the other one; so does anything else, lists included.

    Raises:
        CardError: as for any card; or it extends an unknown card, or one that extends it in turn.
    """
    return _agent(_find("agent", "agents", name))


def _agent(path: Path, extending: tuple[Path, ...] = ()) -> AgentCard:
    """Return an agent card that the cards at ``extending``, each by the next, extend."""
    data = _read(path)
    asked = data.pop("extends", None)
    if asked is None:
        return _named(AgentCard, data, path)
    try:
        found = _find("agent", "agents", asked, path.parent)
    except CardError as error:
        raise CardError(f"{path}: extends: {error}") from None
    here = (*extending, path.resolve())
    if found.resolve() in here:
        circle = " → ".join(card.stem for card in (*here[here.index(found.resolve()) :], found))
        raise CardError(f"{path}: extends {asked!r}, which extends it in turn: {circle}")
    base = _agent(found, here)
    data = _merged({key: getattr(base, key) for key in _INHERITED}, data)
    return msgspec.structs.replace(_named(AgentCard, data, path), extends=(base.name, *base.extends))


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``own`` over it: tables key by key, unless one has a name of its own."""
    merged = {**base, **own}
    for key in base.keys() & own.keys():
        was, now = base[key], own[key]
        if isinstance(was, dict) and isinstance(now, dict) and "name" not in now:
            merged[key] = _merged(was, now)
    return merged


def load_protocol(name: str) -> tuple[ProtocolCard, StreamCard]:
    """Return a protocol card by name or path, with the stream it trains on."""
    card = _load(ProtocolCard, "protocol", "protocols", name)
    folder = Path(name).parent if _is_path(name) else None
    try:
        stream = load_stream(card.stream, folder)
    except CardError as error:
        raise CardError(f"protocol {card.name!r}: {error}") from None
    if card.evaluation_robot == stream.robot:  # else two cards would differ that mean the same
        raise CardError(
            f"protocol {card.name!r}: evaluation_robot {stream.robot!r} is the robot of its stream"
            f" {stream.name!r} already: leave it out"
        )
    return card, stream


def convert(cls: type[_S], data: Mapping[str, Any], where: str, *, given: Collection[str] = ()) -> _S:
    """Return ``data`` as a record, such as a card or an agent's parameters.

    Args:
        cls: type of the record.
        data: its fields.
        where: names the origin of ``data`` in errors.
        given: keys that are not the user's to set: no error proposes them.

    Raises:
        CardError: an unknown key (with its nearest match), a missing key, or a
            value of the wrong type or range.
    """
    known = cls.__struct_fields__
    for key in data:
        if key not in known:
            raise CardError(f"{where}: {unknown('key', key, set(known) - set(given))}")
    try:
        return msgspec.convert(data, cls)
    except msgspec.ValidationError as error:
        at = re.search(r"`\$\.(\w+)`$", str(error))
        got = f", got {data[at[1]]!r}" if at else ""
        raise CardError(f"{where}: {error}{got}") from None


def canonical(contents: object) -> bytes:
    """Return cards as bytes: equal for equal contents, in any order of keys; 5 is not 5.0."""
    return msgspec.json.encode(contents, order="sorted")


def _load(cls: type[_C], kind: str, folder: str, name: str, relative_to: Path | None = None) -> _C:
    path = _find(kind, folder, name, relative_to)
    return _named(cls, _read(path), path)


def _find(kind: str, folder: str, name: str, relative_to: Path | None = None) -> Path:
    """Return where a card lies."""
    if _is_path(name):
        path = (relative_to or Path()) / name
        if not os.path.isfile(path):  # unlike Path.is_file, of any name
            raise CardError(f"{kind} card {path} not found")
        return path
    if name not in catalogue.names(folder):
        raise CardError(unknown(kind, name, catalogue.names(folder)))
    return catalogue.root() / folder / f"{name}.toml"


def _named(cls: type[_C], data: dict[str, Any], path: Path) -> _C:
    """Return the content of a file as a card, which is named by the file."""
    if "name" in data:
        raise CardError(f"{path}: 'name' cannot be set: a card is named by its file, here {path.stem!r}")
    if not path.stem.isprintable():
        raise CardError(
            f"{path}: a card is named by its file, and {path.stem!a} cannot be printed: rename it"
        )
    return convert(cls, {"name": path.stem, **data}, str(path), given=("name",))


def _check_finite(value: Any, where: str) -> None:
    """Raise at a number that a run's record, which is JSON, could not hold."""
    match value:
        case float() if not math.isfinite(value):
            raise CardError(f"{where} is {value}: numbers in a card must be finite")
        case dict():
            for key, inner in value.items():
                _check_finite(inner, f"{where}: {key}")
        case list() | tuple():
            for inner in value:
                _check_finite(inner, where)


def _is_path(name: str) -> bool:
    if not isinstance(name, str):
        raise CardError(f"a card is found by its name or path, a string, got {name!r}")
    return name.endswith(".toml")


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        _check_finite(data, str(path))
        return data
    except CardError:
        raise
    except (ValueError, RecursionError) as error:  # numbers of too many digits, and too deep a nesting, too
        raise CardError(f"{path}: not valid TOML: {error}") from None
