"""Measure a thing and its peer turn by turn, and print how many times faster it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

Run = Callable[[], object]
RATIOS: list[tuple[str, float, str]] = []


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread, as in a run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def compare(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., float]:
    """Return a function that benchmarks ``ours`` and records its speed over ``peer``'s.

    The two take turns, and the fastest turn of each counts: the machine may be shared.
    """

    def measure(ours: Run, peer: Run, *, ours_steps: int = 1, peer_steps: int = 1, rounds: int = 7) -> float:
        best = {ours: float("inf"), peer: float("inf")}
        for _ in range(rounds):
            for run, steps in ((peer, peer_steps), (ours, ours_steps)):
                began = time.perf_counter()
                run()
                best[run] = min(best[run], (time.perf_counter() - began) / steps)
        benchmark.pedantic(ours, rounds=rounds)
        ratio = best[peer] / best[ours]
        each = f"{best[ours] * 1e6:.1f} against {best[peer] * 1e6:.1f} us"
        benchmark.extra_info.update(ratio=ratio, each=each)
        RATIOS.append((request.node.name, ratio, each))
        return ratio

    return measure


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if RATIOS:
        terminalreporter.section("speed over the peer, per step or call")
        for name, ratio, each in RATIOS:
            terminalreporter.write_line(f"{name:<48} {ratio:6.2f} x   {each}")
