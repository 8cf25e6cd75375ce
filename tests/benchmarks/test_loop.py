"""The runner's loop with updates beside the environments' steps, against one after the other.

``tox run -e bench``; one thread for updates, and where they overlap, one for physics.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from legion_bench import agents
from legion_bench.cards import ProtocolCard
from legion_bench.protocols.runner import train
from tests.conftest import MakeSetup, MakeStream
from tests.protocols.test_runner import Kept

STEPS = 600
PROTOCOL = ProtocolCard(name="p", title="T", stream="s", evaluate_every=STEPS, evaluation_episodes=1)


def test_legion_overlap(
    compare: Callable[..., float], make_stream: MakeStream, make_setup: MakeSetup
) -> None:
    card = agents.resolve("legion-small")
    card = msgspec.structs.replace(card, parameters={**card.parameters, "learning_starts": 0})
    stream = make_stream("reach", steps_per_task=STEPS, horizon=5)  # for cheap evaluations

    def run(*, overlap: bool) -> None:
        agent = agents.build(card, make_setup("reach"))
        train(msgspec.structs.replace(PROTOCOL, overlap=overlap), stream, agent, 0, Kept())

    compare(
        lambda: run(overlap=True),
        lambda: run(overlap=False),
        ours_steps=STEPS,
        peer_steps=STEPS,
        rounds=3,
    )
