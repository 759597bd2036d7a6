"""Reading thousands of mails: one killable child a processor, one record a mail, in the order of the mails.

A mail that hangs, dies or takes too much memory costs its child and nothing else: its record says so. What is held in
memory does not grow with their number.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from gateway.edge.child import Child, ChildFailed, NoChild
from gateway.mailbag import Place
from gateway.options import ReadLimits
from gateway.read_child import line_of
from gateway.reading import Record, set_aside

_AHEAD = 16  # records that may wait for a slower one, for each child
_HEAD = 1 << 20  # octets read of a mail that is larger than any may be
UNREAD = "the file cannot be read"  # begins the reason when there was nothing to judge
_STARTS = 5  # tries to start a child on a machine that has no room for it now


class Readers:
    """So many children that read mail; a context. `authserv_ids` and `html` as in `gateway.reading.read_mail`."""

    def __init__(
        self, limits: ReadLimits, authserv_ids: Sequence[str] = (), children: int = 1, *, html: bool = False
    ) -> None:
        self._limits = limits
        options = {"authserv_ids": list(authserv_ids), "safe_html": html}
        command = (sys.executable, "-P", "-m", "gateway.read_child", json.dumps(options))
        self._children = [Child(limits, _record, command) for _ in range(max(1, children))]
        self._idle: SimpleQueue[Child[Record]] = SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(len(self._children))

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.close()
        self._threads.shutdown()

    def records(self, places: Iterable[Place]) -> Iterator[tuple[Place, Record]]:
        """The record of each mail with its place, in their order. Raises NoChild when no child can be started."""
        waiting: deque[tuple[Place, Future[Record]]] = deque()
        for place in places:
            waiting.append((place, self._threads.submit(self._read, place)))
            if len(waiting) >= _AHEAD * len(self._children):
                first, record = waiting.popleft()
                yield first, record.result()
        while waiting:
            first, record = waiting.popleft()
            yield first, record.result()

    def read(self, raw: bytes) -> Record:
        """The record of one mail, for a single caller. Raises NoChild."""
        return self._in_child(raw, time.perf_counter())

    def _read(self, place: Place) -> Record:
        began = time.perf_counter()
        most = self._limits.message
        try:
            raw = place.read(most if place.size <= most else _HEAD)
        except OSError as fault:
            return set_aside(b"", self._limits, f"{UNREAD}: {fault.strerror}") | {"attachments": [], "seconds": 0.0}
        if place.size > most:
            record = set_aside(raw, self._limits, f"larger than {most} octets")
            record["size"] = record["attachments"][0]["size"] = place.size
            return _timed(record, began)
        return self._in_child(raw, began)

    def _in_child(self, raw: bytes, began: float) -> Record:
        child = self._idle.get()
        try:
            return _ask(child, raw)
        except NoChild:
            raise
        except ChildFailed as fault:
            return _timed(set_aside(raw, self._limits, str(fault)), began)
        finally:
            self._idle.put(child)


def _timed(record: Record, began: float) -> Record:
    return record | {"seconds": round(time.perf_counter() - began, 6)}


def _record(answer: bytes, _raw: bytes) -> Record:
    record: Record = json.loads(answer)
    return record


def _ask(child: Child[Record], raw: bytes) -> Record:
    for left in reversed(range(_STARTS)):
        try:
            return child.read(raw)
        except NoChild:
            if not left:
                raise
            time.sleep(1)
    raise AssertionError("unreachable")


def line_for(place: Place, record: Record) -> bytes:
    """A record as a line of JSON that begins with where the mail is."""
    where: Record = {"path": str(place.path)}
    if place.index is not None:
        where["index"] = place.index
    return line_of(where | record)
