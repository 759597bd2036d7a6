"""Rows of a ticket as the values of the model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.model import Entry, FirstKey, Mailbox, Participant, Status, TicketFacts
from gateway.store import schema
from gateway.store.sets import select_in

ACKNOWLEDGEMENT = "acknowledgement"  # the kind of the notice that opens a ticket towards its author
_THREAD = 10  # ids in TicketFacts.thread_ids
_RECENT = 5  # entries in TicketFacts.recent

_t = schema.ticket.c
_e = schema.entry.c
_o = schema.outbox.c
_p = schema.participant.c


def ticket_facts(connection: Connection, numbers: Collection[int]) -> dict[int, TicketFacts]:
    """The tickets of those numbers that exist, merged ones too: five statements whatever their count."""
    rows = select_in(connection, sa.select(schema.ticket), _t.number, numbers)
    found = [row.number for row in rows]
    people: dict[int, list[Participant]] = {}
    for row in select_in(connection, sa.select(schema.participant).order_by(_p.key), _p.ticket, found):
        people.setdefault(row.ticket, []).append(Participant(row.address, row.name, row.verified, row.role))
    told: dict[int, list[str]] = {}
    acknowledged = sa.select(_o.ticket, _o.key).where(_o.kind == ACKNOWLEDGEMENT).order_by(_o.id)
    for row in select_in(connection, acknowledged, _o.ticket, found):
        told.setdefault(row.ticket, []).append(row.key)
    thread = _thread_ids(connection, found)
    recent = entries(connection, found, most=_RECENT)
    return {
        row.number: replace(
            _facts(row),
            participants=tuple(people.get(row.number, ())),
            acknowledged=tuple(told.get(row.number, ())),
            thread_ids=tuple(thread.get(row.number, ())),
            recent=tuple(recent.get(row.number, ())),
        )
        for row in rows
    }


def _thread_ids(connection: Connection, numbers: Collection[int]) -> dict[int, list[str]]:
    newest = schema.entry.alias("newest")
    last = (
        sa.select(newest.c.id)
        .where(newest.c.ticket == _t.number, newest.c.direction == "in", newest.c.public, newest.c.message_id != "")
        .order_by(newest.c.at.desc(), newest.c.id.desc())
        .limit(_THREAD)
        .correlate(schema.ticket)
    )
    query = (
        sa.select(_e.ticket, _e.message_id)
        .select_from(schema.ticket)
        .join(schema.entry, _e.id.in_(last))
        .order_by(_e.ticket, _e.at, _e.id)
    )
    thread: dict[int, list[str]] = {}
    for row in select_in(connection, query, _t.number, numbers):
        thread.setdefault(row.ticket, []).append(row.message_id)
    return thread


def _facts(row: Row[Any]) -> TicketFacts:
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
        participants=(),
        first=first_of(row.first),
        department_fixed=row.department_fixed,
        merged_into=row.merged_into,
        survey_open=row.survey_open,
        priority=row.priority,
        flood=row.flood,
    )


def first_of(kept: Any) -> FirstKey | None:
    return None if kept is None else FirstKey(*kept)


def entries(connection: Connection, numbers: Collection[int], most: int | None = None) -> dict[int, list[Entry]]:
    """The entries of those tickets, oldest first; with `most` only the newest so many of each."""
    query = sa.select(schema.entry).order_by(_e.ticket, _e.at, _e.id)
    if most is not None:
        newest = schema.entry.alias("newest")
        last = sa.select(newest.c.id).where(newest.c.ticket == _e.ticket)
        last = last.order_by(newest.c.at.desc(), newest.c.id.desc()).limit(most).correlate(schema.entry)
        query = query.where(_e.id.in_(last))
    found: dict[int, list[Entry]] = {}
    for row in select_in(connection, query, _e.ticket, numbers):
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
