"""The desk on hold: nothing goes out until a person says so (after a restore, or when asked to).

While `desk_hold` has its row, every mail written to the outbox begins held (`outbox_rows`), so what is decided is kept
and shown, and waits. Single mails can be let go or dropped meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import Status
from gateway.store import schema
from gateway.store.raw import chunks
from gateway.store.read_ticket import iso
from gateway.store.sets import insert_rows

_o = schema.outbox.c
_t = schema.target.c
_h = schema.desk_hold
_OPEN = ("waiting", "hold", "failed")
_OVERDUE = (
    sa.select(_t.ticket, _t.kind, _t.due)
    .join(schema.ticket, schema.ticket.c.number == _t.ticket)
    .where(_t.met_at.is_(None), _t.breached_at.is_(None), _t.due <= sa.bindparam("now", type_=schema.Instant))
    .where(schema.ticket.c.status.not_in((Status.CLOSED.value, Status.MERGED.value)))
)


@dataclass(frozen=True, slots=True)
class Hold:
    """From now on nothing goes out; what waits is held."""

    now: datetime
    why: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """The hold ends and all held mail goes. `escalate` False: promises that came due meanwhile are marked as told,
    and their tickets' history says that nobody was written to."""

    now: datetime
    escalate: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """Held or waiting mails that are never to go out, and why."""

    ids: tuple[int, ...]
    reason: str
    now: datetime


def hold(connection: Connection, jobs: Sequence[Hold]) -> list[int]:
    """How many mails were stopped, for each job. A hold that is on keeps its beginning and its reason."""
    return [_hold(connection, job) for job in jobs]


def _hold(connection: Connection, job: Hold) -> int:
    if on_hold(connection) is None:
        connection.execute(sa.insert(_h).values(id=1, since=job.now, why=job.why))
    update = sa.update(schema.outbox).where(_o.state == "waiting").values(state="hold")
    return len(connection.execute(update.returning(_o.id)).all())


def let_go(connection: Connection, jobs: Sequence[LetGo]) -> list[dict[str, int]]:
    """`released`: mails that may go out now; `overdue`: promises that came due and were not told of."""
    return [_let_go(connection, job) for job in jobs]


def _let_go(connection: Connection, job: LetGo) -> dict[str, int]:
    connection.execute(sa.delete(_h))
    update = sa.update(schema.outbox).where(_o.state == "hold")
    update = update.values(state="waiting", next_at=job.now, since=job.now)
    released = len(connection.execute(update.returning(_o.id)).all())
    rows = connection.execute(_OVERDUE, {"now": job.now}).all()
    if not job.escalate:
        _forgive(connection, rows, job.now)
    return {"released": released, "overdue": len(rows)}


def _forgive(connection: Connection, rows: Sequence[Any], now: datetime) -> None:
    for row in rows:
        update = sa.update(schema.target).where(_t.ticket == row.ticket, _t.kind == row.kind)
        connection.execute(update.values(breached_at=now))
    events = [
        {
            "ticket": row.ticket,
            "intake_id": None,
            "kind": "not-escalated",
            "actor": "admin",
            "data": {"target": row.kind, "due": iso(row.due), "reason": "came due while the desk was on hold"},
            "at": now,
        }
        for row in rows
    ]
    insert_rows(connection, schema.event, events)


def drop(connection: Connection, jobs: Sequence[Drop]) -> list[list[int]]:
    """The ids that were dropped, for each job; the ticket's history tells of each."""
    return [_drop(connection, job) for job in jobs]


def _drop(connection: Connection, job: Drop) -> list[int]:
    update = sa.update(schema.outbox).where(_o.state.in_(("waiting", "hold")))
    update = update.values(state="dropped", done_at=job.now, told=True, reply=job.reason)
    back = update.returning(_o.id, _o.ticket, _o.kind, _o.recipient)
    rows = [row for ids in chunks(job.ids) for row in connection.execute(back.where(_o.id.in_(ids)))]
    events = [
        {
            "ticket": row.ticket,
            "intake_id": None,
            "kind": "dropped",
            "actor": "admin",
            "data": {"outbox": row.id, "mail": row.kind, "recipient": row.recipient, "reason": job.reason},
            "at": job.now,
        }
        for row in rows
    ]
    insert_rows(connection, schema.event, events)
    return sorted(row.id for row in rows)


# --- reading --------------------------------------------------------------------------------------------------------


def on_hold(connection: Connection) -> tuple[datetime, str] | None:
    """Since when and why, or None."""
    row = connection.execute(sa.select(_h.c.since, _h.c.why)).first()
    return None if row is None else (row.since, row.why)


def overdue(connection: Connection, now: datetime) -> int:
    """How many promises are past due, unmet, and nobody was told of."""
    return len(connection.execute(_OVERDUE, {"now": now}).all())


def unsent(connection: Connection, states: Sequence[str] = _OPEN) -> list[dict[str, Any]]:
    """Mails that are not out, oldest first: JSON values, instants ISO 8601 UTC."""
    wanted = (_o.id, _o.ticket, _o.kind, _o.recipient, _o.subject, _o.state, _o.attempts, _o.reply, _o.created_at)
    query = sa.select(*wanted, _o.next_at).where(_o.state.in_(list(states))).order_by(_o.id)
    return [
        {**row._mapping, "created_at": iso(row.created_at), "next_at": iso(row.next_at)}
        for row in connection.execute(query)
    ]
