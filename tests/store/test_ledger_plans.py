"""A mailbox of many years: what is asked of the IMAP ledger goes along its key, on both engines, however many rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.counted import told_of_each_statement
from gateway.model import FolderProof, LedgerRow
from gateway.store.ledger import StoreLedger
from gateway.store.store import Store, open_store
from tests.servers.overheard import overheard
from tests.servers.postgres import Postgres
from tests.store.desk import NOW, mail, new_store, url_of

ROWS = 100_000  # a million in tests/torture/torture_imap.py
MOST = 600  # rows that one statement may read: as many as UIDs are asked for in one, and a few
PLACE = ("box", "INBOX", 7)


def test_no_look_into_the_ledger_reads_more_than_is_asked_for(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    goes_along_its_key(tmp_path, engine, request, ROWS)


def goes_along_its_key(folder: Path, engine: str, request: pytest.FixtureRequest, rows: int) -> None:
    folder.mkdir(exist_ok=True)
    fill(folder, engine, rows)
    if engine == "sqlite":
        said: list[str] = []
        with told_of_each_statement(said.append, within=str(folder)), opened(folder) as store:
            live(store, rows)
            with store.parts.read() as connection:
                whole = list(_scans(connection, said))
        assert any("imap_ledger" in statement for statement in said)
        assert whole == []
        return
    server: Postgres = request.getfixturevalue("postgres")
    with overheard(server, url_of(folder).rpartition("/")[2]) as heard, opened(folder) as store:
        live(store, rows)
        read = [(plan.touched().get("imap_ledger", 0), str(plan), plan.sql) for plan in heard.plans()]
    assert max(read)[0] > MOST // 2  # the look at many UIDs
    assert [one for one in read if one[0] > MOST] == []


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    store = open_store(url_of(folder), folder)
    try:
        yield store
    finally:
        store.close()


def fill(folder: Path, engine: str, rows: int) -> None:
    """So many UIDs of one folder, one in ten of them under an older UIDVALIDITY."""
    series = f"generate_series(1, {rows}) AS n(i)"
    if engine == "sqlite":
        series = f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n)"
    made = f"SELECT 'box', 'INBOX', CASE WHEN i = i / 10 * 10 THEN 5 ELSE 7 END, i, 'kept', i FROM {series}"
    store = new_store(folder)
    assert store.parts.engine is not None
    for statement in (f"INSERT INTO imap_ledger {made}", "ANALYZE imap_ledger"):
        with store.parts.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    store.close()


def live(store: Store, rows: int) -> None:
    """A poll, a reconciliation and a message: each statement often enough for a plan that is kept."""
    ledger = StoreLedger(store)
    ledger.begin(*PLACE, rows, 0, NOW).result(30)
    for turn in range(12):
        uids = range(rows - 1_200 - turn, rows + 2)
        assert len(ledger.known(*PLACE, uids)) > 1_000
        assert len(ledger.marks(*PLACE, uids)) > 1_000
        assert ledger.state(*PLACE[:2]) is not None
        uid = rows + 10 + 2 * turn
        row = LedgerRow(*PLACE, uid, "kept", uid)
        store.accept(replace(mail(f"mail {turn}", key=f"box {uid}"), ledger=row)).result(30)
        ledger.put([LedgerRow(*PLACE, uid + 1, "gone", 0), LedgerRow(*PLACE, 2, "gone", 0)]).result(30)
        ledger.advance(*PLACE, uid + 1).result(30)
        ledger.prove(FolderProof(*PLACE[:2], NOW, rows, rows, 0, 0, 0)).result(30)
        assert len(ledger.proofs()) == 1


def _scans(connection: sa.Connection, said: list[str]) -> Iterator[tuple[str, str]]:
    for statement in dict.fromkeys(said):
        if "imap_ledger" in statement and not statement.startswith(("CREATE", "PRAGMA")):
            nothing = (None,) * statement.count("?")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nothing):
                if row[3].startswith("SCAN ") and "CONSTANT ROW" not in row[3]:
                    yield row[3], statement
