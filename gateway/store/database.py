"""Which engine a URL means, and the schema's revision."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from gateway.store import sqlite
from gateway.store.engine import Database
from gateway.store.errors import StoreUnfit, StoreVersion, store_error
from gateway.store.schema import KNOWN_REVISIONS, REVISION

DRIVER = "PostgreSQL needs its driver: pip install 'mail-ticket-gateway[postgres]' (or: pip install 'psycopg[binary]')"


def is_postgres(url: str) -> bool:
    return url.partition(":")[0].partition("+")[0] == "postgresql"


def _engine_of(url: str) -> ModuleType:
    """The module of the engine; StoreUnfit where its driver is not installed."""
    if not is_postgres(url):
        return sqlite
    try:
        from gateway.store import postgres
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "psycopg":
            raise
        raise StoreUnfit(DRIVER) from error
    return postgres


def folders(url: str) -> set[Path]:
    """The folders on this machine that the database grows in."""
    return set() if is_postgres(url) else {sqlite.database_path(url).parent}


def growing_log(url: str) -> int:
    """Octets of the write-ahead log on this machine; 0 where there is none. It grows without end where nothing of it
    can be put into the database."""
    if is_postgres(url):
        return 0
    try:
        return Path(f"{sqlite.database_path(url)}-wal").stat().st_size
    except OSError:
        return 0


def is_there(url: str) -> bool:
    """Whether there is anything to open: a file, or a schema on a server."""
    return schema_revision(url) is not None if is_postgres(url) else sqlite.database_path(url).exists()


def schema_revision(url: str) -> str | None:
    """The revision of the database; None when it has none or does not exist. Creates nothing."""
    found: str | None = _engine_of(url).schema_revision(url)
    return found


def check_revision(url: str) -> None:
    """Raises StoreVersion unless the database is at the revision this program is written for."""
    found = schema_revision(url)
    if found is None:
        raise StoreVersion("the database is empty: run the migrations first")
    _refuse_newer(found)
    if found != REVISION:
        raise StoreVersion(f"the database is at revision {found}, not {REVISION}: run the migrations first")


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in KNOWN_REVISIONS:
        raise StoreVersion(f"the database is at revision {found}, which this version does not know: it is newer")


def migrate(url: str, migrations_dir: Path) -> str:
    """Brings the database to this program's revision in one transaction; a run that was killed is run again.

    Creates a SQLite file; a PostgreSQL database must be there. Refuses a newer database (StoreVersion) and a SQLite
    file in use (StoreLocked); on PostgreSQL a second run waits for the first.
    """
    found = schema_revision(url)
    if found == REVISION:
        return REVISION
    _refuse_newer(found)
    try:
        _engine_of(url).upgrade(url, migrations_dir)
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        raise store_error(error) from error
    return REVISION


def open_database(url: str, state_dir: Path, *, lock: bool = True, read_only: bool = False) -> Database:
    """Opens a migrated database. FileNotFoundError, StoreVersion, StoreLocked, StoreUnfit, StoreUnavailable or
    StoreBroken."""
    if not is_postgres(url) and not sqlite.database_path(url).is_file():
        raise FileNotFoundError(f"there is no database at {sqlite.database_path(url)}")
    check_revision(url)
    made: Database = _engine_of(url).opened(url, state_dir, lock=lock, read_only=read_only)
    return made
