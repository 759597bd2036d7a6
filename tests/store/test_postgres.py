"""What a PostgreSQL server must be, its schema, and what becomes of one that goes away (faults 20, 21, 53)."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.model import TicketChange
from gateway.store import database, postgres, schema
from gateway.store.errors import StoreUnavailable, StoreUnfit, StoreVersion, store_error
from gateway.store.store import StoreBroken, StoreLocked, StoreRefused, migrate, open_store, schema_revision
from tests.servers.postgres import Postgres
from tests.store.desk import MIGRATIONS, commit, kept, mail, make_ticket, new_ticket, notice, opened, url_of

pytestmark = pytest.mark.postgresql


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """A database with nothing in it; its name."""
    name = postgres.create()
    yield name
    postgres.drop(name)


def test_the_migrations_make_what_the_code_expects(postgres: Postgres, empty: str, tmp_path: Path) -> None:
    url = postgres.url(empty)
    assert schema_revision(url) is None
    with pytest.raises(StoreVersion, match="empty"):
        open_store(url, tmp_path)
    assert migrate(url, MIGRATIONS) == schema.REVISION == schema_revision(url)
    with sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:")).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    store = open_store(url, tmp_path)
    assert store.check() == []
    assert store.status()["revision"] == schema.REVISION
    assert store.status()["database_size"] > 1_000_000
    store.close()


def test_many_that_migrate_at_once_make_one_schema(postgres: Postgres, empty: str) -> None:
    url = postgres.url(empty)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: migrate(url, MIGRATIONS), range(3))) == [schema.REVISION] * 3
    assert postgres.rows(empty, "SELECT id, next FROM ticket_number") == [(1, 1)]


def test_a_migration_that_is_cut_off_is_run_again(postgres: Postgres, empty: str) -> None:
    """Fault 53: the session ends in the middle; the database has the old schema whole."""
    seen = threading.Event()

    def cut() -> None:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND state <> 'idle' AND query LIKE 'CREATE%%'"
        while not seen.is_set():
            if postgres.rows("postgres", f"SELECT pg_terminate_backend(pid) FROM ({query}) t", empty):
                seen.set()

    with postgres.admin(empty) as slow:  # each new table waits, so that the cut comes in the middle
        slow.execute(
            "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.2); END$$"
        )
        slow.execute("CREATE EVENT TRIGGER wait ON ddl_command_start EXECUTE FUNCTION wait()")
        thread = threading.Thread(target=cut)
        thread.start()
        with pytest.raises(StoreUnavailable):
            migrate(postgres.url(empty), MIGRATIONS)
        thread.join()
        slow.execute("DROP EVENT TRIGGER wait")
    assert schema_revision(postgres.url(empty)) is None
    assert postgres.rows(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert migrate(postgres.url(empty), MIGRATIONS) == schema.REVISION


def test_a_newer_database_is_refused_and_left_alone(postgres: Postgres, empty: str, tmp_path: Path) -> None:
    url = postgres.url(empty)
    migrate(url, MIGRATIONS)
    postgres.rows(empty, "UPDATE alembic_version SET version_num = '0099' RETURNING 1")
    for attempt in (lambda: migrate(url, MIGRATIONS), lambda: open_store(url, tmp_path)):
        with pytest.raises(StoreVersion, match="newer"):
            attempt()
    assert schema_revision(url) == "0099"


# --- what the server must be ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [("synchronous_commit", "off"), ("synchronous_commit", "local"), ("default_transaction_read_only", "on")],
)
def test_a_database_that_is_set_unsafe_is_refused(
    postgres: Postgres, empty: str, tmp_path: Path, setting: str, value: str
) -> None:
    url = postgres.url(empty)
    migrate(url, MIGRATIONS)
    store = open_store(url, tmp_path)
    with postgres.admin() as connection:
        connection.execute(f"ALTER DATABASE {empty} SET {setting} = {value}")  # type: ignore[arg-type]  # our own words
    name = setting if setting == "synchronous_commit" else "read-only"
    with pytest.raises(StoreUnfit, match=name) as caught:
        open_store(url, tmp_path / "other")
    assert "p@ss" not in str(caught.value)
    postgres.rows("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", empty)
    assert isinstance(store.accept(mail()).exception(30), StoreUnavailable)  # found out when it connects again, too
    store.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_does_not_sync_is_refused(postgres: Postgres, empty: str, tmp_path: Path, setting: str) -> None:
    migrate(postgres.url(empty), MIGRATIONS)
    with postgres.admin() as connection:
        connection.execute(f"ALTER SYSTEM SET {setting} = off")  # type: ignore[arg-type]  # our own words
        connection.execute("SELECT pg_reload_conf()")
        try:
            end = time.monotonic() + 20
            while postgres.rows(empty, f"SHOW {setting}") != [("off",)]:
                assert time.monotonic() < end
            with pytest.raises(StoreUnfit, match=f"{setting} is off, must be on"):
                open_store(postgres.url(empty), tmp_path)
        finally:
            connection.execute(f"ALTER SYSTEM RESET {setting}")  # type: ignore[arg-type]  # as above
            connection.execute("SELECT pg_reload_conf()")
            while postgres.rows(empty, f"SHOW {setting}") != [("on",)]:
                pass


def test_another_encoding_is_refused(postgres: Postgres) -> None:
    with postgres.admin() as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 OWNER desk")
    with pytest.raises(StoreUnfit, match="server_encoding is LATIN1, must be UTF8"):
        migrate(postgres.url("latin"), MIGRATIONS)


def test_an_old_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of(tmp_path)
    monkeypatch.setattr(postgres, "OLDEST", 99)
    with pytest.raises(StoreUnfit, match=r"its version is \d+, 99 or later is needed"):
        open_store(url, tmp_path)


def test_what_cannot_be_reached_says_why_without_the_password(postgres: Postgres, tmp_path: Path) -> None:
    for url, words in (
        (postgres.url("nowhere"), "does not exist"),
        (postgres.url("postgres").replace("word", "wort"), "password authentication failed"),
        (postgres.url("postgres", port=1), "refused"),
    ):
        with pytest.raises(StoreUnavailable, match=words) as caught:
            open_store(url, tmp_path)
        assert "ss:/wor" not in str(caught.value)


def test_without_its_driver_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "gateway.store.postgres")
    monkeypatch.delattr("gateway.store.postgres", raising=False)
    with pytest.raises(StoreUnfit, match=r"pip install 'mail-ticket-gateway\[postgres\]'"):
        database.schema_revision("postgresql://u@h/d")


# --- a server that goes away ----------------------------------------------------------------------------------------


def test_a_server_that_is_restarted_is_found_again(postgres: Postgres, tmp_path: Path) -> None:
    """Fault 20: while it is away nothing is said to be kept, and afterwards everything goes on by itself."""
    with opened(tmp_path) as store:
        first = kept(store)
        postgres.crash()
        second = kept(store, "after a crash")  # on a connection that was open before
        with postgres.down():
            error = store.accept(mail("away")).exception(30)
            assert isinstance(error, StoreUnavailable)
            assert not isinstance(error, StoreUnfit)
            with pytest.raises(StoreUnavailable):
                store.claim(9)
            with pytest.raises(StoreUnavailable):
                store.waiting()
        assert [intake.id for intake in store.claim(9)] == [first, second]
        assert kept(store, "back")
        assert store.check() == []


def test_a_deadlock_is_tried_again(postgres: Postgres, tmp_path: Path) -> None:
    """Fault 21: another session holds a row that we want, and wants one that we hold."""
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        make_ticket(store, 2)
        name = url_of(tmp_path).rpartition("/")[2]
        with postgres.admin(name) as other:
            other.autocommit = False
            other.execute("SET deadlock_timeout = '60s'")  # it is ours that is ended
            other.execute("UPDATE ticket SET subject = 'theirs' WHERE number = 2")
            changes = (TicketChange(1, 1, {"subject": "ours"}), TicketChange(2, 1, {"subject": "ours"}))
            future = store.commit(commit(None, *changes))
            end = time.monotonic() + 30
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while postgres.rows(name, waiting) == [(0,)]:
                assert time.monotonic() < end
            try:
                other.execute("UPDATE ticket SET subject = 'theirs' WHERE number = 1")
            finally:
                other.rollback()
        assert future.result(30) == ()
        assert [ticket["subject"] for ticket in store.tickets({}, "")] == ["ours", "ours"]


@pytest.mark.parametrize("state", ["40001", "40P01", "23505"])
def test_what_passes_is_tried_five_times_and_no_more(tmp_path: Path, state: str) -> None:
    with opened(tmp_path) as store:
        store._parts.writer._handlers["beat"] = failing = Failing(state, 4)  # type: ignore[union-attr]
        assert store._parts.write("beat", None).result(30) is None
        assert failing.calls == 5
        store._parts.writer._handlers["beat"] = failing = Failing(state, 5)  # type: ignore[union-attr]
        assert isinstance(store._parts.write("beat", None).exception(30), StoreUnavailable | StoreRefused)
        assert failing.calls == 5
        assert kept(store)


class Failing:
    """A handler that the server refuses so many times."""

    def __init__(self, state: str, times: int) -> None:
        self.state, self.times, self.calls = state, times, 0

    def __call__(self, connection: sa.engine.Connection, jobs: list[object]) -> list[None]:
        self.calls += 1
        if self.calls <= self.times:
            connection.exec_driver_sql(f"DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{self.state}'; END$$")
        return [None] * len(jobs)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("53100", StoreUnavailable),
        ("53300", StoreUnavailable),
        ("57P01", StoreUnavailable),
        ("58030", StoreUnavailable),
        ("25006", StoreUnavailable),
        ("42501", StoreUnavailable),
        ("XX001", StoreBroken),
        ("XX002", StoreBroken),
        ("22021", StoreRefused),
        ("23503", StoreRefused),
        ("54000", StoreRefused),
        ("42703", sa.exc.DBAPIError),
    ],
)
def test_faults_have_names(tmp_path: Path, state: str, expected: type[BaseException]) -> None:
    with opened(tmp_path) as store, store._parts.engine.connect() as connection:  # type: ignore[union-attr]
        with pytest.raises(sa.exc.DBAPIError) as caught:
            connection.exec_driver_sql(f"DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END$$")
        connection.rollback()
    found = store_error(caught.value)
    if expected is sa.exc.DBAPIError:  # a fault of ours: shown as it is
        assert found is caught.value.orig
        return
    assert isinstance(found, expected)
    assert getattr(found, "full", False) == (state == "53100")


def test_one_process_on_a_state_folder(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreLocked):
        open_store(url_of(tmp_path), tmp_path)
    with opened(tmp_path) as store:
        number = kept(store)
        reader = open_store(url_of(tmp_path), tmp_path, lock=False, read_only=True)
        assert reader.raw(number) == mail().raw
        with pytest.raises(StoreUnavailable, match="reading only"):
            kept(reader)
        reader.close()


def test_a_commit_whose_answer_was_lost_is_settled_by_asking_again(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        number = kept(store)
        done = commit(number, new_ticket(1), ticket=1, mails=[notice(1, "c")])
        store.commit(done).result(10)
        with pytest.raises(Exception, match="is done"):
            store.commit(done).result(10)
        assert (store.outbox_depth(), store.status()["tickets"]) == (1, {"new": 1})
