"""Promises of tickets that were opened by a clock that was ahead: by the desk's own history they lie in the future."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from gateway.model import DueTarget, Status
from gateway.store import schema
from gateway.store.read_ticket import ticket_facts
from gateway.store.store import Store

_t, _p = schema.ticket.c, schema.target.c


def targets_ahead(store: Store, after: datetime) -> list[DueTarget]:
    """Those neither met nor escalated, of tickets that still run and are said to have been opened after that instant;
    without the mails of their threads."""
    query = (
        sa.select(_p.ticket, _p.kind, _p.due)
        .join(schema.ticket, _t.number == _p.ticket)
        .where(_p.met_at.is_(None), _p.breached_at.is_(None), _t.created_at > after)
        .where(_t.status.not_in((Status.CLOSED.value, Status.MERGED.value)))
        .order_by(_p.due, _p.ticket, _p.kind)
    )
    with store.parts.read() as connection:
        rows = connection.execute(query).all()
        facts = ticket_facts(connection, [row.ticket for row in rows])
    return [DueTarget(facts[row.ticket], row.kind, row.due, ()) for row in rows]
