"""The way back from `dump`: an empty database is filled in one transaction, and the desk is on hold from then on."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store import holding, schema
from gateway.store.blobs import Blobs
from gateway.store.errors import StoreRefused
from gateway.store.lease import others
from gateway.store.sets import holder_of, insert_rows

JUMP = 1000  # ticket numbers left out at the least: those given after the backup are in the world already
_ROWS = 500  # in one executemany
_OURS = frozenset({schema.node.name})  # the daemons that live on this database: of the machine, not of the desk
_FILLED = frozenset({schema.ticket_number.name})  # the migration puts a row into it


class Contents(Protocol):
    """What the archive gives, in its order. Reading on may raise; then nothing is written."""

    def columns(self) -> Mapping[str, Sequence[str]]:
        """The columns of each table."""
        ...

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """(table, whole lines), tables in an order in which no row names one that is not there yet."""
        ...

    def large(self) -> Iterator[tuple[bytes, bytes]]:
        """(sha256, octets as stored) after all lines."""
        ...


@dataclass(frozen=True, slots=True)
class Refill:
    """One restore. `taken`: the moment of the backup; `raw`: a mail of our own that puts the restore on record."""

    contents: Contents
    blobs: Blobs
    taken: datetime
    now: datetime
    raw: bytes


@dataclass(frozen=True, slots=True)
class Refilled:
    """What came of it."""

    rows: Mapping[str, int]
    held: int  # mails that wait for a person
    next_ticket: int
    left_out: int  # ticket numbers that are never given
    overdue: int


def tables() -> list[sa.Table]:
    """All tables that are the desk's, those that others refer to first."""
    return [table for table in schema.metadata.sorted_tables if table.name not in _OURS]


def not_empty(connection: Connection) -> list[str]:
    """The tables that hold anything."""
    return [
        t.name
        for t in tables()
        if t.name not in _FILLED and connection.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first()
    ]


def refill(connection: Connection, jobs: Sequence[Refill]) -> list[Refilled]:
    """Handler of the group commit."""
    return [_refill(connection, job) for job in jobs]


def _refill(connection: Connection, job: Refill) -> Refilled:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # until COMMIT
    else:
        # a slow disk may keep us from the server for long; and no other daemon writes a ticket meanwhile
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql("LOCK TABLE ticket_number IN ACCESS EXCLUSIVE MODE")
        if lives := others(connection, holder_of(connection)):
            raise StoreRefused(f"{lives} other daemons run on this database: stop them first")
    found = not_empty(connection)
    if found:
        raise StoreRefused(f"the database is not empty: there are rows in {', '.join(found)}")
    for name in _FILLED:
        connection.execute(sa.delete(schema.metadata.tables[name]))
    rows = _fill(connection, job.contents)
    for sha256, content in job.contents.large():
        job.blobs.put_stored(connection, sha256, content)
    for table in (schema.intake, schema.outbox):
        connection.execute(sa.update(table).where(table.c.holder.is_not(None)).values(holder=None))
    left_out = _leave_numbers_out(connection, job)
    held = _put_on_hold(connection, job)
    _number_on(connection)
    _record(connection, job, left_out)
    _number_on(connection)
    number = int(connection.execute(sa.select(schema.ticket_number.c.next)).scalar_one())
    return Refilled(rows, held, number, left_out, holding.overdue(connection, job.now))


def _fill(connection: Connection, contents: Contents) -> dict[str, int]:
    inserts = {name: _Insert(connection, name, columns) for name, columns in contents.columns().items()}
    counted = dict.fromkeys(inserts, 0)
    for name, octets in contents.lines():
        if name not in inserts:
            raise StoreRefused(f"there is no table {name}")
        counted[name] += inserts[name].add(octets)
    return counted


