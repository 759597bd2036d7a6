"""The outbox: what is due goes out in order, comes back with a result, is tried again or fails loudly (G6, G7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.model import Large, Outgoing, SendResult, Sent, Undelivered
from gateway.options import Retry
from gateway.store import schema
from gateway.store.blobs import BlobDamaged, Blobs
from gateway.store.claims import Waiting, hold
from gateway.store.large import LARGE, LargeMail
from gateway.store.outbox_rows import UNDELIVERED, whole
from gateway.store.outbox_wait import event_of, put_behind
from gateway.store.queue import printable
from gateway.store.raw import Lookup, chunks
from gateway.store.sets import execute_many, holder_of, insert_rows

_o = schema.outbox.c
_b = schema.blob.c
_before = schema.outbox.alias("before")
_now = sa.bindparam("now", type_=schema.Instant)
CLAIM_OCTETS = 16 * 1024 * 1024  # of bodies handed out at once; at least one mail

# no parameter, or the partial index would not be used
_is_waiting: sa.ColumnElement[str] = sa.literal_column("'waiting'")
# no EXISTS: of that PostgreSQL makes a join, which goes through all that waits when the queue has grown unnoticed
_earlier = (
    sa.select(_before.c.id)
    .where(
        _before.c.ticket == _o.ticket,
        _before.c.recipient == _o.recipient,
        _before.c.id < _o.id,
        _before.c.state == _is_waiting,
        _before.c.ticket > sa.literal_column("0"),
        sa.or_(_before.c.not_after.is_(None), _before.c.not_after >= _now),
    )
    .limit(sa.literal_column("1"))
    .correlate(schema.outbox)
    .scalar_subquery()
)
_DUE = Waiting(
    sa.select(_o.id, _o.not_after, _b.size)
    .join(schema.blob, _b.sha256 == _o.body)
    .where(_o.state == _is_waiting, _o.next_at <= _now, _earlier.is_(None))
    .order_by(_o.next_at, _o.id)
    .limit(sa.bindparam("most", type_=sa.Integer)),
    schema.outbox,
)
_WHOLE = Lookup(sa.select(schema.outbox, _b.codec, _b.content, _b.size).join(schema.blob, _b.sha256 == _o.body), _o.id)
_STATES = Lookup(
    sa.select(_o.id, _o.ticket, _o.kind, _o.recipient, _o.attempts, _o.since, _o.state, _o.next_at, _o.holder, _o.staff)
    .order_by(_o.id)
    .with_for_update(),
    _o.id,
)
_UNTOLD = (
    sa.select(schema.outbox)
    .where(
        _o.state == sa.literal_column("'failed'"),
        sa.not_(_o.told),
        _o.kind != UNDELIVERED,
        _o.id > sa.bindparam("after", type_=sa.BigInteger),
    )
    .order_by(_o.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_SET_STATES = (
    sa.update(schema.outbox)
    .where(_o.id == sa.bindparam("of"))
    .values(
        state=sa.bindparam("to"),
        attempts=sa.bindparam("tried"),
        reply=sa.bindparam("why"),
        next_at=sa.bindparam("next", type_=schema.Instant),
        done_at=sa.bindparam("done", type_=schema.Instant),
        holder=None,
    )
)


@dataclass(frozen=True, slots=True)
class Marks:
    """The results of one batch of a sender. `spread` gives numbers in [-1, 1]."""

    results: Sequence[SendResult]
    now: datetime
    retry: Retry
    spread: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Move:
    """Rows from one state to another: hold, release, expire, or told. `ids` None: all. "due": no other state, but
    those that wait beyond `longest` seconds from now are due at once."""

    to: str
    ids: tuple[int, ...] | None
    now: datetime
    longest: float = 0.0


# --- reading --------------------------------------------------------------------------------------------------------


def due_ids(connection: Connection, now: datetime, passed: Collection[int], limit: int) -> tuple[list[int], list[int]]:
    """(ids to send, ids whose time is past), earliest first, none of them in `passed`.

    A mail waits while an earlier one of the same ticket to the same recipient still waits: people read in order.
    """
    found = _DUE.rows(connection, now=now, most=limit + len(passed))
    due: list[int] = []
    late: list[int] = []
    octets = 0
    for row in [row for row in found if row.id not in passed][:limit]:
        if row.not_after is not None and row.not_after < now:
            late.append(row.id)
            continue
        octets += row.size
        if due and octets > CLAIM_OCTETS:
            break
        due.append(row.id)
    hold(connection, schema.outbox, due)
    return due, late


def load(
    connection: Connection, blobs: Blobs, ids: Collection[int], at_hand: Mapping[int, Outgoing]
) -> tuple[list[Outgoing], list[int]]:
    """The mails in the order of `ids`, and those whose body cannot be read. Of those at hand nothing is read, and of
    large ones only to see that they are whole."""
    rows = {row.id: row for row in _WHOLE.rows(connection, [number for number in ids if number not in at_hand])}
    found: list[Outgoing] = []
    damaged: list[int] = []
    for number in ids:
        if number in at_hand:
            found.append(at_hand[number])
            continue
        row = rows[number]
        try:
            found.append(_outgoing(row, _data(row, blobs)))
        except BlobDamaged:
            damaged.append(number)
    return found, damaged


def _data(row: Row[Any], blobs: Blobs) -> bytes | Large:
    if row.content is not None or row.size <= LARGE:
        return whole(row.header, blobs.unpack(row.body, row.codec, row.content))
    size, plain = blobs.look_over(row.body, row.codec)
    return LargeMail(whole(row.header, b""), partial(blobs.blocks, row.body, row.codec), size, plain)


def _outgoing(row: Row[Any], data: bytes | Large) -> Outgoing:
    return Outgoing(
        id=row.id,
        ticket=row.ticket,
        kind=row.kind,
        recipient=row.recipient,
        envelope_from=row.envelope_from,
        message_id=row.message_id,
        data=data,
        attempts=row.attempts,
        created_at=row.created_at,
    )


def untold(connection: Connection, after: int, limit: int) -> list[Undelivered]:
    """Failed mails nobody was told of, oldest first, those above the id `after`. A notice of a failure that fails
    itself is none of them."""
    return [
        Undelivered(
            outbox_id=row.id,
            ticket=row.ticket,
            kind=row.kind,
            recipient=row.recipient,
            message_id=row.message_id,
            subject=row.subject,
            reply=row.reply,
            attempts=row.attempts,
            staff=row.staff,
            created_at=row.created_at,
            failed_at=row.done_at,
        )
        for row in connection.execute(_UNTOLD, {"after": after, "most": limit})
    ]


def depth(connection: Connection) -> int:
    query = sa.select(sa.func.count()).where(_o.state == "waiting")
    return int(connection.execute(query).scalar_one())


def next_due(connection: Connection, now: datetime) -> datetime | None:
    """The earliest instant after `now` at which a waiting mail is to be tried."""
    query = sa.select(sa.func.min(_o.next_at)).where(_o.state == "waiting", _o.next_at > now)
    return connection.execute(query).scalar()


# --- writing: handlers of the group commit --------------------------------------------------------------------------


def write_marks(connection: Connection, jobs: Sequence[Marks]) -> list[list[int]]:
    """Results become states; gives the ids that have now failed, for each job. A row no longer waiting stays, but what
    was held or dropped while the relay took it is out: let go, it would go out twice."""
    wanted = {result.outbox_id for job in jobs for result in job.results}
    open_rows = {row.id: row for row in _STATES.rows(connection, wanted) if row.state in ("waiting", "hold", "dropped")}
    changes: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    failed: list[list[int]] = []
    for job in jobs:
        failed.append([])
        for result in job.results:
            row = open_rows.pop(result.outbox_id, None)
            if row is None or not _counts(connection, row, result):
                continue
            change = _result(row, result, job)
            changes.append(change)
            if change["to"] == "failed":
                failed[-1].append(row.id)
            if change["to"] != "waiting":
                events.append(event_of(row, change["to"], change["why"], job.now))
    _set_states(connection, changes)
    put_behind(connection, [{"first": one["of"], "until": one["next"]} for one in changes if one["to"] == "waiting"])
    insert_rows(connection, schema.event, events)
    return failed


def _counts(connection: Connection, row: Row[Any], result: SendResult) -> bool:
    """Whether this daemon may say what became of it: another's row is another's, and what was held or dropped meanwhile
    stays so; but what has gone out has gone out."""
    return (row.state == "waiting" and row.holder in (None, holder_of(connection))) or result.sent is Sent.DELIVERED


def _result(row: Row[Any], result: SendResult, job: Marks) -> dict[str, Any]:
    attempts = row.attempts + 1
    delay = job.retry.steps[min(row.attempts, len(job.retry.steps) - 1)]
    delay *= 1 + job.retry.spread * max(-1.0, min(1.0, job.spread()))
    over = job.now - row.since >= timedelta(seconds=job.retry.give_up)
    if result.sent is Sent.TROUBLE:
        return _untried(row, result, job, over=over)
    if result.sent is Sent.DELIVERED:
        to = "sent"
    elif result.sent is Sent.REFUSED or over:
        to = "failed"
    else:
        to = "waiting"
    return {
        "of": row.id,
        "to": to,
        "tried": attempts,
        "why": printable(result.reply),
        "next": job.now + timedelta(seconds=delay),
        "done": None if to == "waiting" else job.now,
    }


def _untried(row: Row[Any], result: SendResult, job: Marks, *, over: bool) -> dict[str, Any]:
    """The relay was in trouble: the mail is due as before, and has no try more. What is for our own people never gets
    too old by that: they are to see what customers wrote, however late."""
    over = over and not row.staff
    return {
        "of": row.id,
        "to": "failed" if over else "waiting",
        "tried": row.attempts,
        "why": printable(result.reply),
        "next": row.next_at,
        "done": job.now if over else None,
    }


def _set_states(connection: Connection, changes: Sequence[dict[str, Any]]) -> None:
    if changes:
        execute_many(connection, _SET_STATES, changes)


def move(connection: Connection, jobs: Sequence[Move]) -> list[list[int]]:
    """Moves rows between states; gives the ids that moved, for each job."""
    return [_move(connection, job) for job in jobs]


def _move(connection: Connection, job: Move) -> list[int]:
    if job.to == "told":
        return _set(connection, job, _o.state == "failed", {"told": True})
    if job.to == "due":
        ahead = job.now + timedelta(seconds=job.longest)
        return _set(connection, job, sa.and_(_o.state == "waiting", _o.next_at > ahead), {"next_at": job.now})
    if job.to == "hold":
        return _set(connection, job, _o.state == "waiting", {"state": "hold"})
    if job.to == "waiting":
        return _set(connection, job, _o.state == "hold", {"state": "waiting", "next_at": job.now, "since": job.now})
    ended = _set(connection, job, _o.state == "waiting", {"state": job.to, "done_at": job.now})
    rows = _STATES.rows(connection, ended)
    insert_rows(connection, schema.event, [event_of(row, job.to, "", job.now) for row in rows])
    return ended


def _set(connection: Connection, job: Move, where: sa.ColumnElement[bool], values: dict[str, Any]) -> list[int]:
    update = sa.update(schema.outbox).where(where).values(**values).returning(_o.id)
    if job.ids is None:
        return sorted(connection.execute(update).scalars())
    moved = [list(connection.execute(update.where(_o.id.in_(ids))).scalars()) for ids in chunks(job.ids)]
    return sorted(number for part in moved for number in part)
