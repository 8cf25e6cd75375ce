"""Where the threads of stacked seeds meet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from legion_bench.errors import StackError

_T = TypeVar("_T")


class Rendezvous:
    """Lets N threads do something once, together."""

    def __init__(self, parties: int) -> None:
        """Expect N threads."""
        self._barrier = threading.Barrier(parties)
        self._outcome: Any = None
        self._left_by: BaseException | None = None

    def __call__(self, action: Callable[[], _T]) -> _T:
        """Wait for all; let one act; return to each what came of it.

        Raises:
            StackError: another thread has left, or has failed at it.
            KeyboardInterrupt: another thread was interrupted.
        """
        try:
            if self._barrier.wait() == 0:
                self._outcome = action()
            self._barrier.wait()
        except threading.BrokenBarrierError:
            if isinstance(self._left_by, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise StackError(f"another seed of the stack has stopped: {self._left_by}") from None
        except BaseException as error:
            self.leave(error)
            raise
        outcome: _T = self._outcome
        return outcome

    def leave(self, error: BaseException) -> None:
        """Let nobody wait for this thread any longer, because of ``error``."""
        if self._left_by is None:
            self._left_by = error
        self._barrier.abort()
