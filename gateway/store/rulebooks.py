"""Rulebooks by digest: the last good one starts a daemon, old ones explain old decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from gateway.store import schema
from gateway.store.sets import upsert

_r = schema.rulebook.c


@dataclass(frozen=True, slots=True)
class Recorded:
    """One rulebook that took effect: its files by name."""

    digest: str
    content: Mapping[str, str]
    used_at: datetime


def record(connection: Connection, jobs: Sequence[Recorded]) -> list[None]:
    """Keeps the content once; the newest use makes it the last."""
    rows = [{"digest": job.digest, "content": dict(job.content), "used_at": job.used_at} for job in jobs]
    upsert(connection, schema.rulebook, _used_again, rows)
    return [None] * len(jobs)


def _used_again(insert: sqlite.Insert) -> sa.Executable:
    return insert.on_conflict_do_update(index_elements=["digest"], set_={"used_at": insert.excluded.used_at})


def load(connection: Connection, digest: str) -> dict[str, str] | None:
    found = connection.execute(sa.select(_r.content).where(_r.digest == digest)).scalar()
    return None if found is None else dict(found)


def last(connection: Connection) -> str | None:
    query = sa.select(_r.digest).order_by(_r.used_at.desc(), _r.digest).limit(1)
    return connection.execute(query).scalar()
