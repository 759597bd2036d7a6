"""The SQLite engine: one file, one writer connection, durable pragmas."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.pool import QueuePool

from gateway.store import raw
from gateway.store.engine import Database, run_migrations
from gateway.store.errors import StoreBroken, StoreUnavailable, store_error
from gateway.store.folders import make_folder
from gateway.store.lock import FileLock

BUSY_MS = 10_000
WAL_PAGES = 10_000  # p99 1.3 ms instead of 5.8
READERS = 8
IDLE = READERS // 2
STATEMENTS = 400  # a connection keeps prepared; one mail's way has some fifty, look-ups among them for many sizes
SMALL = 64 * 1024 * 1024  # octets that are checked whole at the start: half a second


class SqliteDatabase(Database):
    """A file that is there. `read_only` opens it with mode=ro, without a writer and without the lock."""

    files = True

    def __init__(self, url: str, state_dir: Path, *, lock: bool = True, read_only: bool = False) -> None:
        del state_dir  # the file itself is locked
        self._path = database_path(url)
        self._lock = FileLock(self._path) if lock and not read_only else None
        self._idle: list[Connection] = []
        self._most_idle = IDLE
        self.readers = reader_engine(self._path, immutable=read_only)
        self.writer = None if read_only else writer_engine(self._path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A few connections stay as they are between snapshots: to take one from the pool and to give it back takes
        longer than a look-up."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.readers.connect()
        try:
            yield connection
            connection.rollback()
        except BaseException:
            connection.close()  # whatever is wrong with it, the pool sees to it
            raise
        if len(self._idle) < self._most_idle:
            self._idle.append(connection)
        else:
            connection.close()

    def size(self, connection: Connection) -> int:  # noqa: ARG002 - see Database
        files = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def faults(self, connection: Connection) -> list[str]:
        found = _quick_check(connection)
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        found += [f"row {row[1]} of {row[0]} has no {row[2]}" for row in orphans]
        return found + wrong_pragmas(connection.connection.driver_connection)

    def look_over(self, connection: Connection) -> None:
        """All pages of a database of at most SMALL octets; of a larger one both ends of each table and index, which is
        some dozens of pages. That the file has the length its header tells SQLite sees to."""
        if self._path.stat().st_size <= SMALL:
            found = _quick_check(connection)
            if found:
                raise StoreBroken(f"the database is damaged: {found[0]}")
            return
        for statement in _ends(connection):
            connection.exec_driver_sql(statement).fetchall()

    def parts_to_check(self, connection: Connection) -> list[str]:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
        return [str(row[0]) for row in found]

    def faults_of(self, connection: Connection, part: str) -> list[str]:
        return _quick_check(connection, f"({_quoted(part)})")

    def close(self) -> None:
        self._most_idle = 0
        while self._idle:
            self._idle.pop().close()
        super().close()
        if self._lock is not None:
            self._lock.close()


opened = SqliteDatabase


def database_path(url: str) -> Path:
    """The file behind an `sqlite:///` URL; ValueError for anything else."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise ValueError(f"not a SQLite file: {parsed.render_as_string(hide_password=True)}")
    return Path(parsed.database)


def writer_engine(path: Path) -> Engine:
    """One connection. Its transactions take the write lock at BEGIN, so no read in them can go stale."""
    return _engine(path, begin="BEGIN IMMEDIATE", size=1, cache_kib=16_384)


def reader_engine(path: Path, *, immutable: bool = False) -> Engine:
    """Snapshot reads that never queue behind the writer. `immutable`: opened with mode=ro."""
    return _engine(
        path, begin="BEGIN", size=READERS, cache_kib=4_096, query_only=True, mode="ro" if immutable else "rw"
    )


def _engine(
    path: Path, *, begin: str, size: int, cache_kib: int, query_only: bool = False, mode: str = "rw", keys: bool = True
) -> Engine:
    def connect() -> sqlite3.Connection:
        location = f"{path.absolute().as_uri()}?mode={mode}"
        made = sqlite3.connect(
            location,
            uri=True,
            timeout=BUSY_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS,
        )
        try:
            _set_pragmas(made, cache_kib=cache_kib, query_only=query_only, keys=keys, wal=mode != "ro")
        except BaseException:
            made.close()
            raise
        return made

    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_use_lifo=True,  # what the last one used is still in its caches, and few are ever made
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        raw.begin(connection, begin)

    return engine


