"""Set-based statements: the few forms in which SQLite and PostgreSQL differ, and look-ups by many keys at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

_CHUNK = 500  # keys in one IN: bounded whatever the limits of the engine
Key = TypeVar("Key")


def insert_for(connection: Connection, table: sa.Table) -> sqlite.Insert:
    """An INSERT that knows ON CONFLICT; both dialects have the same methods."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)  # type: ignore[return-value]  # same interface, unrelated classes
    return sqlite.insert(table)


def chunks(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """The distinct keys in portions that fit one statement."""
    rest = iter(dict.fromkeys(keys))
    while portion := list(islice(rest, _CHUNK)):
        yield portion


def select_in(
    connection: Connection, query: sa.Select[Any], column: sa.ColumnElement[Any], keys: Iterable[Any]
) -> list[Row[Any]]:
    """All rows of `query` whose `column` is one of `keys`; no statement at all for no keys."""
    found: list[Row[Any]] = []
    for portion in chunks(keys):
        found += connection.execute(query.where(column.in_(portion))).all()
    return found


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """One executemany. Every row names the same columns."""
    if rows:
        connection.execute(sa.insert(table), rows)
