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
        self.parties = parties
        self._waiting = self._meetings = 0
        self._changed = threading.Condition()
        self._outcome: Any = None
        self._left_by: BaseException | None = None

    def __call__(self, action: Callable[[], _T]) -> _T:
        """Wait for all; let the last one act; return to each what came of it.

        Raises:
            StackError: another thread has left, or has failed at it.
            KeyboardInterrupt: another thread was interrupted.
        """
        with self._changed:
            meeting = self._meetings
            self._waiting += 1
            if self._waiting == self.parties and self._left_by is None:
                try:
                    self._outcome = action()
                except BaseException as error:
                    self.leave(error)
                    raise
                self._waiting, self._meetings = 0, meeting + 1
                self._changed.notify_all()
            # A meeting that took place counts, even if somebody has left since.
            self._changed.wait_for(lambda: self._meetings > meeting or self._left_by is not None)
            if self._meetings == meeting:
                if isinstance(self._left_by, KeyboardInterrupt):
                    raise KeyboardInterrupt
                raise StackError(f"another seed of the stack has stopped: {self._left_by}")
            outcome: _T = self._outcome
            return outcome

    def leave(self, error: BaseException) -> None:
        """Let nobody wait for this thread any longer, because of ``error``."""
        with self._changed:
            if self._left_by is None:
                self._left_by = error
            self._changed.notify_all()