class _Insert:
    """Writes lines of one table."""

    def __init__(self, connection: Connection, name: str, columns: Sequence[str]) -> None:
        table = schema.metadata.tables.get(name)
        if table is None or set(columns) != set(table.c.keys()):
            raise StoreRefused(f"table {name} has other columns here: {', '.join(columns)}")
        self._connection, self._name, self._columns = connection, name, list(columns)
        kinds = [table.c[column].type for column in columns]
        self._octets = [place for place, kind in enumerate(kinds) if isinstance(kind, sa.LargeBinary)]
        texts = [place for place, kind in enumerate(kinds) if isinstance(kind, sa.Text)]
        self._texts = texts if connection.dialect.name == "postgresql" else []  # it knows no NUL in text
        self._statement = sa.insert(sa.table(name, *(sa.column(c, schema.stored_type(table.c[c])) for c in columns)))

    def add(self, octets: bytes) -> int:
        lines = octets.splitlines()
        for begin in range(0, len(lines), _ROWS):
            self._connection.execute(self._statement, [self._row(line) for line in lines[begin : begin + _ROWS]])
        return len(lines)

    def _row(self, line: bytes) -> dict[str, Any]:
        try:
            values = json.loads(line)
            for place in self._octets:
                if values[place] is not None:
                    values[place] = base64.b64decode(values[place], validate=True)
            for place in self._texts:
                if values[place] is not None:
                    values[place] = values[place].replace("\x00", "�")
            return dict(zip(self._columns, values, strict=True))
        except (ValueError, TypeError, IndexError, AttributeError, binascii.Error) as error:
            raise StoreRefused(f"table {self._name}: a line that is no row: {error}") from error


# --- what a restored desk must not do -------------------------------------------------------------------------------


def _leave_numbers_out(connection: Connection, job: Refill) -> int:
    """Numbers given after the backup stand in mails all over the world: none of them may be given again. At least
    `JUMP`, and twice what the desk's own pace of the last week would have taken since."""
    age = max(timedelta(), job.now - job.taken)
    since = job.taken - timedelta(days=7)
    count = sa.select(sa.func.count()).select_from(schema.ticket).where(schema.ticket.c.created_at > since)
    pace = int(connection.execute(count).scalar_one()) / 7
    jump = max(JUMP, -(-int(2 * pace * (age / timedelta(days=1) + 1)) // JUMP) * JUMP)
    connection.execute(sa.update(schema.ticket_number).values(next=schema.ticket_number.c.next + jump))
    return jump


def _put_on_hold(connection: Connection, job: Refill) -> int:
    connection.execute(sa.delete(schema.desk_hold))
    holding.hold(connection, [holding.Hold(job.now, _why(job))])
    held = sa.select(sa.func.count()).select_from(schema.outbox).where(schema.outbox.c.state == "hold")
    return int(connection.execute(held).scalar_one())


def _why(job: Refill) -> str:
    return f"restored from a backup of {job.taken.isoformat(timespec='seconds')}"


def _record(connection: Connection, job: Refill, left_out: int) -> None:
    """The restore itself is on record as intake, far enough ahead that no intake id of the lost time is given again:
    an agent's confirmation names one."""
    ids = schema.intake.c.id
    number = int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(ids), 0))).scalar_one()) + 2 * left_out
    sha256 = hashlib.sha256(job.raw).digest()
    blob = {"sha256": sha256, "size": len(job.raw), "codec": "raw", "content": job.raw}
    insert_rows(connection, schema.blob, [blob])
    insert_rows(
        connection,
        schema.intake,
        [
            {
                "id": number, "key": None, "source": "restore",
                "envelope": {"mail_from": "", "rcpt_to": []},
                "sha256": sha256, "size": len(job.raw), "received_at": job.now,
                "quiet": True, "confirmed": False, "released": False, "attempts": 0,
                "state": "done", "reason": "", "digest": "", "done_at": job.now,
            }
        ],
    )  # fmt: skip
    reasons = [f"{_why(job)}; {left_out} ticket numbers left out"]
    decision = {
        "intake_id": number, "door": "", "outcome": "automatic", "ticket": None, "reasons": reasons,
        "rules": [], "facts": {}, "rulebook": "", "at": job.now,
    }  # fmt: skip
    insert_rows(connection, schema.decision, [decision])


def _number_on(connection: Connection) -> None:
    """PostgreSQL numbers rows from sequences, which know nothing of rows that came with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables():
        key = table.autoincrement_column
        if key is not None:
            last = sa.select(sa.func.coalesce(sa.func.max(key), 0) + 1).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence(sa.literal(table.name, sa.Text), sa.literal(key.name, sa.Text))
            connection.execute(sa.select(sa.func.setval(sequence, last, False)))
