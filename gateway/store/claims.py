"""Which rows are being worked on. In memory: a process that dies lets go of them by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Claims:
    """A set of row ids.

    `taking` holds the lock over the read that finds candidates: a row whose work ends meanwhile is let go only
    after that read was filtered, so a stale snapshot never hands out a finished row.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()

    @contextmanager
    def taking(self) -> Iterator[tuple[frozenset[int], Callable[[Iterable[int]], None]]]:
        """Gives (the ids that are held, a function that takes more)."""
        with self._lock:
            yield frozenset(self._held), self._held.update

    def release(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._held.difference_update(ids)
