"""The octets of one message between the wire and the store: in memory while they are few, then in a file.

So a hundred clients may send the largest mail at the same time: memory holds a block of each, and nobody has to wait
or to come again for want of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.edge.smtp_data import DataReader, Fault, hops
from gateway.edge.smtp_limits import Room
from gateway.model import Spooled
from gateway.threads import standing

BLOCK = 128 * 1024  # octets of a message that are held in memory
HOPS = 50
_LOOK = 1024 * 1024  # octets after which the room on the disk is looked at again


class Spool(Protocol):
    """A file that becomes the store's. Its methods raise what `accept` raises; `drop` may come at any time."""

    def write(self, octets: bytes) -> None: ...
    def end(self) -> Spooled: ...
    def drop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Spools:
    """Where the listeners of a gateway spool. `full` answers "", or why no more can be put on the disk."""

    begin: Callable[[], Spool]
    full: Callable[[], str]
    threads: Executor = field(default_factory=lambda: standing(2, "smtp-spool"))


class Incoming:
    """What `reader` has read of one message. `trace` gives the field to be put in front of it, when that is written.

    Without `spools` it stays in memory, as far as `room` allows. `drop` when the message has been taken or given up.
    """

    def __init__(self, reader: DataReader, spools: Spools | None, room: Room, trace: Callable[[], bytes]) -> None:
        self._reader, self._spools, self._room, self._trace = reader, spools, room, trace
        self._held = 0
        self._file: Spool | None = None
        self._unlooked = 0

    async def settle(self) -> None:
        """To be called after each feed, before the next one: then memory is bounded. What goes wrong is the fault of
        the reader then."""
        if self._spools is None:
            self._hold()
        elif self._reader.held > BLOCK:
            await self._spool(self._spools)

    async def content(self) -> bytes | Spooled:
        """All of it, trace in front. Raises what `accept` raises."""
        if self._spools is not None and self._file is not None:
            return await self._written(self._spools, self._file, self._reader.drain())
        with self._reader.content() as content:
            whole = b"".join((self._trace(), content))
        self._reader.forget()
        return whole

    def drop(self) -> None:
        self._room.release(self._held)
        self._held = 0
        if self._file is not None:
            self._file.drop()

    def too_many_hops(self) -> bool:
        """Counted in the first block of a message, which is in memory then."""
        with self._reader.content() as content:
            return self._file is None and hops(content) > HOPS

    def _hold(self) -> None:
        if self._reader.held == self._held:
            return
        if self._room.grow(self._held, self._reader.held):
            self._held = self._reader.held
            return
        self._reader.refuse(Fault.NO_ROOM)
        self._room.release(self._held)
        self._held = 0

    async def _spool(self, spools: Spools) -> None:
        if self.too_many_hops():
            self._reader.refuse(Fault.HOPS)
            return
        if self._unlooked <= 0:
            self._unlooked = _LOOK
            if spools.full():
                self._reader.refuse(Fault.NO_DISK)
                return
        before = self._trace() if self._file is None else b""
        octets = before + self._reader.drain()
        self._unlooked -= len(octets)
        try:
            if self._file is None:
                self._file = spools.begin()
            await asyncio.get_running_loop().run_in_executor(spools.threads, self._file.write, octets)
        except Exception as error:  # noqa: BLE001 - whatever fails here is ours, and the mail comes again
            self._reader.refuse(Fault.NO_DISK if getattr(error, "full", False) else Fault.OURS)

    async def _written(self, spools: Spools, file: Spool, last: bytes) -> Spooled:
        def end() -> Spooled:
            file.write(last)
            return file.end()

        ended = asyncio.get_running_loop().run_in_executor(spools.threads, end)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            ended.add_done_callback(_remove)
            raise


def _remove(ended: asyncio.Future[Spooled]) -> None:
    """Nobody waits for this file any more."""
    if not ended.cancelled() and ended.exception() is None:
        Path(ended.result().path).unlink(missing_ok=True)
