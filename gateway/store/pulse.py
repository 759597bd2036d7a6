"""How the queues are. By indexes alone, since it is asked for every few seconds."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import Pulse
from gateway.store import queue, schema
from gateway.store.facts import automatic_last_hour
from gateway.store.holding import on_hold

_o = schema.outbox.c
_i = schema.intake.c
_UNSENT = sa.select(sa.func.count(), sa.func.min(_o.since)).where(_o.state == "waiting")
_ASIDE = sa.select(sa.func.count()).where(_i.state == "quarantined")


def pulse(connection: Connection, now: datetime) -> Pulse:
    """Depths and ages of intake, outbox and quarantine, and what the breaker counts."""
    waiting, oldest = queue.waiting(connection)
    outbox, oldest_unsent = connection.execute(_UNSENT).one()
    aside = int(connection.execute(_ASIDE).scalar_one())
    since, why = on_hold(connection) or (None, "")
    return Pulse(waiting, oldest, int(outbox), oldest_unsent, aside, automatic_last_hour(connection, now), since, why)
