"""Messages a user sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from legion_bench import errors
from legion_bench.errors import LegionBenchError, printable, shown, unknown


def test_unknown_names_the_nearest_match() -> None:
    assert unknown("task", "reech", ["push", "reach"]) == "unknown task 'reech': did you mean 'reach'?"


def test_unknown_lists_what_is_known_if_nothing_is_near() -> None:
    assert unknown("task", "zzz", ["push", "door"]) == "unknown task 'zzz': known: door, push"


def test_unknown_says_that_nothing_is_known() -> None:
    assert unknown("task", "reach", []) == "unknown task 'reach': known: none"


def test_foreign_text_steers_no_terminal_and_can_always_be_encoded() -> None:
    assert printable(Path("a\x1b[31m\udcff\u202e.zip")) == "a�[31m��.zip"
    assert shown("é\x1b" * 500).isascii()
    assert len(shown("é\x1b" * 500)) <= 300


@pytest.mark.parametrize(
    "name", ["CardError", "RunError", "AgentError", "RenderError", "MetricError", "LanguageError"]
)
def test_every_user_error_has_one_base_that_is_a_value_error(name: str) -> None:
    error = getattr(errors, name)
    assert issubclass(error, LegionBenchError)
    assert issubclass(error, ValueError)
