"""The log's way out: whoever logs never waits for who reads.

Standard error may be a pipe that nobody empties, a journal that stands still or a disk that is full. So lines are put
into a bounded queue and written by a thread of their own; what does not fit is dropped and counted.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

MOST = 10_000  # lines that wait; of common length some 2 MiB
LONGEST = 4 * 1024 * 1024  # characters that wait
GATHER = 0.02  # seconds in which lines come together for one write: waking a thread costs more than a line
PIECE = 64 * 1024  # octets of one write: what a pipe of Linux takes at once
STANDS = 5.0  # seconds after which a write that has not returned is worth a word
REMEMBERED = 60.0  # seconds for which lost lines show in the health check


class LogPipe:
    """A text stream over a file descriptor, as `logging.StreamHandler` wants one. `write` never blocks and never fails.

    `lost` is called, from the writing thread, with the number of lines that were dropped, once lines can be written
    again. A descriptor that refuses octets (closed, no room) loses them; the next ones are tried again.
    """

    def __init__(self, descriptor: int, lost: Callable[[int], None] = lambda _: None) -> None:
        self._descriptor, self._lost = descriptor, lost
        self._lines: deque[str] = deque()
        self._length = 0
        self._news = threading.Condition()
        self._closing = False
        self._dropped = 0  # not told of yet
        self._dropped_in_all = 0
        self._dropped_at = 0.0
        self._writing_since = 0.0  # 0: not writing
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        with self._news:
            if len(self._lines) >= MOST or self._length + len(text) > LONGEST:
                self._drop(1)
            else:
                self._lines.append(text)
                self._length += len(text)
                if len(self._lines) == 1:
                    self._news.notify()
        return len(text)

    def flush(self) -> None:
        """Nothing: it would have to wait."""

    def trouble(self) -> str:
        """Why lines do not get out, or "": for the health check."""
        now, since = monotonic(), self._writing_since
        if since and now - since > STANDS:
            return f"nobody reads the log, {len(self._lines)} lines wait and {self._dropped_in_all} are lost"
        if self._dropped_at and now - self._dropped_at < REMEMBERED:
            return f"{self._dropped_in_all} lines of the log are lost"
        return ""

    def close(self, patience: float = 2.0) -> None:
        """Waits until all is written, for `patience` seconds at most."""
        with self._news:
            self._closing = True
            self._news.notify()
        self._thread.join(patience)

    def _drop(self, lines: int) -> None:
        self._dropped += lines
        self._dropped_in_all += lines
        self._dropped_at = monotonic()

    def _run(self) -> None:
        while lines := self._next():
            self._writing_since = monotonic()
            written = self._write("".join(lines).encode("utf-8", "backslashreplace"))
            self._writing_since = 0.0
            with self._news:
                if not written:
                    self._drop(len(lines))
                dropped, self._dropped = (self._dropped, 0) if written else (0, self._dropped)
            if dropped:
                self._lost(dropped)

    def _next(self) -> list[str]:
        """Lines for one write; none when all is written and no more come."""
        with self._news:
            while not self._lines and not self._closing:
                self._news.wait()
                if not self._closing:
                    self._news.wait(GATHER)
            lines, size = list[str](), 0
            while self._lines and (not lines or size + len(self._lines[0]) <= PIECE):
                lines.append(self._lines.popleft())
                size += len(lines[-1])
            self._length -= size
            return lines

    def _write(self, octets: bytes) -> bool:
        view = memoryview(octets)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            return False
        return True
