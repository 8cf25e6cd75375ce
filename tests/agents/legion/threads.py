"""Work in threads that a test can outlive: one that waits for ever is a failure, not a standstill."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Return what work(0), work(1), … returned or raised, each in a thread of its own."""
    outcomes: list[Any] = [TimeoutError("it waits for ever")] * count

    def run(place: int) -> None:
        try:
            outcomes[place] = work(place)
        except BaseException as error:
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return outcomes
