"""Set-based statements, each built once: building one costs more than running it.

Here are the few forms in which SQLite and PostgreSQL differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

from gateway.store.arrays import at_once
from gateway.store.raw import Prepared, Query, execute

HOLDER = "holder"  # in the info of a connection
Build = Callable[[sqlite.Insert], sa.Executable]


def holder_of(connection: Connection) -> int | None:
    """What this daemon's claims carry in the transaction that is open; None where there is but one daemon."""
    return connection.info.get(HOLDER)


def next_ids(connection: Connection, table: sa.Table, count: int) -> list[int]:
    """Numbers for so many new rows, so that one executemany writes them. SQLite's transaction holds the only write
    lock; rows of a table that is numbered so are never deleted."""
    if connection.dialect.name == "postgresql":
        return [row[0] for row in _from_sequence(table).rows(connection, count=count)]
    last = int(_last_id(table).scalar(connection) or 0)
    return list(range(last + 1, last + 1 + count))


@cache
def _last_id(table: sa.Table) -> Query:
    return Query(sa.select(sa.func.max(table.c.id).label("last")))


@cache
def _from_sequence(table: sa.Table) -> Query:
    count = sa.func.generate_series(1, sa.bindparam("count", type_=sa.BigInteger)).table_valued("n")
    return Query(sa.select(sa.func.nextval(f"{table.name}_id_seq").label("id")).select_from(count))


def insert_for(dialect: str, table: sa.Table) -> sqlite.Insert:
    """An INSERT that knows ON CONFLICT; both dialects have the same methods."""
    if dialect == "postgresql":
        return postgresql.insert(table)  # type: ignore[return-value]  # same interface, unrelated classes
    return sqlite.insert(table)


@cache
def _built(dialect: str, table: sa.Table, build: Build) -> sa.Executable:
    return build(insert_for(dialect, table))


def built(connection: Connection, table: sa.Table, build: Build) -> Any:
    """The INSERT that `build` makes, made once. `build` is a function of a module: it is the key of a cache."""
    return _built(connection.dialect.name, table, build)


def upsert(connection: Connection, table: sa.Table, build: Build, rows: Sequence[Mapping[str, Any]]) -> None:
    """One executemany of an INSERT … ON CONFLICT."""
    if rows:
        execute_many(connection, built(connection, table, build), rows)


def or_nothing(insert: sqlite.Insert) -> sa.Executable:
    """Rows that are there stay as they are."""
    return insert.on_conflict_do_nothing()


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """One executemany. Every row names the same columns."""
    if rows:
        execute_many(connection, _insert(table), rows)


def execute_many(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """One executemany of a statement that lives as long as the program. Every row names the same parameters.

    As `connection.execute` does it, but what is the same for all rows is worked out once, when the statement is first
    used: it takes a third of the time. PostgreSQL gets all rows in one statement.
    """
    names = tuple(rows[0])
    key = (connection.dialect.name, statement, names)
    many = _known.get(key) or _known.setdefault(key, _Many(statement, names, connection.dialect))
    if many.at_once is None:
        execute(connection, many.sql, many.lines(rows), many=True)
        return
    for turn in many.at_once.turns(rows):
        execute(connection, many.at_once.sql, many.arrays(turn))


_known: dict[tuple[str, Any, tuple[str, ...]], _Many] = {}


class _Many(Prepared):
    """A statement for many rows. `at_once`: the same with one array for each parameter, on PostgreSQL."""

    def __init__(self, statement: Any, names: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
        super().__init__(compiled, names)
        self.at_once = at_once(compiled, dialect) if dialect.name == "postgresql" else None
        given = [(name, process) for name, process in self.columns if name not in self.constants]
        self._process = [(place, process) for place, (_, process) in enumerate(given) if process is not None]
        names = [name for name, _ in given]
        self._of_row: Callable[[Any], Any] = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)

    def lines(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """One tuple for each row, or a dictionary where the driver knows parameters by name."""
        lines = list(zip(*self._values(rows), strict=True))
        if not self.named:
            return lines
        names = [name for name, _ in self.columns]
        return [dict(zip(names, line, strict=True)) for line in lines]

    def arrays(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The values of each parameter; of those that are the same for all rows, the value."""
        single = self.at_once.single if self.at_once is not None else ()
        named = zip(self.columns, self._values(rows), strict=True)
        return {name: values[0] if name in single else list(values) for (name, _), values in named}

    def _values(self, rows: Sequence[Mapping[str, Any]]) -> list[Sequence[Any]]:
        """Those of each parameter, in the order of the text."""
        columns: list[Sequence[Any]] = list(zip(*map(self._of_row, rows), strict=True))
        for place, process in self._process:
            columns[place] = list(map(process, columns[place]))
        if not self.constants:
            return columns
        given, constants = iter(columns), self.constants
        return [[constants[name]] * len(rows) if name in constants else next(given) for name, _ in self.columns]
