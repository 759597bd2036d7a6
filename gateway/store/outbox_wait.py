"""Mail that waits for a reason that is not its own: for its turn, behind another, for a relay that is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.store import schema
from gateway.store.queue import printable
from gateway.store.sets import Lookup, execute_many, insert_rows

GIVEN_UP = 100  # mails given up in one transaction

_o = schema.outbox.c
_first = schema.outbox.alias("first_one")
_WAITING = _o.state == sa.literal_column("'waiting'")  # no parameter, or the partial index would not be used
_until = sa.bindparam("until", type_=schema.Instant)

_PUT_OFF = sa.update(schema.outbox).where(_o.id == sa.bindparam("of"), _WAITING).values(next_at=_until, holder=None)
_PUT_BEHIND = (
    sa.update(schema.outbox)
    .where(
        _first.c.id == sa.bindparam("first", type_=sa.BigInteger),
        _first.c.ticket > 0,
        _o.ticket == _first.c.ticket,
        _o.recipient == _first.c.recipient,
        _o.id > _first.c.id,
        _WAITING,
        _o.next_at < _until,
    )
    .values(next_at=_until)
)
_OVER = (
    sa.select(_o.id)
    .where(
        _o.state == "waiting",
        _o.next_at <= sa.bindparam("now", type_=schema.Instant),
        _o.since <= sa.bindparam("over", type_=schema.Instant),
        sa.not_(_o.staff),
    )
    .order_by(_o.next_at, _o.id)
    .limit(GIVEN_UP)
)
_FAILED = Lookup(sa.select(_o.id, _o.ticket, _o.kind, _o.recipient), _o.id)
_FAIL = (
    sa.update(schema.outbox)
    .where(_o.id == sa.bindparam("of"))
    .values(state="failed", reply=sa.bindparam("why"), done_at=sa.bindparam("at", type_=schema.Instant))
)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Mails to customers that are due and older than `over` have failed: the relay was away for all their time."""

    over: datetime
    now: datetime
    reply: str


def put_off(connection: Connection, jobs: Sequence[Mapping[int, datetime]]) -> list[None]:
    """Mails that wait, and those behind them, are due at another time. It is no failed try."""
    rows = [{"of": number, "until": until} for job in jobs for number, until in job.items()]
    if rows:
        execute_many(connection, _PUT_OFF, rows)
    put_behind(connection, [{"first": row["of"], "until": row["until"]} for row in rows])
    return [None] * len(jobs)


def put_behind(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Mails of the same ticket to the same receiver are due no sooner than the `first` of them, which goes before them
    in any case: otherwise every look at what is due would step over them."""
    if rows:
        execute_many(connection, _PUT_BEHIND, rows)


def give_up(connection: Connection, jobs: Sequence[GiveUp]) -> list[list[int]]:
    """The ids that failed, at most GIVEN_UP, for each job."""
    return [_give_up(connection, job) for job in jobs]


def _give_up(connection: Connection, job: GiveUp) -> list[int]:
    ids = list(connection.execute(_OVER, {"now": job.now, "over": job.over}).scalars())
    rows = _FAILED.rows(connection, ids)
    why = printable(job.reply)
    if rows:
        connection.execute(_FAIL, [{"of": row.id, "why": why, "at": job.now} for row in rows])
    insert_rows(connection, schema.event, [event_of(row, "failed", why, job.now) for row in rows])
    return ids


def event_of(row: Row[Any], state: str, reply: str, now: datetime) -> dict[str, Any]:
    """The line in the ticket's history."""
    return {
        "ticket": row.ticket,
        "intake_id": None,
        "kind": {"failed": "undelivered"}.get(state, state),
        "actor": "gateway",
        "data": {"outbox": row.id, "mail": row.kind, "recipient": row.recipient, "reply": reply},
        "at": now,
    }
