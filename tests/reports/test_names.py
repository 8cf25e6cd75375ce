"""File names: stable, safe, and different for different words."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from legion_bench.reports.names import safe_name


def test_plain_words_stand_as_they_are() -> None:
    assert safe_name("smoke", "sac-packnet_2") == "smoke--sac-packnet_2"


@given(st.text())
@example("My-Agent")
@example("a--b")
@example("")
def test_no_word_is_chosen_to_share_anothers_name(word: str) -> None:
    name = safe_name(word)
    assert name == word or safe_name(name) != name
