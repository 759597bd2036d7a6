"""What the store says to its database: every statement on its way to the driver, through SQLAlchemy or past it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from gateway.store import raw
from gateway.store.store import Store

Hear = Callable[[Connection, str, Any], object]


def _nothing(connection: Connection, statement: str, parameters: Any) -> None:
    """Where nobody listens."""


@contextmanager
def heard(store: Store, before: Hear = _nothing, after: Hear = _nothing) -> Iterator[None]:
    """Tells each statement of this store, with its parameters or those of its first row, before and after it is run."""
    engines = [engine for engine in (store._parts.readers, store._parts.engine) if engine is not None]
    with raw_heard(engines, before, after), engines_heard(engines, before, after):
        yield


@contextmanager
def raw_heard(engines: list[Engine], before: Hear, after: Hear) -> Iterator[None]:
    plain = raw._run

    def run(connection: Connection, statement: str, parameters: Any, many: bool, fetch: bool) -> list[Any]:
        ours = connection.engine in engines
        first = parameters[0] if many else parameters
        if ours:
            before(connection, statement, first)
        found = plain(connection, statement, parameters, many, fetch)
        if ours:
            after(connection, statement, first)
        return found

    raw._run = run
    try:
        yield
    finally:
        raw._run = plain


@contextmanager
def engines_heard(engines: list[Engine], before: Hear, after: Hear) -> Iterator[None]:
    def telling(hear: Hear) -> Callable[..., None]:
        def told(connection: Connection, _: Any, statement: str, parameters: Any, __: Any, many: bool) -> None:
            hear(connection, statement, parameters[0] if many else parameters)

        return told

    pairs = [("before_cursor_execute", telling(before)), ("after_cursor_execute", telling(after))]
    for engine in engines:
        for name, told in pairs:
            sa.event.listen(engine, name, told)
    try:
        yield
    finally:
        for engine in engines:
            for name, told in pairs:
                sa.event.remove(engine, name, told)
