"""Databases with many tickets, made once and kept: `tickets(N)` gives a state folder to be copied.

Three tickets are made by the real desk: answered and closed, answered, and escalated without an answer. Their rows, in
every table, are written N times with other numbers, addresses, Message-IDs, digests and times, over three years; half
of them are closed. Keys are spread as real ones are, and every index is there. Two things are not as in life: the
octets of old mail are cut to 256, since nothing reads them again, and each table was filled in order of time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.letters import DOMAIN, HELP, Writer, customers_of, known_customer, old_id
from bench.rules import AGENT, rulebook
from gateway.build import shipped
from gateway.options import Desk
from gateway.store import schema
from gateway.store.store import migrate
from tests.flow.clients import mail, reply, reply_address
from tests.flow.desk_under_test import DeskUnderTest

KEPT_AT = Path(__file__).resolve().parents[1] / ".bench"
DESK = Desk("BEN", "desk.example", "bounce@desk.example", "Desk")
_SKIPPED = frozenset({"contact", "tally", "rulebook", "ticket_number"})
_FORM = "1"  # to be changed when this module writes other rows
_YEARS = 3 * 365 * 86_400 * 1_000_000  # microseconds over which the tickets are spread
_RECENT = 2 * 86_400 * 1_000_000  # none is younger: the caps look at the last day
_OCTETS = 256
_BATCH = 5_000
_SIZE = 12_000  # octets of one ticket with all that belongs to it
_ONCE = "zqz"  # stands for what is new in every copy
_CHANGING = re.compile(
    rf"(?P<customer>customer{_ONCE})|(?P<id>m{_ONCE}@{re.escape(DOMAIN)})|(?P<once>{_ONCE})"
    r"|(?P<digest>\b[0-9a-f]{64}\b)|(?P<nonce>[a-z2-7]{16}\.[0-9a-f]{16}(?=@))"
)

Rows = dict[str, list[tuple[Any, ...]]]


class NoRoom(Exception):
    """The disk is too small for a prepared database and the copy that is worked on."""


def tickets(count: int, told: Callable[[str], None] = lambda _: None) -> Path:
    """A state folder with a database of so many tickets; made when this schema has none yet. NoRoom on a small disk."""
    folder = KEPT_AT / f"{count}-{_version()}"
    if folder.is_dir():
        return folder
    KEPT_AT.mkdir(exist_ok=True)
    for old in KEPT_AT.glob(f"{count}-*"):
        shutil.rmtree(old)
    if (free := shutil.disk_usage(KEPT_AT).free) < 2 * count * _SIZE:  # this one and the copy that is worked on
        raise OSError(
            f"a database of {count:,} tickets needs {2 * count * _SIZE >> 20:,} MiB, there are {free >> 20:,}"
        )
    told(f"making a database of {count:,} tickets, once")
    with tempfile.TemporaryDirectory(dir=KEPT_AT, prefix="making-") as name:
        made = Path(name) / "state"
        made.mkdir()
        fill(made / "gateway.sqlite", count)
        os.rename(made, folder)
    return folder


def _version() -> str:
    """Of everything the rows depend on."""
    octets = _FORM.encode() + Path(schema.__file__).read_bytes()
    migrations = b"".join(path.read_bytes() for path in sorted(shipped("migrations").rglob("*.py")))
    return hashlib.sha256(octets + migrations).hexdigest()[:12]


# --- the tickets to be copied ----------------------------------------------------------------------------------------


def _shape(answer: str) -> Rows:
    """All rows that one ticket brings about on the real desk."""
    with tempfile.TemporaryDirectory() as name:
        desk = DeskUnderTest(Path(name), rules={"rulebook.yaml": rulebook()}, options=DESK)
        try:
            customer = f"customer{_ONCE}@{DOMAIN}"
            text = Writer(_ONCE).words(60)
            raw = mail(sender=customer, to=HELP, subject=text[:40], body=text, message_id=f"<m{_ONCE}@{DOMAIN}>")
            desk.receive(raw, [HELP], mail_from=customer)
            if answer:
                told = desk.sent_to(AGENT)[0]
                raw = reply(told, sender=AGENT, body=f"{text}\n\n{answer}", message_id=f"<a{_ONCE}@people.example>")
                desk.receive(raw, [reply_address(told)], mail_from=AGENT, auth=AGENT)
            else:
                desk.pass_time(days=1)  # what nobody answered has been escalated
        finally:
            desk.close()
        with sqlite3.connect(Path(name) / "desk.sqlite") as read:
            names = [table.name for table in schema.metadata.sorted_tables if table.name not in _SKIPPED]
            found = {name: read.execute(f"SELECT {_columns(name)} FROM {name}").fetchall() for name in names}
        read.close()
    return found


# --- copies -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    """What is new in one copy."""

    place: int  # from 0; the ticket's number is one more
    customer: str
    later: int  # microseconds
    above: Mapping[str, int]  # table → the ids that are taken

    def mixed(self, what: object) -> str:
        """64 hexadecimal digits that belong to `what` in this copy."""
        return hashlib.blake2b(f"{what} {self.place}".encode(), digest_size=32).hexdigest()


_Make = Callable[[_Copy], Any]


@dataclass
class _Template:
    """A ticket to be copied: for each table the makers of the columns of its rows."""

    makers: dict[str, list[list[_Make]]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, shape: Rows) -> _Template:
        made = cls()
        for name, rows in shape.items():
            columns = list(schema.metadata.tables[name].c)
            made.rows[name] = len(rows)
            made.makers[name] = [[_maker(c, v) for c, v in zip(columns, row, strict=True)] for row in rows]
        return made

    def copies(self, name: str, copy: _Copy) -> Iterator[tuple[Any, ...]]:
        for row in self.makers[name]:
            yield tuple([make(copy) for make in row])


def _maker(column: Any, value: Any) -> _Make:
    name, table = column.name, column.table.name
    if value is None or name == "rulebook":
        return lambda _: value
    if isinstance(column.type, schema.Instant):
        return lambda copy: value + copy.later
    if name == "id" or name == "intake_id":
        counted = "intake" if name == "intake_id" else table
        return lambda copy: value + copy.above[counted]
    if (name == "ticket" and value) or (table, name) == ("ticket", "number"):
        return lambda copy: copy.place + 1
    if isinstance(value, bytes):
        return _octets(column, value)
    if isinstance(value, str) and _CHANGING.search(value):
        return _text(value)
    return lambda _: value


def _octets(column: Any, value: bytes) -> _Make:
    if column.name in ("sha256", "body"):
        return lambda copy: bytes.fromhex(copy.mixed(value))
    return lambda _: value[:_OCTETS]


def _text(value: str) -> _Make:
    """The text with what changes put in anew."""
    parts: list[str | _Make] = []
    end = 0
    for found in _CHANGING.finditer(value):
        parts += [value[end : found.start()], _changed(str(found.lastgroup), found.group())]
        end = found.end()
    parts.append(value[end:])
    return lambda copy: "".join([part if isinstance(part, str) else part(copy) for part in parts])


def _changed(kind: str, old: str) -> _Make:
    match kind:
        case "customer":
            return lambda copy: copy.customer
        case "id":
            return lambda copy: old_id(copy.place)[1:-1]
        case "once":
            return lambda copy: f"{copy.place}"
        case "digest":
            return lambda copy: copy.mixed(old)
        case _:
            return lambda copy: f"{copy.mixed(old)[:16]}.{copy.mixed(old)[16:32]}"


# --- writing ----------------------------------------------------------------------------------------------------------


def fill(path: Path, count: int) -> None:
    """Makes a database of so many tickets, which are of the years before now."""
    migrate(f"sqlite:///{path}", shipped("migrations"))
    made = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "locking_mode=EXCLUSIVE"):
            made.execute(f"PRAGMA {pragma}").fetchall()
        indexes = made.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            made.execute(f"DROP INDEX {name}")
        _write_tickets(made, count)
        _write_customers(made, count)
        for _, statement in indexes:  # built from sorted rows, which is far quicker than row by row
            made.execute(statement)
        made.execute("PRAGMA locking_mode=NORMAL").fetchall()
        made.execute("PRAGMA journal_mode=WAL").fetchall()
    finally:
        made.close()


def _write_tickets(made: sqlite3.Connection, count: int) -> None:
    closed, answered, escalated = (_Template.of(_shape(answer)) for answer in ("#close", "Regards, Lan", ""))
    turns = (closed, answered) * 4 + (closed, escalated)
    taken = dict.fromkeys(closed.rows, 0)
    begun = _began(closed)
    for first in range(0, count, _BATCH):
        rows: Rows = {name: [] for name in closed.rows}
        for place in range(first, min(first + _BATCH, count)):
            template = turns[place % 10]
            at = -_RECENT - _YEARS * (count - place) // count
            copy = _Copy(place, known_customer(place % customers_of(count)).partition("@")[0], at - begun, taken)
            for name in closed.rows:
                rows[name] += template.copies(name, copy)
                taken[name] += template.rows[name]
        made.execute("BEGIN")
        for name, some in rows.items():
            _insert(made, name, some)
        made.execute("COMMIT")
    made.execute("UPDATE ticket_number SET next = ?", (count + 1,))


def _began(template: _Template) -> int:
    """How far the copied ticket's own times are after now, in microseconds."""
    nobody = _Copy(0, "", 0, dict.fromkeys(template.rows, 0))
    columns = list(schema.ticket.c.keys())
    created: int = next(template.copies("ticket", nobody))[columns.index("created_at")]
    return created - schema.to_micros(datetime.now(UTC))


def _write_customers(made: sqlite3.Connection, count: int) -> None:
    known = [known_customer(number) for number in range(customers_of(count))]
    made.execute("BEGIN")
    _insert(made, "contact", [(address, "", "vi", 1) for address in known])
    made.execute("COMMIT")


def _insert(made: sqlite3.Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        places = ", ".join("?" * len(rows[0]))
        made.executemany(f"INSERT INTO {name} ({_columns(name)}) VALUES ({places})", rows)


def _columns(name: str) -> str:
    return ", ".join(f'"{column}"' for column in schema.metadata.tables[name].c.keys())  # noqa: SIM118 - not a dict
