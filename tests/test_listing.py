"""What the catalogue offers, as rows."""

from __future__ import annotations

import gymnasium
import pytest

from legion_bench import catalogue, listing
from legion_bench.errors import CardError

FOLDERS = {"tasks": "envs/tasks", "streams": "envs/streams", "agents": "agents", "protocols": "protocols"}


def test_all_is_every_kind() -> None:
    assert set(listing.tables()) == set(FOLDERS)


@pytest.mark.parametrize(("kind", "folder"), FOLDERS.items())
def test_a_kind_lists_every_card(kind: str, folder: str) -> None:
    (rows,) = listing.tables(kind).values()
    assert set(catalogue.names(folder)) <= {row["name"] for row in rows}
    assert len({tuple(row) for row in rows}) == 1, "all rows have the same columns"
    assert all(value for row in rows for value in row.values())


def test_every_environment_listed_is_registered() -> None:
    assert {row["environment"] for row in listing.tables("tasks")["tasks"]} <= set(gymnasium.registry)


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(CardError, match="unknown kind 'agent': did you mean 'agents'"):
        listing.tables("agent")
