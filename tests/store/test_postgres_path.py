"""What a mail costs on PostgreSQL: statements whose number does not grow with the group, and none that reads more rows
on a large desk than on a small one. Asked of the server itself (`tests/servers/overheard.py`)."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.letters import DOMAIN, HELP, Letter, Writer, customers_of
from bench.prepare import DESK, fill
from bench.rules import AGENT, rulebook
from gateway.flow.send import BATCH
from gateway.model import SendResult, Sent
from gateway.options import Retry
from gateway.store import schema
from gateway.store.store import Store, open_store
from tests.faults.running import eventually
from tests.flow.clients import mail, reply, reply_address
from tests.flow.desk_under_test import DeskUnderTest
from tests.flow.test_any_order import OPEN_CAPS
from tests.servers.overheard import Overheard, Plan, overheard
from tests.servers.postgres import Postgres
from tests.store.desk import NOW, commit, kept, make_ticket, notice
from tests.store.test_store_writer import stopped

pytestmark = pytest.mark.postgresql

KEEP, DECIDE, SEND = 6, 47, 11  # statements of one group: BEGIN, COMMIT and the look for a live connection included
LOOK = 4  # statements with which the sender sees that nothing waits
TICKETS = 4_000
GROUP = 20
MOST = 1_000  # rows of a table that one statement may read: each of GROUP tickets has 5 open references and 7 ids
SMALL = {"node", "ticket_number", "desk_hold"}  # a row for each daemon; one; one or none
GROWING = schema.metadata.tables.keys() - SMALL
FILLERS = {  # rows that are in nobody's way, where the prepared desk has few
    "contact": "SELECT 'c' || n || '@far.example', '', '', false",
    "seen": "SELECT md5(n::text), '', n, '', 1",
    "bounce": "SELECT n, 'c' || n || '@far.example', true, 1",
    "thread_link": "SELECT '<l' || n || '@far.example>', n % {tickets} + 1, 'c' || n || '@far.example'",
    "staged": "SELECT n, n % {tickets} + 1, '', true, 1",
    "tally": "SELECT n, 1",
    "survey": "SELECT n, n % {tickets} + 1, true, false, '', 1",
}


@dataclass
class Told:
    """A desk on PostgreSQL that runs by hand, and what its server was told."""

    desk: DeskUnderTest
    heard: Overheard
    series: str
    writer: Writer

    def keep(self, letter: Letter) -> None:
        raw = letter.head + letter.tail
        self.desk.receive(raw, [letter.recipient], mail_from=letter.sender, settle=False)

    def keep_together(self, letters: list[Letter]) -> None:
        """As if all had come while the writer was busy."""
        writer = self.desk.store.parts.writer
        assert writer is not None
        with ThreadPoolExecutor(len(letters)) as senders, stopped(self.desk.store):
            self.heard.statements()
            for letter in letters:
                senders.submit(self.keep, letter)
            eventually(lambda: writer._jobs.qsize() == len(letters), "all are handed over")


@contextmanager
def told(server: Postgres, database: str, folder: Path, series: str, **settings: str) -> Iterator[Told]:
    with overheard(server, database, **settings) as heard:
        rules = {"rulebook.yaml": rulebook()}
        now = datetime.now(UTC)
        url = server.url(database)
        desk = DeskUnderTest(folder, rules=rules, caps=OPEN_CAPS, options=DESK, start=now, url=url)
        try:
            yield Told(desk, heard, series, Writer(series, customers_of(TICKETS)))
        finally:
            desk.close()


# --- statements -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mails", [1, GROUP])
def test_a_group_costs_the_same_statements_whatever_its_size(postgres: Postgres, tmp_path: Path, mails: int) -> None:
    """New mail: kept, decided with a ticket, an acknowledgement and an agent's copy, both of them sent."""
    database = postgres.migrated()
    with told(postgres, database, tmp_path, f"group{mails}") as one:
        one.keep_together(one.writer.texts(2))
        one.desk.settle()
        one.keep_together(one.writer.texts(mails))
        said = one.heard.statements()
        assert len(said) <= KEEP + 1, said  # and the COMMIT of what kept the writer busy
        assert one.desk.desk.step() == mails
        said = one.heard.statements()
        assert len(said) <= DECIDE, said
        batches = 0
        while one.desk.sending.step():
            batches += 1
        said = one.heard.statements()
        assert len(said) <= SEND * batches + LOOK, said
        assert batches <= 1 + 2 * mails // BATCH
    postgres.give_back(database)


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with rows in every table of a mail's path; its name."""
    path, database = tmp_path_factory.mktemp("large") / "desk.sqlite", postgres.migrated()
    fill(path, TICKETS)
    copy_over(path, postgres, database)
    yield database
    postgres.drop(database)


def copy_over(path: Path, server: Postgres, database: str) -> None:
    """All rows of a SQLite database; the tables that are short in it get more."""
    read = sqlite3.connect(path)
    with server.admin(database) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # foreign keys rest
        connection.execute("DELETE FROM ticket_number")
        for table in schema.metadata.sorted_tables:
            rows = read.execute(f"SELECT * FROM {table.name}")
            names = ", ".join(f'"{column[0]}"' for column in rows.description)
            with connection.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:  # type: ignore[arg-type]  # ours
                for row in rows:
                    copy.write_row(row)
            if filler := FILLERS.get(table.name):
                lines = f"{filler.format(tickets=TICKETS)} FROM generate_series(100001, 120000) AS n"
                connection.execute(f"INSERT INTO {table.name} {lines}")  # type: ignore[arg-type]  # ours
            if "id" in table.c and table.name != "ticket_number":
                last = f"(SELECT max(id) FROM {table.name})"
                connection.execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})")  # type: ignore[arg-type]  # ours
    read.close()
    with server.admin(database) as connection:
        connection.execute("VACUUM ANALYZE")


