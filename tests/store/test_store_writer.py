"""One writer: a group is one transaction, a bad job fails alone, a fault is named and got over (G10, G11)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import SendResult, Sent
from gateway.options import Retry
from gateway.store import schema
from gateway.store.engine import Database
from gateway.store.errors import store_error
from gateway.store.store import Store, StoreBroken, StoreRefused, StoreUnavailable
from gateway.store.writer import GroupCommit
from tests.store.desk import NOW, commit, kept, mail, make_ticket, new_ticket, notice, opened
from tests.store.statements import heard


@contextmanager
def stopped(store: Store) -> Iterator[None]:
    """Keeps the writer busy so that what is handed over meanwhile makes one group."""
    inside, go = threading.Event(), threading.Event()
    writer = store._parts.writer
    assert writer is not None

    def wait(_: Connection, jobs: Sequence[Any]) -> list[None]:
        inside.set()
        go.wait(10)
        return [None] * len(jobs)

    writer._handlers["wait"] = wait
    future = writer.submit("wait", None)
    assert inside.wait(10)
    try:
        yield
    finally:
        go.set()
        future.result(10)


@contextmanager
def counted(store: Store) -> Iterator[list[int]]:
    """[commits, statements] of the writer."""
    count = [0, 0]
    engine = store._parts.engine

    def committed(*_: object) -> None:
        count[0] += 1

    def executed(connection: Connection, _: str, __: Any) -> None:
        count[1] += connection.engine is engine

    sa.event.listen(engine, "commit", committed)
    with heard(store, after=executed):
        yield count
    sa.event.remove(engine, "commit", committed)


def test_all_that_is_ready_is_one_transaction(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = [kept(store, f"n{n}") for n in range(20)]
        (out,) = [ref.id for ref in store.commit(commit(None, mails=[notice(1, "c")])).result(10)]
        with counted(store) as count:
            with stopped(store):
                futures: list[Any] = [store.accept(mail(f"new {n}")) for n in range(20)]
                numbered = enumerate(ids, start=2)
                futures += [store.commit(commit(number, new_ticket(n), ticket=n)) for n, number in numbered]
                futures.append(store.mark_sent([SendResult(out, Sent.DELIVERED)], NOW, Retry(), lambda: 0.0))
            for future in futures:
                future.result(10)
        assert count[0] == 2  # the one that was waited for, then the whole group
        assert store.status()["tickets"] == {"new": 21}


def test_statements_do_not_grow_with_the_group(tmp_path: Path) -> None:
    counts = []
    with opened(tmp_path) as store:
        number = 0
        for size in (2, 40):
            ids = [kept(store, f"{size} {n}") for n in range(size)]
            with counted(store) as count:
                with stopped(store):
                    futures: list[Any] = [store.accept(mail(f"more {n}")) for n in range(size)]
                    for intake in ids:
                        number += 1
                        mails = [notice(number, "c")]
                        futures.append(store.commit(commit(intake, new_ticket(number), ticket=number, mails=mails)))
                for future in futures:
                    future.result(10)
            counts.append(count[1])
    assert 10 < counts[0] == counts[1] <= 30


def test_a_bad_job_never_fails_its_neighbours(tmp_path: Path) -> None:
    def mark(connection: Connection, jobs: Sequence[str]) -> list[None]:
        for job in jobs:
            if job == "bad":
                raise RuntimeError("a fault of ours")
            connection.execute(sa.insert(schema.rulebook), {"digest": job, "content": {}, "used_at": NOW})
        return [None] * len(jobs)

    with opened(tmp_path) as store:
        assert store._parts.writer is not None
        store._parts.writer._handlers["mark"] = mark
        futures = store._parts.writer.submit_many("mark", ["a", "bad", "b", "a", "c"])
        errors = [future.exception(10) for future in futures]
        assert [type(error) for error in errors] == [type(None), RuntimeError, type(None), StoreRefused, type(None)]
        assert [store.load_rulebook(name) for name in ("a", "b", "c")] == [{}, {}, {}]
        assert kept(store)


def test_a_cancelled_job_is_not_written_and_a_closed_store_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        with stopped(store):
            one, two = store.accept(mail("one")), store.accept(mail("two"))
            assert one.cancel()
        assert two.result(10)
        assert store.waiting()[0] == 1
        last = [store.accept(mail(f"last {n}")) for n in range(50)]
        store.close()
        assert len({future.result(0) for future in last}) == 50  # what was handed over is written
        with pytest.raises(StoreUnavailable):
            kept(store)


def test_future_callbacks_that_fail_harm_nobody(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        future = store.accept(mail())
        future.add_done_callback(lambda _: 1 / 0)
        assert future.result(10)
        assert kept(store, "next")


@pytest.mark.sqlite
def test_a_full_database_is_named_and_got_over(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None
        first = kept(store)
        limit = [True]

        @sa.event.listens_for(engine, "begin")
        def _full(connection: Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages if limit[0] else 1_000_000}")

        errors = []
        for n in range(200):
            error = store.accept(mail(f"{n}" * 2000)).exception(10)
            errors += [error] if error else []
        assert errors
        assert all(isinstance(error, StoreUnavailable) and error.full for error in errors)
        limit[0] = False
        assert kept(store, "room again")
        assert store.waiting()[0] == 202 - len(errors)
        assert store.claim(1)[0].id == first
        assert store.check() == []


@pytest.mark.sqlite
def test_a_locked_database_is_waited_for_then_named_and_got_over(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None

        @sa.event.listens_for(engine, "engine_connect")
        def _impatient(connection: Connection) -> None:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA busy_timeout=300")

        store._parts.writer._drop_connection()  # type: ignore[union-attr]
        other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as caught:
            kept(store)
        assert caught.value.full is False
        assert store.waiting()[0] == 0  # reads go on
        waiting = store.accept(mail("while locked"))
        other.rollback()
        assert waiting.result(10)
        other.close()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO t VALUES (1)", StoreRefused),
        ("SELECT * FROM nowhere", sqlite3.OperationalError),
    ],
)
@pytest.mark.sqlite
def test_faults_have_names(statement: str, expected: type[BaseException]) -> None:
    with sa.create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a UNIQUE)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        with pytest.raises(sa.exc.DBAPIError) as caught:
            connection.exec_driver_sql(statement)
    assert isinstance(store_error(caught.value), expected)


@pytest.mark.parametrize(
    ("code", "expected", "full"),
    [
        (5, StoreUnavailable, False),
        (8, StoreUnavailable, False),
        (10 | 4 << 8, StoreUnavailable, False),
        (13, StoreUnavailable, True),
        (11, StoreBroken, None),
        (26, StoreBroken, None),
    ],
)
@pytest.mark.sqlite
def test_result_codes_have_names(code: int, expected: type[Exception], full: bool | None) -> None:
    error = sqlite3.OperationalError("some text")
    error.sqlite_errorcode = code
    found = store_error(sa.exc.OperationalError("statement", {}, error))
    assert isinstance(found, expected)
    if isinstance(found, StoreUnavailable):
        assert found.full is full


@pytest.mark.sqlite
def test_a_writer_without_a_database_answers_everybody(tmp_path: Path) -> None:
    database = Database()
    database.writer = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(tmp_path / "no" / "folder.db"))
    writer = GroupCommit(database, {"x": lambda _, jobs: [None] * len(jobs)})
    errors = [future.exception(10) for future in writer.submit_many("x", [1, 2, 3])]
    assert all(isinstance(error, StoreUnavailable) for error in errors)
    writer.close()
