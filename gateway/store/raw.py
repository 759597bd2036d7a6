"""Statements that live as long as the program, in the words of the driver.

SQLAlchemy compiles each once for each dialect, knows the types, opens and ends the transactions and keeps the
connections. What it does beside that at each execution costs five times what SQLite needs for the statement, so the
statement itself is given to the driver's own cursor. Errors are those that SQLAlchemy would have raised.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Dialect

from gateway.store import schema

Key = TypeVar("Key")
Convert = Callable[[Any], Any]

_CHUNK = 500  # keys in one IN: bounded whatever the limits of the engine
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, _CHUNK)  # an IN has room for so many keys: few texts to be prepared


def chunks(keys: Iterable[Key]) -> list[list[Key]]:
    """The distinct keys in portions that fit one statement."""
    distinct = list(dict.fromkeys(keys))
    if len(distinct) <= _CHUNK:
        return [distinct] if distinct else []
    return [distinct[first : first + _CHUNK] for first in range(0, len(distinct), _CHUNK)]


# --- the one way to the driver ----------------------------------------------------------------------------------------


def execute(connection: Connection, sql: str, parameters: Any, *, many: bool = False, fetch: bool = False) -> list[Any]:
    """Runs a statement in the transaction of the connection, which begins with it if there is none. `many`: once for
    each of the parameters. Gives its rows if they are asked for."""
    if not connection.in_transaction():
        connection.begin()
    return _run(connection, sql, parameters, many, fetch)


def begin(connection: Connection, sql: str) -> None:
    """The statement that begins a transaction, for whoever is told that SQLAlchemy begins one."""
    _run(connection, sql, (), False, False)


def _run(connection: Connection, sql: str, parameters: Any, many: bool, fetch: bool) -> list[Any]:
    cursor = _driver(connection).cursor()
    try:
        if many:
            cursor.executemany(sql, parameters)
            return []
        cursor.execute(sql, parameters)
        return cursor.fetchall() if fetch else []
    except connection.dialect.loaded_dbapi.Error as error:
        raise _named(connection, sql, error) from error
    finally:
        cursor.close()


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection  # the driver's own: neither of ours is wrapped


def _named(connection: Connection, sql: str, error: Any) -> BaseException:
    """As SQLAlchemy names it; a connection that is lost is thrown away."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, _driver(connection), None)
    found: BaseException = sa.exc.DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )
    if lost:
        connection.invalidate(error)
    return found


# --- parameters and rows ----------------------------------------------------------------------------------------------


def _to_driver(kind: Any, dialect: Dialect) -> Convert | None:
    """What makes of a value what the driver takes; None: it takes it as it is."""
    if isinstance(kind, schema.Instant):
        return schema.micros_or_none
    if isinstance(kind, schema.JsonText):
        return schema.json_text
    if dialect.name == "sqlite" and isinstance(kind, sa.Boolean | sa.LargeBinary):
        return None
    found: Convert | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found


def _from_driver(kind: Any, dialect: Dialect) -> Convert | None:
    """The other way."""
    if isinstance(kind, schema.Instant):
        return schema.instant_or_none
    if dialect.name == "sqlite" and isinstance(kind, sa.LargeBinary):
        return None
    found: Convert | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    return found


class Prepared:
    """A compiled statement: its text, and how the values of its parameters are made.

    A list of values inside it (`in_`) cannot be prepared: what has one is written with bound values of its own.
    `columns` are (name, what makes of a value what the driver takes) in the order of the text, `constants` the finished
    values of those that are not given. `named`: the driver knows parameters by name. `takes`: the names alone, where
    all values are taken as they are.
    """

    def __init__(self, compiled: Any, given: Iterable[str]) -> None:
        dialect: Dialect = compiled.dialect
        self.sql = str(compiled)
        self.named = not compiled.positional
        self.columns: list[tuple[str, Convert | None]] = []
        self.constants: dict[str, Any] = {}
        names = set(given)
        for name in compiled.params if self.named else compiled.positiontup:
            bind = compiled.binds.get(name)
            process = _to_driver(bind.type, dialect) if bind is not None else None
            self.columns.append((name, process))
            if name not in names:
                value = compiled.params[name]
                self.constants[name] = value if process is None else process(value)
        as_they_are = not self.named and not any(process for _, process in self.columns)
        self.takes = tuple(name for name, _ in self.columns) if as_they_are else ()

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """For one run: a list, or a dictionary where the driver knows parameters by name."""
        constants = self.constants
        made = [
            constants[name] if name in constants else values[name] if process is None else process(values[name])
            for name, process in self.columns
        ]
        return dict(zip((name for name, _ in self.columns), made, strict=True)) if self.named else made


