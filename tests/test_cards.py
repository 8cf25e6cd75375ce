"""Cards: found by name or path, and every mistake in one named."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legion_bench import catalogue
from legion_bench.cards import (
    AgentCard,
    ProtocolCard,
    StreamCard,
    TaskCard,
    convert,
    load_agent,
    load_protocol,
    load_stream,
    load_task,
)
from legion_bench.errors import CardError

STREAM = {"title": "T", "robot": "kuka", "tasks": ["reach"], "steps_per_task": 10}
CARDS = (TaskCard, StreamCard, AgentCard, ProtocolCard)


def stream_file(folder: Path, **changes: Any) -> Path:
    """Write a stream card; a change to None leaves the key out."""
    fields = {key: value for key, value in {**STREAM, **changes}.items() if value is not None}
    path = folder / "mine.toml"
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in fields.items()))
    return path


@pytest.mark.parametrize("load", [load_task, load_stream, load_agent, load_protocol])
def test_an_unknown_name_lists_what_there_is(load: Any) -> None:
    with pytest.raises(CardError, match=r"unknown \w+ 'qqqq': known: \w+"):
        load("qqqq")


@pytest.mark.parametrize(
    ("load", "name", "near"),
    [
        (load_task, "reech", "reach"),
        (load_stream, "kuka-curiculum", "kuka-curriculum"),
        (load_agent, "sac-fintune", "sac-finetune"),
        (load_protocol, "smok", "smoke"),
    ],
)
def test_an_unknown_name_names_the_nearest(load: Any, name: str, near: str) -> None:
    with pytest.raises(CardError, match=f"unknown .*'{name}': did you mean '{near}'"):
        load(name)


def test_a_card_is_found_by_path_and_named_after_its_file(tmp_path: Path) -> None:
    assert load_stream(str(stream_file(tmp_path))).name == "mine"


def test_defaults_of_a_stream_are_the_papers(tmp_path: Path) -> None:
    stream = load_stream(str(stream_file(tmp_path)))
    assert (stream.horizon, stream.placement, stream.total_steps) == (150, "fixed", 10)


def test_a_card_cannot_call_itself_by_another_name(tmp_path: Path) -> None:
    """The stem is the one word by which a card is known, and names the run folder."""
    with pytest.raises(CardError, match="name"):
        load_stream(str(stream_file(tmp_path, name="yours")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"stream card .*none\.toml not found"):
        load_stream(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("text", [b"tasks = [", b"a = 1\na = 2", b"\xff\xfe\x00"])
def test_what_is_not_toml_is_an_error_that_names_the_file(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(text)
    with pytest.raises(CardError, match=r"bad\.toml: not valid TOML"):
        load_agent(str(tmp_path / "bad.toml"))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("value", ["{0}", "[1.0, {0}]", "{{ deep = [{0}] }}"])
def test_a_number_that_no_record_could_hold_is_named(tmp_path: Path, number: str, value: str) -> None:
    (tmp_path / "bad.toml").write_text(f"[parameters]\nrate = {value.format(number)}\n")
    with pytest.raises(CardError, match=rf"bad\.toml: parameters: rate.* is {number}: .* must be finite"):
        load_agent(str(tmp_path / "bad.toml"))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"horizn": 3}, "unknown key 'horizn': did you mean 'horizon'"),
        ({"steps_per_task": None}, "steps_per_task"),
        ({"tasks": []}, "length >= 1"),
        ({"tasks": "reach"}, "array"),
        ({"tasks": ["reech"]}, "did you mean 'reach'"),
        ({"steps_per_task": 0}, ">= 1"),
        ({"steps_per_task": -5}, ">= 1"),
        ({"steps_per_task": 1.5}, "int"),
        ({"steps_per_task": "ten"}, "int"),
        ({"horizon": 0}, ">= 1"),
        ({"robot": "sawyr"}, "sawyr"),
        ({"placement": "random"}, "random"),
        ({"title": ""}, "length >= 1"),
    ],
)
def test_a_mistake_in_a_stream_card_is_named(tmp_path: Path, changes: Any, complaint: str) -> None:
    with pytest.raises(CardError, match=complaint):
        load_stream(str(stream_file(tmp_path, **changes)))


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"mine\.toml: .*\$\.horizon"):
        load_stream(str(stream_file(tmp_path, horizon=-1)))


def test_a_regime_that_does_not_exist_is_named() -> None:
    good = {"name": "p", "title": "T", "stream": "s", "evaluate_every": 1, "evaluation_episodes": 1}
    assert convert(ProtocolCard, good, "here").regime == "lifelong"
    with pytest.raises(CardError, match=r"here: .*'multitask'"):
        convert(ProtocolCard, {**good, "regime": "multitask"}, "here")


@pytest.mark.parametrize("field", ["evaluate_every", "evaluation_episodes", "slots"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_protocol_needs_positive_numbers(field: str, value: int) -> None:
    good = {"name": "p", "title": "T", "stream": "s", "evaluate_every": 1, "evaluation_episodes": 1}
    assert convert(ProtocolCard, good, "here").stream == "s"
    with pytest.raises(CardError, match=f"here: .*{field}"):
        convert(ProtocolCard, {**good, field: value}, "here")


def test_a_protocol_finds_its_stream_beside_it_from_any_folder(
    tiny_protocol: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stream = load_protocol(str(tiny_protocol))
    assert stream.tasks == ("reach", "drawer-close")
    monkeypatch.chdir(tmp_path)
    assert load_protocol(tiny_protocol.name)[1] == stream
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_protocol(f"../{tiny_protocol.name}")[1] == stream


def test_a_protocol_of_ones_own_may_name_a_stream_of_the_catalogue(tiny_protocol: Path) -> None:
    text = tiny_protocol.read_text().replace("mini-stream.toml", "kuka-smoke")
    tiny_protocol.write_text(text)
    assert load_protocol(str(tiny_protocol))[1] == load_stream("kuka-smoke")


def test_a_protocol_may_be_judged_on_another_robot_but_its_own_goes_without_saying(
    tiny_protocol: Path,
) -> None:
    text = tiny_protocol.read_text()
    assert load_protocol(str(tiny_protocol))[0].evaluation_robot is None
    for robot, complaint in (
        ("kuka", r"'mini': evaluation_robot 'kuka' is the robot of its stream 'mini-stream'.*leave it out"),
        ("panda", "evaluation_robot"),
    ):
        tiny_protocol.write_text(f'{text}evaluation_robot = "{robot}"\n')
        with pytest.raises(CardError, match=complaint):
            load_protocol(str(tiny_protocol))
    tiny_protocol.write_text(f'{text}evaluation_robot = "sawyer"\n')
    assert load_protocol(str(tiny_protocol))[0].evaluation_robot == "sawyer"


def test_repeated_tasks_are_presentations_of_one_task(make_stream: Any) -> None:
    visits = make_stream("push", "reach", "push", "push").visits()
    assert [visit.name for visit in visits] == ["push", "reach", "push", "push"]
    assert [visit.presentation for visit in visits] == [1, 1, 2, 3]
    assert [visit.index for visit in visits] == [0, 1, 0, 0]
    assert [visit.position for visit in visits] == [0, 1, 2, 3]
    assert visits[2].instruction == load_task("push").instruction


def agent_file(folder: Path, name: str, text: str) -> str:
    """Write an agent card; return its path."""
    path = folder / f"{name}.toml"
    path.write_text(f'title = "{name}"\n{text}')
    return str(path)


BASE = """
entry_point = "a:B"
source = "A paper"
[parameters]
rate = 0.1
reset = ["buffer", "optimizer"]
[parameters.options]
gamma = 0.9
tau = 0.1
[parameters.method]
name = "ewc"
strength = 3
"""


def test_a_card_says_what_differs_from_the_one_it_extends(tmp_path: Path) -> None:
    agent_file(tmp_path, "base", BASE)
    own = 'extends = "base.toml"\n[parameters]\nreset = ["critic"]\nsize = 2\noptions = { gamma = 0.5 }\n'
    card = load_agent(agent_file(tmp_path, "own", own))
    assert card == AgentCard(
        name="own",
        title="own",
        entry_point="a:B",
        source="A paper",
        extends=("base",),
        parameters={
            "rate": 0.1,
            "reset": ["critic"],
            "size": 2,
            "options": {"gamma": 0.5, "tau": 0.1},
            "method": {"name": "ewc", "strength": 3},
        },
    )


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ('{ name = "mas", rate = 2 }', {"name": "mas", "rate": 2}),
        ('{ name = "ewc" }', {"name": "ewc"}),
        ("{ strength = 4 }", {"name": "ewc", "strength": 4}),
        ("{}", {"name": "ewc", "strength": 3}),
        ("false", False),
    ],
)
def test_a_table_with_a_name_replaces_and_one_without_is_merged(
    tmp_path: Path, own: str, expected: Any
) -> None:
    agent_file(tmp_path, "base", BASE)
    text = f'extends = "base.toml"\n[parameters]\nmethod = {own}\n'
    assert load_agent(agent_file(tmp_path, "own", text)).parameters["method"] == expected


def test_cards_extend_one_another_in_a_chain_that_is_kept(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    agent_file(tmp_path / "inner", "a", 'extends = "sac-finetune"\nsource = "Another paper"\n')
    agent_file(tmp_path, "b", 'extends = "inner/a.toml"\n[parameters.options]\ntau = 0.5\n')
    card = load_agent(agent_file(tmp_path, "c", 'extends = "./b.toml"\nentry_point = "my:Agent"\n'))
    first = load_agent("sac-finetune")
    assert card.extends == ("b", "a", "sac-finetune")
    assert (card.title, card.entry_point, card.source) == ("c", "my:Agent", "Another paper")
    assert card.parameters["options"] == {**first.parameters["options"], "tau": 0.5}
    assert first.extends == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('extends = "sac-fintune"', r"own\.toml: extends: unknown agent .*did you mean 'sac-finetune'"),
        ('extends = "none.toml"', r"own\.toml: extends: agent card .*none\.toml not found"),
        ("extends = 3", r"own\.toml: extends: .* a string, got 3"),
        ('extends = ["random"]', r"own\.toml: extends: .* a string, got \['random'\]"),
        ('extends = "own.toml"', r"own\.toml: extends 'own\.toml', which .*: own → own$"),
        ('extends = "there.toml"', r"back\.toml: extends 'own\.toml', which .*: own → there → back → own$"),
        ('extends = "lasso.toml"', r"lasso\.toml: extends 'lasso\.toml', which .*: lasso → lasso$"),
        ('extend = "random"', "unknown key 'extend': did you mean 'extends'"),
        ('extends = "bad.toml"', r"bad\.toml: unknown key 'entrypoint'"),
        ('extends = "random"\nparameters = 3', r"own\.toml: .*\$\.parameters"),
    ],
)
def test_a_mistake_in_extending_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    agent_file(tmp_path, "there", 'extends = "back.toml"')
    agent_file(tmp_path, "back", 'extends = "own.toml"')
    agent_file(tmp_path, "lasso", 'extends = "lasso.toml"')
    agent_file(tmp_path, "bad", 'entrypoint = "a:B"')
    with pytest.raises(CardError, match=complaint):
        load_agent(agent_file(tmp_path, "own", text))


def test_a_title_is_not_inherited(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('extends = "random"')
    with pytest.raises(CardError, match=r"own\.toml: .*missing required field `title`"):
        load_agent(str(tmp_path / "own.toml"))


def test_an_extended_cards_parameters_stay_as_they_are(tmp_path: Path) -> None:
    agent_file(tmp_path, "own", 'extends = "sac-finetune"\n[parameters.options]\ntau = 9.0\n')
    load_agent(str(tmp_path / "own.toml"))
    assert load_agent("sac-finetune").parameters["options"]["tau"] == 0.005


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
known_keys = st.sampled_from(sorted({key for card in CARDS for key in card.__struct_fields__}))


@given(card=st.sampled_from(CARDS), data=st.dictionaries(known_keys | st.text(), json_like, max_size=6))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_junk_makes_a_card_or_a_card_error(card: Any, data: dict[str, Any]) -> None:
    made = attempt(card, data)
    assert made.startswith("junk: ") if isinstance(made, str) else isinstance(made, card)


@given(field=st.sampled_from(sorted(STREAM)), value=json_like)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_one_junk_value_in_a_good_card_is_a_card_or_a_card_error(field: str, value: Any) -> None:
    made = attempt(StreamCard, {"name": "s", **STREAM, field: value})
    assert field in made if isinstance(made, str) else made.total_steps > 0


def attempt(card: Any, data: dict[str, Any]) -> Any:
    """Return a card, or what the error says."""
    try:
        return convert(card, data, "junk")
    except CardError as error:
        return str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
@pytest.mark.parametrize("name", ["bad\udcff.toml", "bad\x1b[31m.toml", "bad\n.toml"])
def test_a_card_whose_file_cannot_be_printed_is_refused(name: str, tmp_path: Path) -> None:
    card = Path(shutil.copy(catalogue.root() / "agents" / "random.toml", tmp_path / name))
    with pytest.raises(CardError, match="cannot be printed: rename it"):
        load_agent(str(card))
