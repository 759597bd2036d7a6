"""What this machine can do at all: `python -m bench.floor DATABASE RELAY_PORT bare|working`.

A bare asyncio listener, raw sqlite3 with one group commit (WAL, synchronous=FULL, 250 after COMMIT), and an
acknowledgement sent over one connection, each envelope ahead with the mail before it.

`bare`: one table, and nothing is parsed, threaded, routed, decided or rendered. `working`: what no desk can do without,
in the shortest form there is: the mail is parsed once by the standard library, its body is held against 200 patterns at
once, sender and ids are looked up, and ticket, message, id, event and outgoing mail are a row each.

Says "port N"; ends at the end of its standard input.
"""

from __future__ import annotations

import asyncio
import email
import re
import sqlite3
import sys
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import re2

_ADDRESS = re.compile(rb"<([^>]*)>")
_ID = re.compile(rb"\r\nMessage-ID:[ \t]*(<[^>\r\n]*>)", re.IGNORECASE)
_GREETING = b"250-floor.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n"
_ACKNOWLEDGEMENT = (
    b"From: Help <help@desk.example>\r\nTo: <%s>\r\nSubject: [BEN-1] Help\r\nIn-Reply-To: %s\r\n"
    b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    + b"We have received your mail and will answer within four hours.\r\n"
    * 20
)


Mail = tuple[int, bytes, bytes]
"""Its number, its octets, who wrote."""


class Rows(Protocol):
    """What is written in one transaction."""

    def add(self, mails: Sequence[Mail]) -> None: ...

    def mark(self, numbers: Sequence[tuple[int]]) -> None: ...


class Bare:
    def __init__(self, made: sqlite3.Connection) -> None:
        self._made = made
        made.execute("CREATE TABLE mail (id INTEGER PRIMARY KEY, raw BLOB, customer BLOB, sent INTEGER)")

    def add(self, mails: Sequence[Mail]) -> None:
        self._made.executemany("INSERT INTO mail VALUES (?, ?, ?, 0)", mails)

    def mark(self, numbers: Sequence[tuple[int]]) -> None:
        self._made.executemany("UPDATE mail SET sent = 1 WHERE id = ?", numbers)


class Working:
    """Five rows and three look-ups for a mail, a statement of each kind for a group."""

    def __init__(self, made: sqlite3.Connection) -> None:
        self._made = made
        made.executescript(_TABLES)
        self._patterns = re2.Set.SearchSet()
        for number in range(200):
            self._patterns.Add(rf"(?i)\border\s+[A-Z]{{2}}-{number:04d}-\d{{3,6}}\b")
        self._patterns.Compile()

    def add(self, mails: Sequence[Mail]) -> None:
        read = [(number, raw, customer, _parsed(raw)) for number, raw, customer in mails]
        ids = [known for *_, (own, _, referred, _) in read for known in (own, *referred)]
        self._look("SELECT id, ticket FROM message_id WHERE id IN", ids)
        self._look("SELECT digest FROM message WHERE digest IN", [sha256(raw).digest() for _, raw, *_ in read])
        self._look("SELECT ticket FROM ticket WHERE customer IN", [customer for _, _, customer, _ in read])
        for *_, (_, _, _, text) in read:
            self._patterns.Match(text)
        many = self._made.executemany
        many("INSERT INTO ticket VALUES (?, ?, ?)", [(n, customer, found[1]) for n, _, customer, found in read])
        many("INSERT INTO message VALUES (?, ?, ?)", [(n, sha256(raw).digest(), raw) for n, raw, *_ in read])
        many("INSERT OR IGNORE INTO message_id VALUES (?, ?)", [(found[0], n) for n, *_, found in read])
        many("INSERT INTO event VALUES (?, 'opened', ?)", [(n, customer) for n, _, customer, _ in read])
        mails_out = [(n, customer, _ACKNOWLEDGEMENT % (customer, found[0].encode())) for n, _, customer, found in read]
        many("INSERT INTO outbox VALUES (?, ?, ?, 0)", mails_out)

    def mark(self, numbers: Sequence[tuple[int]]) -> None:
        self._made.executemany("UPDATE outbox SET sent = 1 WHERE id = ?", numbers)

    def _look(self, query: str, keys: Sequence[str | bytes]) -> None:
        self._made.execute(f"{query} ({','.join('?' * len(keys))})", keys).fetchall()


_TABLES = """
CREATE TABLE ticket (ticket INTEGER PRIMARY KEY, customer BLOB, subject TEXT);
CREATE INDEX ticket_customer ON ticket (customer);
CREATE TABLE message (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, raw BLOB);
CREATE TABLE message_id (id TEXT PRIMARY KEY, ticket INTEGER) WITHOUT ROWID;
CREATE TABLE event (ticket INTEGER, kind TEXT, who BLOB);
CREATE INDEX event_ticket ON event (ticket);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, recipient BLOB, content BLOB, sent INTEGER);
CREATE INDEX outbox_waiting ON outbox (id) WHERE sent = 0;
"""


def _parsed(raw: bytes) -> tuple[str, str, list[str], str]:
    """(its id, its subject, the ids it refers to, its text)."""
    message = email.message_from_bytes(raw)
    own, subject = str(message["Message-ID"] or ""), str(message["Subject"] or "")
    referred = f"{message['References'] or ''} {message['In-Reply-To'] or ''}".split()[:20]
    payload = message.get_payload(decode=True)
    return own, subject, referred, payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


class Floor:
    """One group commits while the next one gathers."""

    def __init__(self, database: Path, relay: Sender, rows: Callable[[sqlite3.Connection], Rows]) -> None:
        self._made = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=10000", "cache_size=-32768"):
            self._made.execute(f"PRAGMA {pragma}").fetchall()
        self._rows = rows(self._made)
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
            self._rows.add([(number, raw, customer) for number, (raw, customer, _) in zip(ids, group, strict=True)])
            self._rows.mark([(number,) for number in sent])
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


async def run(database: Path, relay: int, rows: Callable[[sqlite3.Connection], Rows]) -> None:
    loop = asyncio.get_running_loop()
    sender = Sender()
    await loop.create_connection(lambda: sender, "127.0.0.1", relay)
    floor = Floor(database, sender, rows)
    server = await loop.create_server(lambda: Conversation(floor), "127.0.0.1", 0, backlog=512)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), Working if sys.argv[3] == "working" else Bare))
