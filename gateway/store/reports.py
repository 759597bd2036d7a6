"""What people are shown: tickets, quarantine, counts. Reads only; JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.model import DueTarget, Entry, Status
from gateway.store import schema
from gateway.store.holding import on_hold
from gateway.store.raw import Lookup
from gateway.store.read_ticket import entries, iso, newest_entries, ticket_facts

FILTERS = frozenset({"status", "department", "assignee", "requester", "number", "door", "priority"})

_t = schema.ticket.c
_i = schema.intake.c


def tickets(connection: Connection, filters: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Tickets by number with their messages, oldest first; merged ones are in the ticket they went into.

    A filter is one value or a list of them; ValueError for an unknown one. Instants are ISO 8601 UTC with Z.
    """
    unknown = filters.keys() - FILTERS
    if unknown:
        raise ValueError(f"tickets cannot be filtered by {', '.join(sorted(unknown))}")
    query = sa.select(schema.ticket).where(_t.status != Status.MERGED.value).order_by(_t.number)
    for name, wanted in filters.items():
        several = wanted if isinstance(wanted, list | tuple | set | frozenset) else [wanted]
        query = query.where(_t[name].in_(list(several)))
    rows = connection.execute(query).all()
    shown = entries(connection, [row.number for row in rows])
    return [_ticket(row, shown.get(row.number, ()), prefix) for row in rows]


def _ticket(row: Row[Any], shown: Sequence[Entry], prefix: str) -> dict[str, Any]:
    return {
        "number": row.number,
        "tag": f"{prefix}-{row.number}" if prefix else str(row.number),
        "status": row.status,
        "department": row.department,
        "assignee": row.assignee or None,
        "requester": row.requester,
        "subject": row.subject,
        "messages": [_message(entry) for entry in shown],
    }


def _message(entry: Entry) -> dict[str, Any]:
    return {
        "from": entry.author.address if entry.author else None,
        "public": entry.public,
        "held": entry.held,
        "unverified": entry.unverified,
        "body": entry.body,
        "message_id": entry.message_id,
        "received_at": iso(entry.at),
    }


def ticket(connection: Connection, number: int, prefix: str) -> dict[str, Any] | None:
    """One ticket whole: messages, participants, targets, history, decisions, outgoing mail; None if there is none."""
    row = connection.execute(sa.select(schema.ticket).where(_t.number == number)).one_or_none()
    if row is None:
        return None
    losers = list(
        connection.execute(sa.select(_t.number).where(_t.merged_into == number).order_by(_t.number)).scalars()
    )
    all_of = [number, *losers]
    return {
        **_ticket(row, entries(connection, [number]).get(number, ()), prefix),
        "version": row.version,
        "priority": row.priority,
        "language": row.language,
        "door": row.door,
        "tags": row.tags,
        "flood": row.flood,
        "answered": row.answered,
        "survey": row.survey,
        "related": row.related,
        "merged_into": row.merged_into,
        "merged_from": losers,
        "created_at": iso(row.created_at),
        "closed_at": iso(row.closed_at),
        "participants": _all(connection, schema.participant, [number], drop=("ticket", "key")),
        "targets": _all(connection, schema.target, [number], drop=("ticket",)),
        "events": _all(connection, schema.event, all_of, drop=("id",)),
        "decisions": _all(connection, schema.decision, all_of, drop=("id",)),
        "outbox": _all(connection, schema.outbox, all_of, drop=("header", "body", "key", "base", "since")),
        "surveys": _all(connection, schema.survey, [number], drop=("id", "ticket")),
        "staged": _all(connection, schema.staged, [number], drop=("ticket",)),
    }


def outcomes(connection: Connection, intake_id: int) -> list[dict[str, Any]]:
    """What became of one message, a row for each decision at each door, in order: door, outcome, ticket, reasons."""
    d = schema.decision.c
    query = sa.select(d.door, d.outcome, d.ticket, d.reasons).where(d.intake_id == intake_id).order_by(d.id)
    return [dict(row._mapping) for row in connection.execute(query)]


def _all(
    connection: Connection, table: sa.Table, numbers: Sequence[int], drop: tuple[str, ...]
) -> list[dict[str, Any]]:
    columns = [column for column in table.c if column.name not in drop]
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    return [_values(row) for row in Lookup(query, table.c.ticket).rows(connection, numbers)]


def _values(row: Any) -> dict[str, Any]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row._asdict().items()}


def quarantined(connection: Connection) -> list[dict[str, Any]]:
    """What was put aside, oldest first."""
    query = sa.select(_i.id, _i.source, _i.envelope, _i.size, _i.received_at, _i.attempts, _i.reason)
    rows = connection.execute(query.where(_i.state == "quarantined").order_by(_i.id)).all()
    return [
        {
            "id": row.id,
            "source": row.source,
            "mail_from": row.envelope["mail_from"],
            "rcpt_to": row.envelope["rcpt_to"],
            "size": row.size,
            "received_at": iso(row.received_at),
            "attempts": row.attempts,
            "reason": row.reason,
        }
        for row in rows
    ]


def due_targets(connection: Connection, now: datetime, limit: int) -> list[DueTarget]:
    """Targets past due, neither met nor escalated, of tickets that still run; the longest overdue first."""
    t = schema.target.c
    query = (
        sa.select(t.ticket, t.kind, t.due)
        .join(schema.ticket, _t.number == t.ticket)
        .where(t.met_at.is_(None), t.breached_at.is_(None), t.due <= now)
        .where(_t.status.not_in((Status.CLOSED.value, Status.MERGED.value)))
        .order_by(t.due, t.ticket, t.kind)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    facts = ticket_facts(connection, [row.ticket for row in rows])
    threads = newest_entries(connection, [row.ticket for row in rows])
    return [DueTarget(facts[row.ticket], row.kind, row.due, tuple(threads.get(row.ticket, ()))) for row in rows]


def counts(connection: Connection) -> dict[str, Any]:
    """Rows by state: intake, tickets, outbox; and whether the desk is on hold."""
    hold = on_hold(connection)
    found: dict[str, Any] = {"on_hold": {"since": iso(hold[0]), "why": hold[1]} if hold else None}
    for name, column in (("intake", _i.state), ("tickets", _t.status), ("outbox", schema.outbox.c.state)):
        query = sa.select(column, sa.func.count()).group_by(column).order_by(column)
        found[name] = {state: int(many) for state, many in connection.execute(query)}
    return found
