"""The cards of LEGION and its ablations."""

from __future__ import annotations

import msgspec
import pytest

from legion_bench.agents import resolve
from legion_bench.agents.legion.config import LegionConfig, checked


def test_the_card_spells_out_the_papers_values_which_are_the_defaults() -> None:
    parameters = resolve("legion").parameters
    assert checked(parameters) == LegionConfig()
    unsaid = set(LegionConfig.__struct_fields__) - parameters.keys()
    assert unsaid == {
        "train_freq",
        "mixture",
        "observation_offset",
        "observation_scale",
        "device",
    }


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("legion-no-language", {"identity": "none"}),
        ("legion-no-mixture", {"prior": "normal"}),
        ("legion-no-decoders", {"decoders": False}),
        ("legion-bounded-replay", {"buffer_size": 100_000}),
    ],
)
def test_an_ablation_differs_in_one_thing(name: str, change: dict[str, object]) -> None:
    card, legion = resolve(name), resolve("legion")
    assert checked(card.parameters) == msgspec.structs.replace(LegionConfig(), **change)
    assert card.parameters == {**legion.parameters, **change}
    assert (card.entry_point, card.source, card.extends) == (legion.entry_point, legion.source, ("legion",))


def test_the_multi_task_card_has_the_papers_settings() -> None:
    config = checked(resolve("legion-multitask").parameters)
    changed = {
        field
        for field in LegionConfig.__struct_fields__
        if getattr(config, field) != getattr(LegionConfig(), field)
    }
    assert changed == {"batch_size", "encoder_every", "kl_weight", "first_fit", "fit_every"}


def test_the_small_card_is_sound() -> None:
    config = checked(resolve("legion-small").parameters)
    assert max(config.width, config.encoder_width) <= 128
    assert len(config.observation_offset) == 12
