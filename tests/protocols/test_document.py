"""What docs/protocols.md says: every card and field, with the numbers of the cards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from legion_bench import cards, catalogue
from legion_bench.cards import ProtocolCard
from legion_bench.protocols.schedule import spans

TEXT = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
ROWS = {
    row[0].strip("`"): row[1:] for row in re.findall(r"^\| (`.+?`) \| (.*?) \| (.*?) \| (.*?) \|", TEXT, re.M)
}


def test_the_table_has_every_card_and_field_and_no_other() -> None:
    fields = {*ProtocolCard.__struct_fields__} - {"name"}
    fields_told = set(re.findall(r"^\| `(\w+)` \|", TEXT.partition("| field |")[2], re.M))
    assert fields_told == fields
    cards_told = set(re.findall(r"^\| `([\w-]+)` \|", TEXT.partition("| field |")[0], re.M))
    assert cards_told == set(catalogue.names("protocols"))


@pytest.mark.parametrize("name", catalogue.names("protocols"))
def test_a_row_says_what_the_card_says(name: str) -> None:
    protocol, stream = cards.load_protocol(name)
    visits = spans(protocol, stream)[-1].stop // stream.steps_per_task
    assert ROWS[name] == (
        f"`{stream.name}`",
        f"{visits} × {stream.steps_per_task:,}",
        f"{protocol.evaluation_episodes} × every {protocol.evaluate_every:,}",
    )


def test_the_card_that_is_shown_loads(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    protocol, stream = cards.load_protocol(str(tmp_path / "mine.toml"))
    assert (stream.robot, protocol.evaluation_robot) == ("sawyer", "kuka")
