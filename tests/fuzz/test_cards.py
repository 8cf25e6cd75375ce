"""Cards: any value in any field, and damaged bytes; read, or CardError."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench import cards, catalogue
from legion_bench.errors import CardError
from tests.fuzz import EXAMPLES, VALUES, damaged

KINDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "agent": ("agents/legion-small.toml", cards.load_agent),
    "protocol": ("protocols/smoke.toml", cards.load_protocol),
    "stream": ("envs/streams/kuka-smoke.toml", cards.load_stream),
}
FIELDS = {
    "agent": cards.AgentCard,
    "protocol": cards.ProtocolCard,
    "stream": cards.StreamCard,
}


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "card.toml"


def check(kind: str, content: bytes, card: Path) -> None:
    card.write_bytes(content)
    with contextlib.suppress(CardError):
        KINDS[kind][1](str(card))


def toml(value: Any) -> str:
    """Return a value as TOML writes it; text with every letter escaped."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return str(value)
        case str():
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        case _:
            return "1979-05-27T07:32:00Z"


@EXAMPLES
@given(kind=st.sampled_from(sorted(KINDS)), value=VALUES, data=st.data())
def test_any_value_in_any_field(kind: str, value: Any, data: st.DataObject, card: Path) -> None:
    names = [*FIELDS[kind].__struct_fields__, "more"]
    field = data.draw(st.sampled_from(names))
    source = (catalogue.root() / KINDS[kind][0]).read_text(encoding="utf-8")
    kept = [line for line in source.splitlines() if not line.startswith(f"{field} =")]
    check(kind, "\n".join([f"{field} = {toml(value)}", *kept]).encode(), card)


@EXAMPLES
@given(kind=st.sampled_from(sorted(KINDS)), data=st.data())
def test_damaged_bytes(kind: str, data: st.DataObject, card: Path) -> None:
    check(kind, data.draw(damaged((catalogue.root() / KINDS[kind][0]).read_bytes())), card)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    "content",
    [
        "a = 1" + "1" * 5000,
        "a = " + "[" * 100_000,
        "title = 1e999",
        'extends = "\\u0000.toml"',
        "\x00",
        ".".join("a" * 9_000) + " = 1",
    ],
)
def test_what_a_toml_reader_trips_over(kind: str, content: str, card: Path) -> None:
    card.write_text(content, encoding="utf-8")
    with pytest.raises(CardError):
        KINDS[kind][1](str(card))


@pytest.mark.parametrize("name", ["\0.toml", "x" * 5000 + ".toml", "é" * 300 + ".toml", "\ud800.toml"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    for _, load in KINDS.values():
        with pytest.raises(CardError, match="not found"):
            load(name)
