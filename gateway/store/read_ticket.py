"""Rows of a ticket as the values of the model."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.model import Entry, FirstKey, Mailbox, Participant, Status, TicketFacts
from gateway.store import schema
from gateway.store.newest import newest_of_each
from gateway.store.raw import Lookup

ACKNOWLEDGEMENT = "acknowledgement"  # the kind of the notice that opens a ticket towards its author

_t = schema.ticket.c
_e = schema.entry.c
_o = schema.outbox.c
_p = schema.participant.c
_newest = schema.entry.alias("newest")


def _last(count: int, *where: sa.ColumnElement[bool], columns: tuple[str, ...] = ()) -> Lookup:
    """The newest `count` entries of each ticket that `where` allows, oldest first; all columns unless told."""
    ids = sa.select(_newest.c.id).where(_newest.c.ticket == _t.number, *where)
    ids = ids.order_by(_newest.c.at.desc(), _newest.c.id.desc()).limit(count)
    return newest_of_each(_t.number, ids, _newest, columns or _e.keys(), ("ticket", "at", "id"))


_TICKETS = Lookup(sa.select(schema.ticket), _t.number)
_PEOPLE = Lookup(sa.select(schema.participant).order_by(_p.ticket, _p.key), _p.ticket)
_TOLD = Lookup(sa.select(_o.ticket, _o.key).where(_o.kind == ACKNOWLEDGEMENT).order_by(_o.id), _o.ticket)
_INBOUND = (_newest.c.direction == "in", _newest.c.public, _newest.c.message_id != "")
_THREAD = _last(10, *_INBOUND, columns=("ticket", "message_id"))
_RECENT = _last(5)
_NEWEST = _last(50)
_ENTRIES = Lookup(sa.select(schema.entry).order_by(_e.ticket, _e.at, _e.id), _e.ticket)


def ticket_facts(connection: Connection, numbers: Collection[int]) -> dict[int, TicketFacts]:
    """The tickets of those numbers that exist, merged ones too: five statements whatever their count."""
    rows = _TICKETS.rows(connection, numbers)
    found = [row.number for row in rows]
    people: dict[int, list[Participant]] = {}
    for row in _PEOPLE.rows(connection, found):
        people.setdefault(row.ticket, []).append(Participant(row.address, row.name, row.verified, row.role))
    told: dict[int, list[str]] = {}
    for row in _TOLD.rows(connection, found):
        told.setdefault(row.ticket, []).append(row.key)
    thread: dict[int, list[str]] = {}
    for row in _THREAD.rows(connection, found):
        thread.setdefault(row.ticket, []).append(row.message_id)
    recent = _by_ticket(_RECENT.rows(connection, found))
    return {
        row.number: _facts(
            row,
            participants=tuple(people.get(row.number, ())),
            acknowledged=tuple(told.get(row.number, ())),
            thread_ids=tuple(thread.get(row.number, ())),
            recent=tuple(recent.get(row.number, ())),
        )
        for row in rows
    }


def _facts(row: Row[Any], **beside: Any) -> TicketFacts:
    return TicketFacts(
        number=row.number,
        version=row.version,
        status=Status(row.status),
        door=row.door,
        department=row.department,
        subject=row.subject,
        requester=None if row.requester is None else Mailbox(row.requester, row.requester_name),
        language=row.language,
        created_at=row.created_at,
        closed_at=row.closed_at,
        assignee=row.assignee,
        answered=row.answered,
        first=first_of(row.first),
        department_fixed=row.department_fixed,
        merged_into=row.merged_into,
        survey_open=row.survey_open,
        priority=row.priority,
        flood=row.flood,
        survey=row.survey,
        tags=tuple(row.tags),
        **beside,
    )


def first_of(kept: Any) -> FirstKey | None:
    return None if kept is None else FirstKey(*kept)


def entries(connection: Connection, numbers: Collection[int]) -> dict[int, list[Entry]]:
    """The entries of those tickets, oldest first."""
    return _by_ticket(_ENTRIES.rows(connection, numbers))


def newest_entries(connection: Connection, numbers: Collection[int]) -> dict[int, list[Entry]]:
    """The last 50 entries of each of those tickets, oldest first."""
    return _by_ticket(_NEWEST.rows(connection, numbers))


def _by_ticket(rows: Collection[Row[Any]]) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = {}
    for row in rows:
        found.setdefault(row.ticket, []).append(_entry(row))
    return found


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        ticket=row.ticket,
        direction=row.direction,
        kind=row.kind,
        author=None if row.author is None else Mailbox(row.author, row.author_name),
        public=row.public,
        held=row.held,
        unverified=row.unverified,
        body=row.body,
        message_id=row.message_id,
        at=row.at,
        door=row.door,
        digest=row.digest,
        evidence=row.evidence,
        subject=row.subject,
        attachments=tuple((name, kind, size) for name, kind, size in row.attachments),
        routed=row.routed,
        first=first_of(row.first),
    )


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")