def live(one: Told, rounds: int) -> None:
    """New mail, replies, an agent's answer, mail that fails, promises that come due, mail that makes one of two
    tickets: all that the path of a mail asks of the store, often enough that the server may keep plans."""
    desk, writer = one.desk, one.writer
    one.keep_together(writer.texts(2))
    desk.settle()
    told = desk.sent_to(AGENT)[0]
    raw = reply(told, sender=AGENT, body="Done.\n\n#close", message_id=f"<a.{one.series}@people.example>")
    desk.receive(raw, [reply_address(told)], mail_from=AGENT, auth=AGENT)
    customer = f"new@{DOMAIN}"
    desk.refuse[customer] = SendResult(0, Sent.REFUSED, "550 5.1.1 unknown")
    for name, refs in (("one", "<p@x> "), ("two", "<q@x>"), ("both", "<p@x> <q@x>")):
        raw = mail(
            sender=customer,
            to=HELP,
            subject=name,
            body="Text.",
            message_id=f"<{name}.{one.series}@{DOMAIN}>",
            headers={"References": refs.replace("@", f".{one.series}@")},
        )
        desk.receive(raw, [HELP], mail_from=customer)
    desk.pass_time(days=3)
    for _ in range(rounds):
        one.keep_together(writer.texts(GROUP))
        desk.settle()
        one.keep_together(writer.old_replies(TICKETS, GROUP))
        desk.settle()


@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
def test_no_statement_reads_more_rows_on_a_large_desk(
    postgres: Postgres, large: str, tmp_path: Path, mode: str
) -> None:
    """Of every table that grows there are thousands of rows, and the server knows it; each statement of the path is
    really carried out. With plans for the values at hand and with plans for any values, which it may keep."""
    sizes = dict(postgres.rows(large, "SELECT relname::text, reltuples::int FROM pg_class WHERE relkind = 'r'"))
    with told(postgres, large, tmp_path, mode, plan_cache_mode=mode) as one:
        live(one, rounds=7 if mode == "auto" else 1)
        plans = one.heard.plans()[:]
        assert {"new", "merged"} <= set(one.desk.store.status()["tickets"])
    met = {table for plan in plans for table in plan.touched() if table in GROWING}
    assert {"blob", "intake", "ticket", "entry", "outbox", "contact", "thread_id", "thread_link", "seen"} <= met
    assert {table for table in met if sizes[table] < TICKETS} == set()
    far = {plan.sql: f"{plan.touched()}\n{plan}" for plan in plans if any(reads(plan))}
    assert not far, "\n\n".join(f"{sql}\n{plan}" for sql, plan in far.items())


def reads(plan: Plan) -> Iterator[str]:
    """The tables of which it read more than its share."""
    return (table for table, rows in plan.touched().items() if rows > MOST and table in GROWING)


def test_a_statement_that_reads_a_whole_table_would_be_found(postgres: Postgres, large: str, tmp_path: Path) -> None:
    with overheard(postgres, large) as heard:
        postgres.rows(large, "SELECT count(*) FROM outbox WHERE subject = 'x'")
        (plan,) = [plan for plan in heard.plans() if re.search("count", plan.sql)]
        assert plan.touched()["outbox"] > MOST


# --- the queue --------------------------------------------------------------------------------------------------------


def test_a_claim_reads_the_same_rows_however_long_the_queue_is(postgres: Postgres, tmp_path: Path) -> None:
    """As `test_a_claim_costs_the_same_however_long_the_queue_is` on SQLite. The server was never told how long it is:
    its figures are those of an empty outbox, as they are at the beginning of an outage."""
    few, many = (_claim_reads(postgres, tmp_path / str(size), size) for size in (50, 800))
    assert few[0] > 0
    assert all(large <= small + 20 for small, large in zip(few, many, strict=True)), (few, many)


def _claim_reads(server: Postgres, folder: Path, people: int) -> list[int]:
    """With everything due; with the first mail of each person put off; with all but the last refused for now."""
    folder.mkdir()
    database = server.migrated()
    with server.admin(database) as connection:
        connection.execute("ALTER TABLE outbox SET (autovacuum_enabled = off)")
        connection.execute("ANALYZE")
    with overheard(server, database) as heard:
        store = open_store(server.url(database), folder)
        make_ticket(store, 1)
        mails = [notice(1, f"{n}-{turn}", f"{n}@x") for n in range(people) for turn in range(3)]
        ids = [ref.id for ref in store.commit(commit(None, mails=mails)).result(60)]
        reads = [_due_reads(store, heard)]
        store.put_off(dict.fromkeys(ids[: 3 * people - 30 : 3], NOW + timedelta(hours=1))).result(60)
        reads.append(_due_reads(store, heard))
        results = [SendResult(number, Sent.LATER, "later") for number in ids[3 * people - 30 :: 3]]
        store.mark_sent(results, NOW, Retry(), lambda: 0.0).result(60)
        reads.append(_due_reads(store, heard))
        store.close()
    server.drop(database)
    return reads


def _due_reads(store: Store, heard: Overheard) -> int:
    before = len(heard.plans())
    store.unclaim_outbox([mail.id for mail in store.claim_outbox(20, NOW)])
    kept(store)  # what was given back is written
    return sum(plan.touched()["outbox"] for plan in heard.plans()[before:] if "SKIP LOCKED" in plan.sql)
