"""What a database holds, as lines of JSON: the same for every engine, from one snapshot.

A line is an array in the order of the table's columns. Instants are integer microseconds since 1970 UTC, stored JSON
stays the text it is, octets are base64. Large octets are apart (`large`): a line holds at most 128 KiB of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store import schema
from gateway.store.blobs import FILE_FROM, BlobDamaged, Blobs
from gateway.store.errors import StoreUnavailable
from gateway.store.refill import tables
from gateway.store.store import Store

PART = 4 * 1024 * 1024  # octets of lines handed out at once, a little more with the last line
_ROWS = 500  # fetched at once: half an MB a row at most
_line = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

_b = schema.blob.c
_is_large = sa.or_(_b.content.is_(None), sa.func.length(_b.content) > FILE_FROM)


@dataclass(frozen=True, slots=True)
class Part:
    """Whole lines of one table."""

    octets: bytes = field(repr=False)
    rows: int


@dataclass(frozen=True, slots=True)
class Large:
    """Octets that are kept apart, compressed as they are stored. `content` None: they are lost, `damage` says how."""

    sha256: bytes
    content: bytes | None = field(repr=False)
    damage: str = ""


class Snapshot:
    """One moment of a store, for as long as its connection is open."""

    def __init__(self, connection: Connection, blobs: Blobs) -> None:
        self._connection = connection
        self._blobs = blobs
        self.damaged: list[str] = []  # small octets that are not what was put there: in the lines all the same

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        queries = {table.name: sa.select(sa.func.count()).select_from(table) for table in tables()}
        return {name: int(self._connection.execute(query).scalar_one()) for name, query in queries.items()}

    def parts(self, table: sa.Table) -> Iterator[Part]:
        """All rows in the order of the primary key."""
        check = self._check if table is schema.blob else None
        lines: list[bytes] = []
        size = 0
        for row in self._rows(_reading(table)):
            if check is not None:
                check(row)
            lines.append(_line(_values(row)).encode("ascii"))
            size += len(lines[-1]) + 1
            if size >= PART:
                yield Part(b"\n".join([*lines, b""]), len(lines))
                lines, size = [], 0
        if lines:
            yield Part(b"\n".join([*lines, b""]), len(lines))

    def large_count(self) -> int:
        return int(self._connection.execute(sa.select(sa.func.count()).where(_is_large)).scalar_one())

    def large(self) -> Iterator[Large]:
        """Every large one, checked against its sha256, one at a time."""
        found = self._connection.execute(sa.select(_b.sha256, _b.codec).where(_is_large).order_by(_b.sha256)).all()
        for row in found:
            content = self._connection.execute(sa.select(_b.content).where(_b.sha256 == row.sha256)).scalar_one()
            try:
                yield Large(row.sha256, self._blobs.checked(row.sha256, row.codec, content))
            except (BlobDamaged, StoreUnavailable) as error:
                yield Large(row.sha256, None, str(error))

    def named_by(self, sha256: bytes) -> list[int]:
        """The mails in whose rows these octets are named: intake ids."""
        query = sa.select(schema.intake.c.id).where(schema.intake.c.sha256 == sha256).order_by(schema.intake.c.id)
        return [int(number) for number in self._connection.execute(query).scalars()]

    def _rows(self, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
        for portion in self._connection.execute(query, execution_options={"yield_per": _ROWS}).partitions():
            yield from portion

    def _check(self, row: Any) -> None:
        if row.content is not None:
            try:
                self._blobs.checked(row.sha256, row.codec, row.content)
            except BlobDamaged as error:
                self.damaged.append(str(error))


def _reading(table: sa.Table) -> sa.Select[Any]:
    columns = [sa.type_coerce(column, schema.stored_type(column)).label(column.name) for column in table.c]
    if table is schema.blob:
        small = sa.case((_is_large, None), else_=_b.content)
        columns = [
            sa.type_coerce(small, sa.LargeBinary()).label("content") if c.name == "content" else c for c in columns
        ]
    return sa.select(*columns).order_by(*table.primary_key.columns)


def _values(row: Sequence[Any]) -> list[Any]:
    return [base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value for value in row]


@contextmanager
def snapshot(store: Store) -> Iterator[Snapshot]:
    """Opens one. Writers go on; what they write meanwhile is not in it."""
    with store.parts.read() as connection:
        made = Snapshot(connection, store.parts.blobs)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # a slow disk to write to
        made.counts()  # the first look fixes the moment
        yield made
