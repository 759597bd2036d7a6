"""New rows of the outbox: unique by (ticket, kind, cause, recipient), so one cause has one effect (law 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from gateway.model import OutMail, address_key
from gateway.store import schema
from gateway.store.blobs import Packed
from gateway.store.facts import base_key, minute_of
from gateway.store.raw import Lookup, chunks
from gateway.store.sets import next_ids, upsert

_o = schema.outbox.c
ALARM = "alarm"  # the kind of what tells those who run the gateway: that the desk is on hold, too
_EVEN_ON_HOLD = "waiting even on hold"
UNDELIVERED = "undelivered"  # the kind of the notice that tells of a failure
_MADE = Lookup(sa.select(_o.id, _o.state), _o.id)


@dataclass(frozen=True, slots=True)
class OutboxRef:
    """One mail that a commit added. A mail that was there before gives none."""

    id: int
    ticket: int
    kind: str
    recipient: str
    message_id: str
    held: bool


def whole(header: bytes, body: bytes) -> bytes:
    """A mail as it goes out: a header block may have been kept without its last line end."""
    return b"%b%b\r\n%b" % (header, b"" if header.endswith(b"\r\n") else b"\r\n", body)


class Mails:
    """Collects the mails of a group; `write` adds those that are not there yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[dict[str, Any]] = []
        self._of: list[tuple[int, OutMail]] = []
        self._bodies: list[Packed] = []

    def add(self, place: int, mail: OutMail, ticket: int, body: Packed, at: datetime) -> None:
        self._of.append((place, mail))
        self._bodies.append(body)
        self._rows.append(
            {
                "kind": mail.kind,
                "ticket": ticket,
                "cause": mail.cause,
                "recipient": mail.recipient,
                "key": address_key(mail.recipient),
                "base": base_key(mail.recipient),
                "envelope_from": mail.envelope_from,
                "message_id": mail.message_id,
                "header": mail.header,
                "body": body.sha256,
                "automatic": mail.automatic,
                "staff": mail.staff,
                "subject": mail.subject,
                "not_after": mail.not_after,
                "state": "hold" if mail.hold else _EVEN_ON_HOLD if mail.kind == ALARM else "waiting",
                "attempts": 0,
                "next_at": at,
                "created_at": at,
                "since": at,
                "reply": "",
                "done_at": None,
                "told": False,
            }
        )

    def bodies(self) -> list[Packed]:
        return self._bodies

    def write(self) -> Iterator[tuple[int, OutboxRef, OutMail]]:
        """Adds the rows; yields (place, ref, mail) for each that was new, in the order given."""
        rows, of = self._rows, self._of
        self._rows, self._of, self._bodies = [], [], []
        if not rows:
            return
        ids = next_ids(self._connection, schema.outbox, len(rows))
        for row, number in zip(rows, ids, strict=True):
            row["id"] = number
        upsert(self._connection, schema.outbox, _adding, rows)
        made = {row.id: row.state for row in _MADE.rows(self._connection, ids)}
        counted: dict[int, int] = {}
        for row, (place, mail) in zip(rows, of, strict=True):
            number = row["id"]
            if number not in made:
                continue
            if mail.automatic and not mail.staff:
                minute = minute_of(row["created_at"])
                counted[minute] = counted.get(minute, 0) + 1
            yield (
                place,
                OutboxRef(number, row["ticket"], mail.kind, mail.recipient, mail.message_id, made[number] == "hold"),
                mail,
            )
        self._count(counted)
        self._tell([mail for _, mail in of if mail.kind == UNDELIVERED])

    def _tell(self, notices: list[OutMail]) -> None:
        """A notice of a failure marks the failed mail as told of, in the same transaction."""
        told = [
            int(cause) for cause in (notice.cause.removeprefix("outbox:") for notice in notices) if cause.isdecimal()
        ]
        for ids in chunks(told):
            self._connection.execute(sa.update(schema.outbox).where(_o.id.in_(ids)).values(told=True))

    def _count(self, counted: dict[int, int]) -> None:
        """The breaker's count, in the transaction that writes the rows."""
        rows = [{"minute": minute, "mails": mails} for minute, mails in counted.items()]
        upsert(self._connection, schema.tally, _counting, rows)


def _adding(insert: sqlite.Insert) -> sa.Executable:
    """While the desk is on hold every new mail but an alarm is held: asked inside the INSERT, at no cost of its own."""
    given = sa.bindparam("state", type_=sa.Text)
    on_hold = sa.exists(sa.select(sa.literal_column("1")).select_from(schema.desk_hold))
    state = sa.case(
        (given == sa.literal_column(f"'{_EVEN_ON_HOLD}'"), sa.literal_column("'waiting'")),
        (on_hold, sa.literal_column("'hold'")),
        else_=given,
    )
    return insert.values(state=state).on_conflict_do_nothing()


def _counting(insert: sqlite.Insert) -> sa.Executable:
    total = schema.tally.c.mails + insert.excluded.mails
    return insert.on_conflict_do_update(index_elements=["minute"], set_={"mails": total})