def _rows_of(query: sa.Select[Any], dialect: Dialect) -> Callable[[list[Any]], list[Any]]:
    """What makes of the driver's rows named ones with the values that the types of the columns say."""
    columns = list(query.selected_columns)
    names: Any = namedtuple("Row", [str(column.key) for column in columns])  # type: ignore[misc]  # known when it runs
    make = names._make
    processes = [_from_driver(column.type, dialect) for column in columns]
    converted = [(place, process) for place, process in enumerate(processes) if process is not None]
    if not converted:
        return lambda lines: list(map(make, lines))

    def rows(lines: list[Any]) -> list[Any]:
        found = []
        for line in lines:
            values = list(line)
            for place, process in converted:
                values[place] = process(values[place])
            found.append(make(values))
        return found

    return rows


class Query:
    """A SELECT. Made once, at import; knows no connection."""

    def __init__(self, query: sa.Select[Any]) -> None:
        self._query = query
        self._ready: dict[str, tuple[Prepared, Callable[[list[Any]], list[Any]]]] = {}

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        """All rows, their columns by name. `values` fill its parameters."""
        prepared, rows = self._prepared(connection.dialect, values)
        return rows(execute(connection, prepared.sql, prepared.parameters(values), fetch=True))

    def scalar(self, connection: Connection, **values: Any) -> Any:
        """The first column of the first row, None if there is no row."""
        found = self.rows(connection, **values)
        return found[0][0] if found else None

    def _prepared(self, dialect: Dialect, given: Iterable[str]) -> tuple[Prepared, Callable[[list[Any]], list[Any]]]:
        found = self._ready.get(dialect.name)
        if found is None:
            prepared = Prepared(self._query.compile(dialect=dialect), given)
            found = self._ready[dialect.name] = (prepared, _rows_of(self._query, dialect))
        return found


class _Keyed:
    """A statement for rows whose `column` is one of many keys. Made once, at import; knows no connection.

    PostgreSQL is given the keys as one array, so that it sees one statement whatever their number. SQLite's IN has room
    for a round number of keys; the last key stands in what is left over.
    """

    def __init__(self, statement: Any, column: sa.ColumnElement[Any], of_server: Any = None) -> None:
        self._statement, self._column = statement, column
        self._of_server = statement if of_server is None else of_server
        self._ready: dict[tuple[str, int], Prepared] = {}

    def _prepared(self, dialect: Dialect, keys: list[Any], values: Mapping[str, Any]) -> tuple[str, Any]:
        """(the text, its parameters)."""
        if dialect.name == "postgresql":
            size, given = 0, {**values, "keys": keys}
        else:
            size = next(size for size in _SIZES if size >= len(keys))
            keys = keys + keys[-1:] * (size - len(keys))
            prepared = self._ready.get((dialect.name, size))
            if prepared is not None and prepared.takes == _KEYS[:size]:
                return prepared.sql, keys
            given = dict(zip(_KEYS[:size], keys, strict=True))
            given.update(values)
        prepared = self._ready.get((dialect.name, size)) or self._prepare(dialect, size, given)
        return prepared.sql, prepared.parameters(given)

    def _prepare(self, dialect: Dialect, size: int, given: Iterable[str]) -> Prepared:
        kind = self._column.type
        is_one: sa.ColumnElement[bool]
        if size:
            is_one = self._column.in_([sa.bindparam(name, type_=kind) for name in _KEYS[:size]])
        else:
            is_one = self._column == sa.any_(sa.bindparam("keys", type_=postgresql.ARRAY(kind)))
        statement = self._statement if size else self._of_server
        prepared = Prepared(statement.where(is_one).compile(dialect=dialect), given)
        return self._ready.setdefault((dialect.name, size), prepared)


class Lookup(_Keyed):
    """All rows of a SELECT whose `column` is one of many keys. `postgresql_query`: a SELECT of the same columns that
    PostgreSQL does better with."""

    def __init__(
        self, query: sa.Select[Any], column: sa.ColumnElement[Any], postgresql_query: sa.Select[Any] | None = None
    ) -> None:
        super().__init__(query, column, postgresql_query)
        self._rows_of: dict[str, Callable[[list[Any]], list[Any]]] = {}

    def rows(self, connection: Connection, keys: Iterable[Any], **values: Any) -> list[Any]:
        """Their columns by name. `values` fill the other parameters of the SELECT. No keys: no statement at all."""
        dialect, lines = connection.dialect, list[Any]()
        for portion in chunks(keys):
            lines += execute(connection, *self._prepared(dialect, portion, values), fetch=True)
        if not lines:
            return []
        rows = self._rows_of.get(dialect.name)
        if rows is None:
            rows = self._rows_of[dialect.name] = _rows_of(self._statement, dialect)
        return rows(lines)


class Change(_Keyed):
    """An UPDATE or DELETE of the rows whose `column` is one of many keys."""

    def run(self, connection: Connection, keys: Iterable[Any], **values: Any) -> None:
        """`values` fill its other parameters."""
        for portion in chunks(keys):
            execute(connection, *self._prepared(connection.dialect, portion, values))


_KEYS = tuple(f"key_{number}" for number in range(_CHUNK))
