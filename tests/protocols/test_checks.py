"""Which agents can be resumed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from legion_bench.agents.random import RandomAgent
from legion_bench.protocols.checks import is_stateful
from tests.toy_agent import Forgetful, Toy


class Module(torch.nn.Module, RandomAgent):
    """Has the two methods, which know nothing of its random state."""


class Careful(Module):
    """Has two of its own."""

    def state_dict(self) -> Any:  # type: ignore[override]
        return {}

    def load_state_dict(self, state: Any) -> None:  # type: ignore[override]
        pass


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(RandomAgent, False), (Toy, True), (Forgetful, False), (Module, False), (Careful, True)],
)
def test_an_agent_can_be_resumed_if_it_says_itself_what_it_is(kind: Any, expected: bool) -> None:
    assert is_stateful(kind.__new__(kind)) is expected
