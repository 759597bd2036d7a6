"""The PostgreSQL engine: several daemons on several machines may share one database.

What mail rests on is asserted on every connection that writes: fsync, full_page_writes, synchronous_commit, UTF-8, a
server that takes writes. A connection that is lost is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import NullPool

from gateway.store.engine import DECIDING, Database, run_migrations
from gateway.store.errors import StoreUnavailable, StoreUnfit, sqlstate_of, store_error
from gateway.store.facts import NEXT_NUMBER
from gateway.store.folders import make_folder
from gateway.store.lease import Fenced, Lease, home_of
from gateway.store.lock import FileLock
from gateway.store.sets import HOLDER
from gateway.store.turns import Turns

OLDEST = 13
READERS = 8
UNKNOWN = 20.0  # seconds for which a server that did not answer COMMIT is asked what became of it
MIGRATING = 0x6D61696C  # the advisory lock of a migration

_SECURE: Mapping[str, frozenset[str]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply"}),
    "data_sync_retry": frozenset({"off"}),
    "server_encoding": frozenset({"UTF8"}),
}
# seconds; a network that swallows packets is noticed in half a minute
_NETWORK: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "gateway",
    "client_encoding": "utf8",
}
_SESSION: Mapping[str, str] = {
    # a machine that stops in the middle of a transaction holds its locks for so long, and is waited for less
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "10s",
    "TimeZone": "UTC",
    # each statement of a mail's path goes from a few keys along indexes. Left alone, a server whose figures are old, or
    # that takes its disk for a turning one, now and then reads a whole table instead, or compiles for half a second
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "random_page_cost": "1.1",
    "jit": "off",
}

# serialization_failure, deadlock_detected; unique_violation: another daemon was first, and is seen the next time
_AGAIN = frozenset({"40001", "40P01", "23505"})
_ROLLED_BACK = frozenset({"40", "23"})  # as answers to COMMIT
_LOCK_TIMEOUT = "55P03"
_ONE_AT_A_TIME = NEXT_NUMBER.with_for_update()


class _Text(StrDumper):
    """What PostgreSQL's text cannot hold is replaced: NUL, and surrogates without their other half."""

    def dump(self, obj: str) -> bytes:
        return obj.replace("\x00", "\ufffd").encode("utf-8", "replace")


class PostgresDatabase(Database):
    """A database on a server, migrated. `read_only` never writes.

    With `lock` it is the one process on its state folder, and takes back what the process before it there held.
    """

    files = False

    def __init__(self, url: str, state_dir: Path, *, lock: bool = True, read_only: bool = False) -> None:
        self._lock: FileLock | None = None
        self._lease: Lease | None = None
        self.readers = _engine(url, isolation="REPEATABLE READ", size=READERS, read_only=True)
        self.writer = None
        if read_only:
            return
        self.writer = _engine(url, isolation="READ COMMITTED", size=2)
        self._claims = _engine(url, isolation="READ COMMITTED", size=7, ping=True)
        self._turns = Turns(self._claims)
        try:
            if lock:
                make_folder(state_dir)
                self._lock = FileLock(state_dir / "postgresql")
            self._lease = Lease(self._claims, home_of(state_dir) if lock else "")
        except BaseException:
            self.close()
            raise

    # --- writing ----------------------------------------------------------------------------------------------------

    def begin(self, connection: Connection, kinds: Collection[str]) -> None:
        lease = self._leased()
        lease.renew(connection)
        connection.info[HOLDER] = lease.number
        if not DECIDING.isdisjoint(kinds):
            connection.execute(_ONE_AT_A_TIME)

    def committed(self) -> None:
        self._leased().renewed()

    def again(self, error: BaseException) -> bool:
        if isinstance(error, Fenced):
            self._leased().anew()
            return True
        if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
            return True  # the server ended an established connection
        return sqlstate_of(error) in _AGAIN

    def came_through(self, error: BaseException) -> bool:
        """Asks by the number of the group, which was written with it; a server that is away is waited for."""
        if (sqlstate_of(error) or "")[:2] in _ROLLED_BACK:
            return False
        end = monotonic() + UNKNOWN
        while True:
            try:
                with self._claims.begin() as connection:
                    written = self._leased().committed(connection)
                break
            except (sa.exc.SQLAlchemyError, StoreUnfit) as trouble:
                if monotonic() > end:
                    raise StoreUnavailable(
                        f"whether the last transaction was written is not known: {trouble}"
                    ) from None
                sleep(0.1)
        if written:
            self.committed()
        return written

    def held_up(self, error: BaseException) -> bool:
        return sqlstate_of(error) == _LOCK_TIMEOUT

    # --- several daemons --------------------------------------------------------------------------------------------

    @property
    def shared(self) -> bool:
        return True

    def start(self, beat: Callable[[], object]) -> None:
        self._leased().start(beat)

    @contextmanager
    def claiming(self, *, durable: bool) -> Iterator[Connection]:
        """READ COMMITTED, so that what another daemon has just claimed is seen. One that is not durable costs no sync:
        after a crash of the server both may decide, and the commit lets one."""
        with self._claims.begin() as connection:
            connection.info[HOLDER] = self._leased().number
            if not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection

    def sure(self) -> bool:
        return self._leased().safe

    @contextmanager
    def turn(self) -> Iterator[bool]:
        with self._turns.turn():
            yield True

    def sole(self, task: str) -> bool:
        return self._turns.sole(task)

    def _leased(self) -> Lease:
        if self._lease is None:
            raise StoreUnavailable("the store is open for reading only")
        return self._lease

    # --- what it says of itself -------------------------------------------------------------------------------------

    def size(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())

    def faults(self, connection: Connection) -> list[str]:
        found = wrong_settings(connection.connection.driver_connection)
        invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        found += [f"index {row[0]} is not valid" for row in connection.exec_driver_sql(invalid)]
        checksums = "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
        failures = connection.exec_driver_sql(checksums).scalar()
        return [*found, f"{failures} pages have failed their checksum"] if failures else found

    def close(self) -> None:
        """What is held is anybody's from now on."""
        if self.writer is not None:
            if self._lease is not None:
                self._lease.stop()
                self._lease.give_back()
            self._turns.close()
            self._claims.dispose()
        super().close()
        if self._lock is not None:
            self._lock.close()


opened = PostgresDatabase


def _engine(
    url: str, *, isolation: str, size: int, read_only: bool = False, ping: bool = False, **options: Any
) -> Engine:
    parsed = _parsed(url)
    pool = options or {"pool_size": size, "max_overflow": 0, "pool_timeout": 30, "pool_pre_ping": ping or read_only}
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
    ours = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    return {**args, "options": f"{ours} {url.query.get('options', '')}".strip()}


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
