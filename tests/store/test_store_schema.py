"""Schema, migrations, pragmas, the lock."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from gateway.store import schema, sqlite
from gateway.store.lock import FileLock
from gateway.store.store import StoreBroken, StoreLocked, StoreVersion, migrate, open_store, schema_revision
from tests.store.desk import MIGRATIONS, kept, new_store, opened, url_of

pytestmark = pytest.mark.sqlite


def test_the_migrations_make_what_the_code_expects(tmp_path: Path) -> None:
    assert schema_revision(url_of(tmp_path)) is None
    assert not (tmp_path / "gateway.db").exists()  # looking creates nothing
    assert migrate(url_of(tmp_path), MIGRATIONS) == schema.REVISION == schema_revision(url_of(tmp_path))
    assert migrate(url_of(tmp_path), MIGRATIONS) == schema.REVISION
    with sqlite.reader_engine(tmp_path / "gateway.db").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    assert (tmp_path / "gateway.db").stat().st_mode & 0o077 == 0


def test_postgresql_speaks_the_schema() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in schema.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))


@pytest.mark.parametrize("revision", ["0099", "ffff"])
def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path, revision: str) -> None:
    migrate(url_of(tmp_path), MIGRATIONS)
    with sqlite3.connect(tmp_path / "gateway.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    with pytest.raises(StoreVersion, match="newer"):
        open_store(url_of(tmp_path), tmp_path)
    with pytest.raises(StoreVersion, match="newer"):
        migrate(url_of(tmp_path), MIGRATIONS)
    assert schema_revision(url_of(tmp_path)) == revision


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_store(url_of(tmp_path), tmp_path)
    (tmp_path / "gateway.db").touch()
    with pytest.raises(StoreVersion, match="empty"):
        open_store(url_of(tmp_path), tmp_path)
    (tmp_path / "gateway.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreBroken):
        open_store(url_of(tmp_path), tmp_path)
    with pytest.raises(ValueError, match="not a SQLite file"):
        open_store("mysql://user:secret@host/db", tmp_path)


def test_a_second_daemon_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        number = kept(store)
        with pytest.raises(StoreLocked, match=str(os.getpid())):
            open_store(url_of(tmp_path), tmp_path)
        reader = open_store(url_of(tmp_path), tmp_path, lock=False, read_only=True)
        assert reader.waiting()[0] == 1
        assert reader.raw(number)
        with pytest.raises(Exception, match="reading only"):
            kept(reader)
        reader.close()
    with opened(tmp_path):
        pass


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    migrate(url_of(tmp_path), MIGRATIONS)
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        FileLock(tmp_path / "gateway.db")
        os.write(told, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(StoreLocked, match=str(child)):
        open_store(url_of(tmp_path), tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    open_store(url_of(tmp_path), tmp_path).close()


def test_every_connection_is_durable(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    engine = store._parts.engine
    assert engine is not None
    for one in (engine, sqlite.reader_engine(tmp_path / "gateway.db")):
        with one.connect() as connection:
            found = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "wal_autocheckpoint")
            }
        assert found == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "busy_timeout": 10_000,
            "wal_autocheckpoint": 10_000,
        }
    store.close()


def test_unsafe_pragmas_are_found_out() -> None:
    made = sqlite3.connect(":memory:")
    assert {text.split()[0] for text in sqlite.wrong_pragmas(made)} == {
        "journal_mode",
        "foreign_keys",
        "busy_timeout",
    }
    made.close()


def test_migrations_rebuild_tables_without_losing_children(tmp_path: Path) -> None:
    """SQLite's batch rebuild drops the parent; with foreign keys on its children went too."""
    versions = tmp_path / "migrations"
    (versions / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/0001_first_schema.py"):
        (versions / name).write_text((MIGRATIONS / name).read_text())
    with opened(tmp_path) as store:
        number = kept(store)
    (versions / "versions" / "0002.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        "revision, down_revision, branch_labels, depends_on = '0002', '0001', None, None\n"
        "def upgrade():\n"
        "    with op.batch_alter_table('blob', recreate='always') as batch:\n"
        "        batch.add_column(sa.Column('extra', sa.Text(), nullable=True))\n"
    )
    sqlite.upgrade(url_of(tmp_path), versions)
    with sqlite3.connect(tmp_path / "gateway.db") as connection:
        assert connection.execute("SELECT id FROM intake").fetchall() == [(number,)]
        assert connection.execute("SELECT count(*) FROM blob WHERE extra IS NULL").fetchall() == [(1,)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_migration_that_orphans_rows_is_rolled_back(tmp_path: Path) -> None:
    versions = tmp_path / "migrations"
    (versions / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/0001_first_schema.py"):
        (versions / name).write_text((MIGRATIONS / name).read_text())
    with opened(tmp_path) as store:
        kept(store)
    (versions / "versions" / "0002.py").write_text(
        "from alembic import op\n"
        "revision, down_revision, branch_labels, depends_on = '0002', '0001', None, None\n"
        "def upgrade():\n    op.execute('DELETE FROM blob')\n"
    )
    with pytest.raises(StoreBroken):
        sqlite.upgrade(url_of(tmp_path), versions)
    assert schema_revision(url_of(tmp_path)) == "0001"
    with opened(tmp_path) as store:
        assert len(store.claim(9)) == 1


def die_after(step: int) -> None:
    count = [0]

    @sa.event.listens_for(sa.engine.Engine, "after_cursor_execute")
    def _die(*_: object) -> None:
        count[0] += 1
        if count[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_migration_that_is_killed_is_run_again(tmp_path: Path) -> None:
    """Fault 53: at each step the database has the old schema whole or the new one."""
    for step in (1, 5, 20, 45):
        folder = tmp_path / str(step)
        folder.mkdir()
        child = os.fork()
        if child == 0:
            die_after(step)
            migrate(url_of(folder), MIGRATIONS)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"the migration took fewer than {step} statements"
        assert schema_revision(url_of(folder)) is None
        with opened(folder) as store:
            assert store.check() == []


@given(
    st.datetimes(min_value=datetime(1600, 1, 1), max_value=datetime(9000, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_kept_exactly(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    back = schema.from_micros(schema.to_micros(instant))
    assert back == instant
    assert back.tzinfo is UTC
    with pytest.raises(ValueError, match="naive"):
        schema.to_micros(naive)
