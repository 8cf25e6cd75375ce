"""Continual-learning methods by the names that cards give them."""

from __future__ import annotations

from legion_bench.agents.sb3.methods.base import Method

METHODS: dict[str, type[Method]] = {}
