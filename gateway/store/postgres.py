"""The PostgreSQL engine: several daemons on several machines may share one database.

What mail rests on is asserted on every connection that writes: fsync, full_page_writes, synchronous_commit, UTF-8, a
server that takes writes. A connection that is lost is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import NullPool

from gateway.store.engine import Database, run_migrations
from gateway.store.errors import StoreUnfit, sqlstate_of, store_error

OLDEST = 13
READERS = 8
MIGRATING = 0x6D61696C  # the advisory lock of a migration

_SECURE: Mapping[str, frozenset[str]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply"}),
    "data_sync_retry": frozenset({"off"}),
    "server_encoding": frozenset({"UTF8"}),
}
# seconds; a network that swallows packets is noticed in half a minute, and a machine that stops in the middle of a
# transaction holds its locks no longer than that either
_NETWORK: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "gateway",
    "client_encoding": "utf8",
}
_SESSION = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s -c TimeZone=UTC"

# serialization_failure, deadlock_detected; unique_violation: another daemon was first, and is seen the next time
_AGAIN = frozenset({"40001", "40P01", "23505"})


class _Text(StrDumper):
    """What PostgreSQL's text cannot hold is replaced: NUL, and surrogates without their other half."""

    def dump(self, obj: str) -> bytes:
        return obj.replace("\x00", "\ufffd").encode("utf-8", "replace")


class PostgresDatabase(Database):
    """A database on a server, migrated. `read_only` never writes."""

    files = False

    def __init__(self, url: str, *, lock: bool = True, read_only: bool = False) -> None:  # noqa: ARG002 - see SQLite
        self.readers = _engine(url, isolation="REPEATABLE READ", size=READERS, read_only=True)
        self.writer = None if read_only else _engine(url, isolation="READ COMMITTED", size=2)

    def again(self, error: BaseException) -> bool:
        if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
            return True  # the server ended an established connection before COMMIT was sent
        return sqlstate_of(error) in _AGAIN

    def size(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())

    def faults(self, connection: Connection) -> list[str]:
        found = wrong_settings(connection.connection.driver_connection)
        invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        found += [f"index {row[0]} is not valid" for row in connection.exec_driver_sql(invalid)]
        checksums = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
        failures = connection.exec_driver_sql(checksums).scalar()
        return [*found, f"{failures} pages have failed their checksum"] if failures else found


opened = PostgresDatabase


def _engine(url: str, *, isolation: str, size: int, read_only: bool = False, **options: Any) -> Engine:
    parsed = _parsed(url)
    pool = options or {"pool_size": size, "max_overflow": 0, "pool_timeout": 30, "pool_pre_ping": read_only}
    engine = sa.create_engine(
        parsed,
        isolation_level=isolation,
        connect_args=_connect_args(parsed),
        hide_parameters=True,
        **pool,
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(made: Any, _: object) -> None:
        made.adapters.register_dumper(str, _Text)
        made.adapters.register_dumper(int, Int8Dumper)  # one type for all: one prepared statement for all
        if read_only:
            made.read_only = True
        else:
            assert_fit(made)

    return engine


def _parsed(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+psycopg")


def _connect_args(url: URL) -> dict[str, Any]:
    """Ours, but for what the URL says itself."""
    args = {name: value for name, value in _NETWORK.items() if name not in url.query}
    return {**args, "options": f"{_SESSION} {url.query.get('options', '')}".strip()}


# --- what the server must be ----------------------------------------------------------------------------------------


def assert_fit(made: psycopg.Connection[Any]) -> None:
    """Raises StoreUnfit with everything that makes this server no place for mail."""
    wrong = wrong_settings(made)
    if made.info.server_version // 10_000 < OLDEST:
        wrong.insert(0, f"its version is {made.info.server_version // 10_000}, {OLDEST} or later is needed")
    standby = made.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool").fetchone()
    made.rollback()
    if standby == (True,):
        wrong.append("it is a standby or read-only; the address must lead to the primary")
    if wrong:
        raise StoreUnfit(f"this PostgreSQL cannot keep mail safely: {'; '.join(wrong)}")


def wrong_settings(made: Any) -> list[str]:
    """What the server says of itself where that is not what mail needs."""
    names = list(_SECURE)
    rows = made.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names]).fetchall()
    found = dict(rows)
    return [
        f"{name} is {found.get(name)}, must be {' or '.join(sorted(good))}"
        for name, good in _SECURE.items()
        if found.get(name) not in good
    ]


# --- schema ---------------------------------------------------------------------------------------------------------


def schema_revision(url: str) -> str | None:
    """None where the database has no schema yet. Raises StoreUnavailable where it cannot be asked."""
    engine = _engine(url, isolation="READ COMMITTED", size=1, read_only=True, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return _revision(connection)
    except sa.exc.DBAPIError as error:
        raise store_error(error) from error
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def upgrade(url: str, migrations_dir: Path) -> None:
    """One transaction, under a lock: a second run waits for the first and finds nothing to do."""
    engine = _engine(url, isolation="READ COMMITTED", size=1, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
            run_migrations(connection, migrations_dir)
    finally:
        engine.dispose()
