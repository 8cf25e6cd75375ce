"""Parameters of agents: any value for any of them, and for any of SB3's options; an agent, or CardError."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legion_bench import agents, cards
from legion_bench.agents.legion.config import LegionConfig
from legion_bench.agents.legion.config import checked as checked_legion
from legion_bench.agents.sb3.config import Sb3Config, method_class
from legion_bench.agents.sb3.config import checked as checked_sb3
from legion_bench.errors import CardError
from legion_bench.types import AgentSetup
from tests.conftest import MakeSetup
from tests.fuzz import EXAMPLES, HUGE, VALUES

SB3 = ("sac-packnet-small", "sac-ewc-small", "td3-finetune-small", "ppo-finetune-small")


@pytest.fixture
def setup(make_setup: MakeSetup) -> AgentSetup:
    return make_setup()


@EXAMPLES
@given(field=st.sampled_from([*LegionConfig.__struct_fields__, "more"]), value=VALUES)
def test_legion(field: str, value: Any) -> None:
    with contextlib.suppress(CardError):
        checked_legion({**cards.load_agent("legion-small").parameters, field: value})


@EXAMPLES
@given(name=st.sampled_from(SB3), field=st.sampled_from([*Sb3Config.__struct_fields__, "more"]), value=VALUES)
def test_sb3(name: str, field: str, value: Any) -> None:
    with contextlib.suppress(CardError):
        method_class(checked_sb3({**cards.load_agent(name).parameters, field: value}))


@EXAMPLES
@given(name=st.sampled_from(SB3), data=st.data())
def test_sb3s_own_options(name: str, data: st.DataObject, setup: AgentSetup) -> None:
    """Built, for SB3 itself looks at them then."""
    card = cards.load_agent(name)
    options = card.parameters["options"]
    keys = [*options, "ent_coef", "target_entropy", "n_epochs", "max_grad_norm", "device", "policy_delay"]
    changed = {**options, data.draw(st.sampled_from(keys)): data.draw(HUGE)}
    changed = msgspec.structs.replace(card, parameters={**card.parameters, "options": changed})
    with warnings.catch_warnings(), contextlib.suppress(CardError):
        warnings.simplefilter("ignore")  # SB3 says what it thinks of some values
        agents.build(changed, setup)
