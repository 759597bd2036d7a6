"""The gateway with its SQL statements counted: `python -m bench.counted run -c FILE` instead of `-m gateway`.

Every SQLite connection is made with cursors that count, so that it does not matter through which library a statement
comes. One executemany is one statement, whatever the number of its rows; BEGIN and COMMIT are statements too.
$BENCH_STATEMENTS names a file shared with the bench.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PAGE = 4096


class Counter:
    """A number in a file that two processes share. Counting is not atomic between threads: a few in a million."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(b"\0" * _PAGE)
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE)

    @property
    def value(self) -> int:
        return int(struct.unpack_from("q", self._page, 0)[0])

    def add(self, statement: str) -> None:  # noqa: ARG002 - the signature of what is told of each statement
        struct.pack_into("q", self._page, 0, self.value + 1)


class ToldConnection(sqlite3.Connection):
    """Says each statement to `tell` before it runs."""

    tell: Callable[[str], None]

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.cursor().execute(sql, *rest)
        return found

    def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.cursor().executemany(sql, *rest)
        return found

    def commit(self) -> None:
        if self.in_transaction:
            self.tell("COMMIT")
        super().commit()

    def rollback(self) -> None:
        if self.in_transaction:
            self.tell("ROLLBACK")
        super().rollback()


class _Cursor(sqlite3.Cursor):
    connection: ToldConnection

    def execute(self, sql: str, *rest: Any) -> Any:
        self.connection.tell(sql)
        return super().execute(sql, *rest)

    def executemany(self, sql: str, *rest: Any) -> Any:
        self.connection.tell(sql)
        return super().executemany(sql, *rest)


@contextmanager
def told_of_each_statement(tell: Callable[[str], None], within: str = "") -> Iterator[None]:
    """Calls `tell` with the text of every statement on the connections that are made while this lasts, of those to
    databases that have `within` in their location."""
    factory = type("Told", (ToldConnection,), {"tell": staticmethod(tell)})
    plain = sqlite3.connect

    def connect(location: Any, *words: Any, **options: Any) -> Any:
        if within in str(location):
            options.setdefault("factory", factory)
        return plain(location, *words, **options)

    sqlite3.connect = connect  # type: ignore[assignment]  # taken back below
    try:
        yield
    finally:
        sqlite3.connect = plain


def main() -> None:
    from gateway.cli import main as gateway

    with told_of_each_statement(Counter(Path(os.environ["BENCH_STATEMENTS"])).add):
        gateway()


if __name__ == "__main__":
    main()
