"""Two tickets become one: everything of the loser moves to the winner, the loser redirects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from gateway.model import Status
from gateway.store import schema
from gateway.store.raw import Change
from gateway.store.sets import insert_for, upsert

_link, _known = schema.thread_link.c, schema.thread_id.c
_DROP_INSIDE = Change(
    sa.delete(schema.thread_link).where(
        sa.exists().where(_known.message_id == _link.ref, _known.ticket == _link.ticket)
    ),
    _link.ticket,
)
_MOVED = (schema.entry, schema.event, schema.survey, schema.staged)


def move(connection: Connection, loser: int, winner: int) -> None:
    """Moves entries, events, surveys, staged mail, ids, links, participants, targets and outgoing mail.

    A target of a kind the winner has, and a mail the winner has sent for the same cause, stay where they are: a
    merged ticket has no clock, and nothing is sent twice. Tickets merged into the loser redirect to the winner.
    """
    for table in _MOVED:
        connection.execute(sa.update(table).where(table.c.ticket == loser).values(ticket=winner))
    _move_keyed(connection, schema.thread_id, loser, winner)
    _move_keyed(connection, schema.thread_link, loser, winner)
    _move_participants(connection, loser, winner)
    _move_unless(connection, schema.target, ("kind",), loser, winner)
    _move_unless(connection, schema.outbox, ("kind", "cause", "recipient"), loser, winner)
    drop_inside(connection, [winner])
    ticket = schema.ticket
    connection.execute(sa.update(ticket).where(ticket.c.merged_into == loser).values(merged_into=winner))
    connection.execute(
        sa.update(ticket).where(ticket.c.number == loser).values(merged_into=winner, status=Status.MERGED.value)
    )


def drop_inside(connection: Connection, numbers: Collection[int]) -> None:
    """Deletes references of these tickets to ids that are now in them: only open ones are kept."""
    _DROP_INSIDE.run(connection, numbers)


def add_participants(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Upserts participants. Verified stays verified, an author is never again merely in copy, the name that is given
    last stands. Role "out" (left out by an agent) takes everything away, and whatever comes after it begins anew."""
    upsert(connection, schema.participant, _adding, rows)


def _adding(insert: sqlite.Insert, *, merging: bool = False) -> sa.Executable:
    """`merging`: one who was left out of either ticket stays out."""
    old, new = schema.participant.c, insert.excluded
    keep_role = sa.or_(new.role == "cc", sa.and_(new.role == "author", old.role == "requester"))
    anew = sa.or_(new.role == "out", old.role == "out")
    stays = sa.and_(sa.literal(merging), old.role == "out")
    return insert.on_conflict_do_update(
        index_elements=["ticket", "key"],
        set_={
            "verified": sa.case((stays, old.verified), (anew, new.verified), else_=sa.or_(old.verified, new.verified)),
            "name": sa.case((new.name != "", new.name), else_=old.name),
            "role": sa.case((stays, old.role), (anew, new.role), (keep_role, old.role), else_=new.role),
        },
    )


def _move_keyed(connection: Connection, table: sa.Table, loser: int, winner: int) -> None:
    """For tables whose primary key holds the ticket: a row the winner has already falls together with it."""
    names, rows = _copies(table, loser, winner)
    connection.execute(insert_for(connection.dialect.name, table).from_select(names, rows).on_conflict_do_nothing())
    connection.execute(sa.delete(table).where(table.c.ticket == loser))


def _move_participants(connection: Connection, loser: int, winner: int) -> None:
    names, rows = _copies(schema.participant, loser, winner)
    insert = insert_for(connection.dialect.name, schema.participant).from_select(names, rows)
    connection.execute(_adding(insert, merging=True))
    connection.execute(sa.delete(schema.participant).where(schema.participant.c.ticket == loser))


def _copies(table: sa.Table, loser: int, winner: int) -> tuple[list[str], sa.Select[Any]]:
    names = [column.name for column in table.c]
    columns = [sa.literal(winner) if name == "ticket" else table.c[name] for name in names]
    return names, sa.select(*columns).where(table.c.ticket == loser)


def _move_unless(connection: Connection, table: sa.Table, names: tuple[str, ...], loser: int, winner: int) -> None:
    there = table.alias("there")
    same = sa.exists().where(there.c.ticket == winner, *(there.c[name] == table.c[name] for name in names))
    connection.execute(sa.update(table).where(table.c.ticket == loser, sa.not_(same)).values(ticket=winner))
