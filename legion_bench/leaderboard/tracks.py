"""What can be compared with what, and how far apart agents are told."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from legion_bench.cards import AgentCard, ProtocolCard, StreamCard

IDENTITIES = {"one-hot": "known", "language": "language", "none": "hidden", "oracle": "oracle"}
"""Parameter ``identity`` of an agent's card → what the agent is told of the task that it is in; an oracle
is made for the tasks, and no match for those who learn them."""
DEFAULTS = {
    "legion_bench.agents.legion.agent:LegionAgent": "language",
    "legion_bench.agents.random:RandomAgent": "none",
    "legion_bench.agents.scripted:ScriptedAgent": "oracle",
    "legion_bench.agents.sb3:Sb3Agent": "none",
}
"""What our own agents are told where their card does not say. Classes of others are never asked: that would
run their code."""
UNSTATED = "unstated"
"""Where neither says, or the card says something else."""


@dataclass(frozen=True, order=True)
class Track:
    """Agents that are compared with one another."""

    protocol: str
    robot: str
    """``"kuka → sawyer"`` where another robot is evaluated on than is trained on."""
    identity: str


def track(protocol: ProtocolCard, stream: StreamCard, agent: AgentCard) -> Track:
    """Return the track that runs belong to, as their cards say."""
    robots = [stream.robot, *([protocol.evaluation_robot] if protocol.evaluation_robot else [])]
    stated = agent.parameters.get("identity", DEFAULTS.get(agent.entry_point))
    identity = IDENTITIES.get(stated, UNSTATED) if isinstance(stated, str) else UNSTATED
    return Track(protocol.name, " → ".join(robots), identity)


def places(low: pd.Series, high: pd.Series) -> list[tuple[int, int] | None]:
    """Return the first and the last place that intervals leave each agent of a track.

    An agent is behind another only if its interval ends where the other's has not begun. None, and
    left out of the others' places, for an agent without interval: a single seed has no place.

    Args:
        low: [N] lower ends of intervals; NaN for none.
        high: [N] upper ends.
    """
    known = low.notna()
    return [
        (1 + int((low[known] > above).sum()), int(known.sum()) - int((high[known] < below).sum()))
        if there
        else None
        for below, above, there in zip(low, high, known, strict=True)
    ]
