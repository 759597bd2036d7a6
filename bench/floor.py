"""What this machine can do at all: `python -m bench.floor DATABASE RELAY_PORT` keeps and acknowledges, no more.

A bare asyncio listener, raw sqlite3 with one table and one group commit (WAL, synchronous=FULL, 250 after COMMIT), and
a fixed acknowledgement sent over one connection, each envelope ahead with the mail before it. Nothing is parsed,
threaded, routed, decided or rendered. Says "port N"; ends at the end of its standard input.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

_ADDRESS = re.compile(rb"<([^>]*)>")
_ID = re.compile(rb"\r\nMessage-ID:[ \t]*(<[^>\r\n]*>)", re.IGNORECASE)
_GREETING = b"250-floor.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n"
_ACKNOWLEDGEMENT = (
    b"From: Help <help@desk.example>\r\nTo: <%s>\r\nSubject: [BEN-1] Help\r\nIn-Reply-To: %s\r\n"
    b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    + b"We have received your mail and will answer within four hours.\r\n"
    * 20
)


class Floor:
    """One group commits while the next one gathers."""

    def __init__(self, database: Path, relay: Sender) -> None:
        self._made = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=10000", "cache_size=-32768"):
            self._made.execute(f"PRAGMA {pragma}").fetchall()
        self._made.execute("CREATE TABLE mail (id INTEGER PRIMARY KEY, raw BLOB, customer BLOB, sent INTEGER)")
        self._relay = relay
        self._group: list[tuple[bytes, bytes, asyncio.Transport]] = []
        self._committing: asyncio.Task[None] | None = None
        self._last = 0
        relay.tell = self._wake

    def keep(self, raw: bytes, customer: bytes, transport: asyncio.Transport) -> None:
        self._group.append((raw, customer, transport))
        self._wake()

    def _wake(self) -> None:
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())

    async def _commit(self) -> None:
        """Rows in the loop, only COMMIT in a thread."""
        loop = asyncio.get_running_loop()
        while self._group or self._relay.sent:
            group, self._group = self._group, []
            sent, self._relay.sent = self._relay.sent, []
            ids = range(self._last + 1, self._last + 1 + len(group))
            self._last += len(group)
            self._made.execute("BEGIN IMMEDIATE")
            rows = [(number, raw, customer) for number, (raw, customer, _) in zip(ids, group, strict=True)]
            self._made.executemany("INSERT INTO mail VALUES (?, ?, ?, 0)", rows)
            self._made.executemany("UPDATE mail SET sent = 1 WHERE id = ?", [(number,) for number in sent])
            await loop.run_in_executor(None, self._made.execute, "COMMIT")
            for number, (raw, customer, transport) in zip(ids, group, strict=True):
                transport.write(b"250 2.0.0 kept\r\n")
                self._relay.send(number, customer, raw)
        self._committing = None


class Conversation(asyncio.Protocol):
    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._input = bytearray()
        self._customer = b""
        self._in_data = False
        self._looked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP: a stream transport
        self._transport.write(b"220 floor.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._input += data
        answers = b""
        while True:
            if self._in_data:
                if not self._data():
                    break
            elif (end := self._input.find(b"\r\n")) >= 0:
                line = bytes(self._input[:end])
                del self._input[: end + 2]
                answers += self._command(line)
            else:
                break
        if answers:
            self._transport.write(answers)

    def _data(self) -> bool:
        end = self._input.find(b"\r\n.\r\n", max(0, self._looked - 4))
        if end < 0:
            self._looked = len(self._input)
            return False
        raw = bytes(self._input[: end + 2]).replace(b"\r\n..", b"\r\n.")
        del self._input[: end + 5]
        self._in_data, self._looked = False, 0
        self._floor.keep(raw, self._customer, self._transport)
        return True

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _GREETING
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        if verb == b"QUIT":
            asyncio.get_running_loop().call_soon(self._transport.close)
            return b"221 2.0.0 bye\r\n"
        if verb == b"MAIL" and (found := _ADDRESS.search(line)):
            self._customer = found[1]
        return b"250 2.0.0 ok\r\n"


class Sender(asyncio.Protocol):
    """Each acknowledgement goes out with the envelope of the next, so that one round trip does for a mail."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.tell: Callable[[], None] = lambda: None  # that there is one more of them
        self._waiting: deque[tuple[int, bytes, bytes]] = deque()
        self._announced: tuple[int, bytes, bytes] | None = None
        self._under_way: int | None = None
        self._input = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP: a stream transport
        self._transport.write(b"EHLO floor.example\r\n")

    def send(self, number: int, customer: bytes, raw: bytes) -> None:
        found = _ID.search(raw, 0, 8192)
        self._waiting.append((number, customer, _ACKNOWLEDGEMENT % (customer, found[1] if found else b"<>")))
        if self._announced is None and self._under_way is None:
            self._transport.write(self._announce())

    def _announce(self) -> bytes:
        if not self._waiting:
            return b""
        self._announced = self._waiting.popleft()
        return b"MAIL FROM:<bounce@desk.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" % self._announced[1]

    def data_received(self, data: bytes) -> None:
        self._input += data
        while (end := self._input.find(b"\r\n")) >= 0:
            line = bytes(self._input[:end])
            del self._input[: end + 2]
            if line.startswith(b"354") and self._announced is not None:
                self._under_way, _, content = self._announced
                self._announced = None
                self._transport.write(content + b".\r\n" + self._announce())
            elif line.startswith(b"250 2.0.0 taken") and self._under_way is not None:
                self.sent.append(self._under_way)
                self._under_way = None
                self.tell()
                if self._announced is None:
                    self._transport.write(self._announce())


async def run(database: Path, relay: int) -> None:
    loop = asyncio.get_running_loop()
    sender = Sender()
    await loop.create_connection(lambda: sender, "127.0.0.1", relay)
    floor = Floor(database, sender)
    server = await loop.create_server(lambda: Conversation(floor), "127.0.0.1", 0, backlog=512)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
