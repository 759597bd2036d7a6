"""What of the gateway's speed does not depend on the clock: statements, syncs, growth (docs/performance.md).

Bounds on statements are exact: a statement more on the way of every mail is a decision, taken by changing the bound.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.counted import told_of_each_statement
from bench.desk import desk_at
from bench.letters import Letter, Writer, customers_of
from bench.measure import Bench, measure
from bench.prepare import DESK, fill
from bench.processes import Relay
from bench.records import Job
from bench.rules import rulebook
from bench.shim import Syncs
from gateway.flow.send import BATCH
from tests.faults.running import eventually
from tests.flow.desk_under_test import DeskUnderTest
from tests.flow.test_any_order import OPEN_CAPS
from tests.store.test_store_writer import stopped

KEEP, DECIDE, SEND = 5, 39, 8  # statements of one group: BEGIN, COMMIT and the reads before it included
LOOK = 3  # statements with which desk and sender each see that nothing waits
FEW, MANY = 1_000, 20_000  # tickets
ROUNDS = 8
SMALL = {"ticket_number", "tally", "desk_hold"}  # a row; a row for each minute of an hour; a row or none
MOST_SYNCS = 0.3  # of one mail
SLACK = 1.4  # processor time: what a busy machine may add to a ratio


@dataclass
class Counted:
    """A desk that runs by hand, and what it said to the database since the last `taken`."""

    desk: DeskUnderTest
    writer: Writer
    said: list[str] = field(default_factory=list)

    def keep(self, letters: list[Letter]) -> None:
        for letter in letters:
            raw = letter.head + letter.tail
            self.desk.receive(raw, [letter.recipient], mail_from=letter.sender, settle=False)

    def keep_together(self, letters: list[Letter]) -> None:
        """As if all had come while the writer was busy."""
        said = len(self.said)
        with ThreadPoolExecutor(len(letters)) as senders, stopped(self.desk.store):
            for letter in letters:
                senders.submit(self.keep, [letter])
            eventually(lambda: self._queued() == len(letters), "all are handed over")
        del self.said[said : said + 2]  # BEGIN and COMMIT of what kept the writer busy

    def _queued(self) -> int:
        writer = self.desk.store._parts.writer
        return writer._jobs.qsize() if writer else 0

    def taken(self) -> list[str]:
        said = self.said[:]
        self.said.clear()
        return said


@contextmanager
def counted(folder: Path, series: str, tickets: int = 0) -> Iterator[Counted]:
    """On a database of so many prepared tickets, or an empty one; its first mail is behind it."""
    folder.mkdir(exist_ok=True)
    if tickets:
        fill(folder / "desk.sqlite", tickets)
    said: list[str] = []
    with told_of_each_statement(said.append, within=str(folder)):
        rules = {"rulebook.yaml": rulebook()}
        desk = DeskUnderTest(folder, rules=rules, caps=OPEN_CAPS, options=DESK, start=datetime.now(UTC))
        try:
            made = Counted(desk, Writer(series, customers_of(tickets)), said)
            made.keep(made.writer.texts(2))
            desk.settle()
            made.taken()
            yield made
        finally:
            desk.close()


def shape(statement: str) -> str:
    """A statement without the number of its values and rows."""
    return re.sub(r"\(\?\)(?:, \(\?\))+", "(?)", re.sub(r"\(\?(?:, \?)*\)", "(?)", statement))


# --- statements -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mails", [1, 20])
def test_a_group_costs_the_same_statements_whatever_its_size(tmp_path: Path, mails: int) -> None:
    """New mail: kept, decided with a ticket, an acknowledgement and an agent's copy, both of them sent."""
    with counted(tmp_path, f"group{mails}") as one:
        one.keep_together(one.writer.texts(mails))
        said = one.taken()
        assert len(said) <= KEEP, said
        assert one.desk.desk.step() == mails
        said = one.taken()
        assert len(said) <= DECIDE, said
        batches = 0
        while one.desk.sending.step():
            batches += 1
        said = one.taken()
        assert len(said) <= SEND * batches + LOOK, said
        assert batches <= 1 + 2 * mails // BATCH


def test_a_desk_with_nothing_to_do_hardly_looks(tmp_path: Path) -> None:
    with counted(tmp_path, "idle") as one:
        assert one.desk.desk.step() == 0
        assert len(one.taken()) <= LOOK
        assert one.desk.sending.step() == 0
        assert len(one.taken()) <= LOOK


# --- growth -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Counted, Counted]]:
    """One with few tickets and one with many."""
    folder = tmp_path_factory.mktemp("growth")
    with counted(folder / "few", "few", FEW) as few, counted(folder / "many", "many", MANY) as many:
        yield few, many


def _kinds(one: Counted, tickets: int) -> dict[str, Callable[[], list[Letter]]]:
    return {"new": lambda: one.writer.texts(20), "reply": lambda: one.writer.old_replies(tickets, 20)}


@pytest.mark.parametrize("kind", ["new", "reply"])
def test_statements_do_not_grow_with_tickets(two_desks: tuple[Counted, Counted], kind: str) -> None:
    said = []
    for one, tickets in zip(two_desks, (FEW, MANY), strict=True):
        one.keep_together(_kinds(one, tickets)[kind]())
        one.desk.settle()
        said.append(sorted(shape(statement) for statement in one.taken()))
    assert said[0] == said[1]


def test_no_statement_on_the_way_of_a_mail_reads_a_whole_table(two_desks: tuple[Counted, Counted]) -> None:
    """Asked of SQLite's own planner, for everything that is said while new mail and replies go through."""
    many = two_desks[1]
    for make in _kinds(many, MANY).values():
        many.keep_together(make())
        many.desk.settle()
    plans = []
    with many.desk.store._parts.read() as connection:
        for statement in dict.fromkeys(many.taken()):
            if statement.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
                nothing = (None,) * statement.count("?")
                plans += [
                    (row[3], statement)
                    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nothing)
                ]
    assert plans
    whole = [plan for plan in plans if plan[0].startswith("SCAN ") and "CONSTANT ROW" not in plan[0]]
    assert [plan for plan in whole if plan[0].split()[1] not in SMALL] == []


@pytest.mark.parametrize("kind", ["new", "reply"])
def test_processor_time_does_not_grow_with_tickets(two_desks: tuple[Counted, Counted], kind: str) -> None:
    """The least of several interleaved rounds: what others do on the machine only ever adds."""
    least = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for place, (one, tickets) in enumerate(zip(two_desks, (FEW, MANY), strict=True)):
            one.keep_together(_kinds(one, tickets)[kind]())
            began = time.process_time()
            one.desk.settle()
            least[place] = min(least[place], time.process_time() - began)
    assert least[1] <= SLACK * least[0], f"{least[1] / least[0]:.2f} times as dear on {MANY} tickets as on {FEW}"


# --- the real daemon --------------------------------------------------------------------------------------------------


def test_twenty_connections_share_their_syncs(tmp_path: Path) -> None:
    """On a disk that takes 2 ms for a sync, as one that does not lie about it does."""
    syncs = Syncs(tmp_path / "shim")
    with Relay(tmp_path) as relay:
        desk = desk_at(tmp_path / "desk", relay.port, environ=syncs.environ)
        try:
            desk.start()
            syncs.slow_by(0.002)
            bench, job = Bench(tmp_path, relay, syncs), Job(desk.port, Writer("syncs").texts(300), 20)
            figures = measure(bench, desk, job).figures
            desk.stop()
        finally:
            desk.gateway.close()
    assert 0 < figures["syncs"] <= MOST_SYNCS
