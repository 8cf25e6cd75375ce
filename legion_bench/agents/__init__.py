"""Agents: found by name, path or ``package.module:Class``, and built from their cards."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from legion_bench import cards, catalogue
from legion_bench.agents.imports import import_class
from legion_bench.cards import AgentCard
from legion_bench.errors import CardError, unknown
from legion_bench.types import Agent, AgentSetup, StackedAgent

GROUP = "legion_bench.agents"
"""Entry-point group by which installed packages offer agents."""

_METHODS = ("begin_task", "act", "observe", "update", "end_task")


def resolve(name: str) -> AgentCard:
    """Return the card of an agent.

    Args:
        name: a card of the catalogue (``sac-finetune``), a path (``./mine.toml``), an
            installed package's entry point, or ``package.module:Class``.

    Raises:
        CardError: nothing of that name; the message names the nearest match.
    """
    if name.endswith(".toml") or name in catalogue.names("agents"):
        return cards.load_agent(name)
    if ":" in name:
        return AgentCard(name=name, title=name, entry_point=name)
    plugins = installed()
    if name not in plugins:
        raise CardError(unknown("agent", name, {*catalogue.names("agents"), *plugins}))
    return plugins[name]


def installed() -> dict[str, AgentCard]:
    """Return the agents that installed packages offer; a built-in name stays built-in."""
    return {
        point.name: AgentCard(name=point.name, title=f"from {point.value}", entry_point=point.value)
        for point in entry_points(group=GROUP)
        if point.name not in catalogue.names("agents")
    }


def build(card: AgentCard, setup: AgentSetup) -> Agent:
    """Build the agent that ``card`` describes.

    Raises:
        CardError: the class cannot be imported, lacks a method of
            :class:`~legion_bench.types.Agent`, or does not take the card's parameters.
    """
    factory = _factory(card)
    with _naming(card):
        agent: Agent = factory(setup, **card.parameters)
    return agent


def build_stack(card: AgentCard, setups: Sequence[AgentSetup]) -> Sequence[StackedAgent]:
    """Build an agent per setup that learn together; the setups differ in their seeds alone.

    Raises:
        CardError: as :func:`build`, or the class cannot do that.
    """
    factory = _factory(card)
    if not callable(getattr(factory, "stack", None)):
        raise CardError(
            f"agent {card.name!r}: {card.entry_point} has no class method 'stack', so its seeds cannot"
            " learn together: leave --stack out"
        )
    with _naming(card):
        stack: Sequence[StackedAgent] = factory.stack(setups, **card.parameters)
    return stack


@contextmanager
def _naming(card: AgentCard) -> Iterator[None]:
    """Name the card in errors of its parameters."""
    try:
        yield
    except CardError as error:
        raise CardError(f"agent {card.name!r}: {error}") from None


def _factory(card: AgentCard) -> Any:
    """Return a card's class, checked."""
    with _naming(card):
        factory = import_class(card.entry_point)
    missing = [method for method in _METHODS if not callable(getattr(factory, method, None))]
    if missing:
        raise CardError(
            f"agent {card.name!r}: {card.entry_point} lacks {', '.join(missing)}; "
            "see legion_bench.types.Agent for the five methods"
        )
    _check_parameters(card, factory)
    return factory


def _check_parameters(card: AgentCard, factory: Any) -> None:
    signature = inspect.signature(factory)
    accepted = signature.parameters.values()
    known = [parameter.name for parameter in accepted][1:]  # the first takes the AgentSetup
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted):
        for key in card.parameters:
            if key not in known:
                raise CardError(f"agent {card.name!r}: {unknown('parameter', key, known)}")
    try:
        signature.bind(None, **card.parameters)
    except TypeError as error:
        raise CardError(
            f"agent {card.name!r}: {card.entry_point} cannot be built from an AgentSetup and the"
            f" card's parameters: {error}"
        ) from None
