"""Tracks and places, by hand."""

from __future__ import annotations

import math

import msgspec
import pandas as pd
import pytest

from legion_bench import cards, catalogue
from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.sb3.config import Sb3Config
from legion_bench.leaderboard.tracks import DEFAULTS, Track, places, track


@pytest.mark.parametrize(
    ("stated", "identity"),
    [
        ({"identity": "one-hot"}, "known"),
        ({"identity": "language"}, "language"),
        ({"identity": "none"}, "hidden"),
        ({"identity": "other"}, "unstated"),
        ({"identity": ["one-hot"]}, "unstated"),
        ({"identity": None}, "unstated"),
        ({}, "unstated"),
    ],
)
def test_identity_is_what_the_agents_card_says(stated: dict[str, object], identity: str) -> None:
    protocol, stream = cards.load_protocol("smoke")
    agent = msgspec.structs.replace(cards.load_agent("random"), entry_point="a.b:C", parameters=stated)
    assert track(protocol, stream, agent) == Track("smoke", "kuka", identity)


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("legion-small", "language"),
        ("legion-no-language", "hidden"),
        ("sac-finetune-small", "known"),
        ("random", "hidden"),
        ("scripted", "oracle"),
    ],
)
def test_where_a_card_of_ours_does_not_say_its_class_does(name: str, identity: str) -> None:
    assert track(*cards.load_protocol("smoke"), cards.load_agent(name)).identity == identity


def test_defaults_are_those_of_our_classes() -> None:
    assert {cards.load_agent(name).entry_point for name in catalogue.names("agents")} == set(DEFAULTS)
    assert DEFAULTS["legion_bench.agents.legion.agent:LegionAgent"] == LegionConfig().identity
    assert DEFAULTS["legion_bench.agents.sb3:Sb3Agent"] == Sb3Config(algorithm="SAC").identity


def test_a_track_names_both_robots_where_they_differ() -> None:
    protocol, stream = cards.load_protocol("cross-embodiment")
    found = track(protocol, stream, cards.load_agent("random"))
    assert found.robot == f"{stream.robot} → {protocol.evaluation_robot}"


def test_overlapping_intervals_share_places_and_a_single_seed_has_none() -> None:
    low = pd.Series([0.9, 0.5, 0.4, math.nan, 0.0])
    high = pd.Series([1.0, 0.8, 0.5, math.nan, 0.1])
    assert places(low, high) == [(1, 1), (2, 3), (2, 3), None, (4, 4)]
