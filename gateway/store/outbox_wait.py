"""Mail that waits for a reason that is not its own: for its turn, behind another, for a relay that is away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.store import schema
from gateway.store.claims import Waiting, hold
from gateway.store.queue import printable
from gateway.store.raw import Lookup
from gateway.store.sets import execute_many, holder_of, insert_rows

if TYPE_CHECKING:
    from gateway.store.base import Parts

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
        _o.ticket > sa.literal_column("0"),
        _o.ticket == _first.c.ticket,
        _o.recipient == _first.c.recipient,
        _o.id > _first.c.id,
        _WAITING,
        _o.next_at < _until,
    )
    .values(next_at=_until)
)
_OVER = Waiting(
    sa.select(_o.id)
    .where(
        _o.state == "waiting",
        _o.next_at <= sa.bindparam("now", type_=schema.Instant),
        _o.since <= sa.bindparam("over", type_=schema.Instant),
        sa.not_(_o.staff),
    )
    .order_by(_o.next_at, _o.id)
    .limit(sa.bindparam("most", type_=sa.Integer)),
    schema.outbox,
)
_FAILED = Lookup(
    sa.select(_o.id, _o.ticket, _o.kind, _o.recipient, _o.holder).where(_WAITING).order_by(_o.id).with_for_update(),
    _o.id,
)
_FAIL = (
    sa.update(schema.outbox)
    .where(_o.id == sa.bindparam("of"))
    .values(state="failed", reply=sa.bindparam("why"), done_at=sa.bindparam("at", type_=schema.Instant), holder=None)
)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Mails that were claimed to be given up have failed: the relay was away for all their time."""

    ids: tuple[int, ...]
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


def over_ids(connection: Connection, over: datetime, now: datetime, passed: Collection[int]) -> list[int]:
    """Mails to customers that are due and wait since before `over`, at most GIVEN_UP, none of them in `passed`. Held by
    nobody else: a mail that is just being sent is not over."""
    found = _OVER.rows(connection, now=now, over=over, most=GIVEN_UP + len(passed))
    ids = [row.id for row in found if row.id not in passed][:GIVEN_UP]
    hold(connection, schema.outbox, ids)
    return ids


def claim_and_give_up(parts: Parts, over: datetime, now: datetime, reply: str) -> Future[list[int]]:
    """See `Store.give_up`."""
    with parts.claiming(parts.sending, durable=False) as (connection, held, take):
        ids = over_ids(connection, over, now, held)
        take(ids)
    future: Future[list[int]] = parts.write("give up", GiveUp(tuple(ids), now, reply)) if ids else Future()
    if not ids:
        future.set_result([])
    future.add_done_callback(lambda _: parts.sending.release(ids))
    return future


def give_up(connection: Connection, jobs: Sequence[GiveUp]) -> list[list[int]]:
    """The ids that have failed, for each job: those that still wait and that no other daemon has taken over."""
    return [_give_up(connection, job) for job in jobs]


def _give_up(connection: Connection, job: GiveUp) -> list[int]:
    mine = (None, holder_of(connection))
    rows = [row for row in _FAILED.rows(connection, job.ids) if row.holder in mine]
    why = printable(job.reply)
    if rows:
        execute_many(connection, _FAIL, [{"of": row.id, "why": why, "at": job.now} for row in rows])
    insert_rows(connection, schema.event, [event_of(row, "failed", why, job.now) for row in rows])
    return [row.id for row in rows]


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
