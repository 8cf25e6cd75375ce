"""Stable-Baselines3 algorithms on our runner, and continual-learning methods on them."""

from legion_bench.agents.sb3.agent import Sb3Agent

__all__ = ["Sb3Agent"]