def _set_pragmas(made: sqlite3.Connection, *, cache_kib: int, query_only: bool, keys: bool, wal: bool) -> None:
    """Sets what durability rests on and reads it back: a build that ignores one must not say 250."""
    if wal:
        made.execute("PRAGMA journal_mode=WAL").fetchall()
    for name, value in (
        ("synchronous", "FULL"),
        ("foreign_keys", "ON" if keys else "OFF"),
        ("busy_timeout", BUSY_MS),
        ("wal_autocheckpoint", WAL_PAGES),
        ("cache_size", -cache_kib),
        ("temp_store", "MEMORY"),
        ("query_only", "ON" if query_only else "OFF"),
    ):
        made.execute(f"PRAGMA {name}={value}").fetchall()
    wrong = wrong_pragmas(made, keys=keys)
    if wrong:
        raise StoreUnavailable(f"this SQLite cannot keep mail safely: {', '.join(wrong)}")


def wrong_pragmas(made: Any, *, keys: bool = True) -> list[str]:
    """What the connection says of itself where that is not what mail needs."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": int(keys), "busy_timeout": BUSY_MS}
    found = {name: made.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
    return [f"{name} is {found[name]!r}, not {value!r}" for name, value in wanted.items() if found[name] != value]


def _quick_check(connection: Connection, of: str = "") -> list[str]:
    return [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA quick_check{of}") if row[0] != "ok"]


def _ends(connection: Connection) -> list[str]:
    """Statements that read the first and the last entry of each table and of each index that covers all its rows."""
    tables = connection.exec_driver_sql(
        "SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
    ).fetchall()
    found = []
    for table, keyed in tables:
        name = _quoted(table)
        if not keyed:
            found += _both(f"* FROM {name} NOT INDEXED", "rowid")
        for row in connection.exec_driver_sql(f"PRAGMA index_list({name})").fetchall():
            index, partial = row[1], row[4]
            if partial:
                continue
            columns = connection.exec_driver_sql(f"PRAGMA index_xinfo({_quoted(index)})").fetchall()
            if any(column[5] and column[2] is None for column in columns):
                continue  # of an expression
            first = next(_quoted(column[2]) for column in columns if column[5])
            using = "" if keyed and row[3] == "pk" else f"INDEXED BY {_quoted(index)} "
            found += _both(f"{first} FROM {name} {using}", first)
    return found


def _both(what: str, order: str) -> list[str]:
    return [f"SELECT {what} ORDER BY {order} {way} LIMIT 1" for way in ("ASC", "DESC")]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def schema_revision(url: str) -> str | None:
    """The revision of the database; None when it has none or does not exist. Creates nothing."""
    path = database_path(url)
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        try:
            return _revision_at(path, "ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
        return _revision_at(path, "rw")  # a first start was killed with its journal out: only a writer takes that back
    except sqlite3.Error as error:
        raise store_error(error) from error


def _revision_at(path: Path, mode: str) -> str | None:
    made = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_MS / 1000)
    try:
        if not made.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return None
        row = made.execute("SELECT version_num FROM alembic_version").fetchone()
    finally:
        made.close()
    return str(row[0]) if row else None


def upgrade(url: str, migrations_dir: Path) -> None:
    """One transaction. Creates the file (0600); refuses one in use (StoreLocked).

    Foreign keys are off before BEGIN, because SQLite's table rebuild would delete child rows, and are checked
    before COMMIT.
    """
    path = database_path(url)
    make_folder(path.parent)
    lock = FileLock(path)
    try:
        path.touch(mode=0o600)
        engine = _engine(path, begin="BEGIN IMMEDIATE", size=1, cache_kib=8_192, keys=False)
        try:
            with engine.connect() as connection, connection.begin():
                run_migrations(connection, migrations_dir)
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StoreBroken(f"the migration would leave {len(broken)} rows without their parent")
        finally:
            engine.dispose()
    finally:
        lock.close()
