"""CPU a stage costs for one mail, and the whole path, in one process: `make bench`.

Each figure is the median of several rounds, in µs of CPU. The floor is what the same machine needs in the same run to
insert a 2 KB row with sqlite3, synced, in groups of 50. Rates depend on the machine; ratios to the floor travel.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from bench.letters import Writer
from gateway.flow.think import Thought, decide_thought, understand_intake
from gateway.flow.write import Words, encoded, words_of, write_mails
from gateway.mail.limits import scan
from gateway.mail.mime import Content
from gateway.mail.parse import read_message
from gateway.model import Decision, Envelope, Intake, Received, Source
from gateway.options import ReadLimits
from tests.flow.clients import mail
from tests.flow.desk_under_test import DeskUnderTest
from tests.flow.test_any_order import OPEN_CAPS

ROUNDS, MAILS, PAGES = 5, 200, 40
GROUPS = (5, 1)
TEXT = "Chào quý công ty, website của chúng tôi báo lỗi khi thanh toán, nhờ kiểm tra giúp. "


def letters(count: int, run: int) -> list[bytes]:
    """2 KB mails of distinct senders and bodies."""
    return [
        mail(
            sender=f"khach{run}x{n}@khach.example",
            to="kythuat@desk.example",
            subject=f"Lỗi thanh toán số {n}",
            body=f"{run}.{n} " + TEXT * 14,
            message_id=f"<{run}.{n}@khach.example>",
        )
        for n in range(count)
    ]


def pages(run: int) -> list[bytes]:
    """HTML pages of full size beside their plain text, as `bench.letters` has them."""
    return [letter.head + letter.tail for letter in Writer(f"stages{run}").pages(PAGES)]


def cpu_per(work: Callable[[], object], count: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / count * 1e6


def stages(desk: DeskUnderTest, run: int) -> dict[str, float]:
    raws, limits = letters(MAILS, run), ReadLimits()
    intakes = [
        Intake(0, Source.SMTP, Envelope("a@b.example", ("kythuat@desk.example",)), raw, desk.now) for raw in raws
    ]
    messages = [read_message(raw, limits) for raw in raws]
    found = {
        "scan": cpu_per(lambda: [scan(raw, limits) for raw in raws], MAILS),
        "read": cpu_per(lambda: [read_message(raw, limits) for raw in raws], MAILS),
        "understand": cpu_per(
            lambda: [understand_intake(i, m, desk.current, desk.now) for i, m in zip(intakes, messages, strict=True)],
            MAILS,
        ),
    }
    thoughts = [understand_intake(i, m, desk.current, desk.now) for i, m in zip(intakes, messages, strict=True)]
    found |= writing(desk, thoughts)
    html = pages(run)
    read = [read_message(raw, limits, scanned=True) for raw in html]
    intake = Intake(0, Source.SMTP, Envelope("a@b.example", ("kythuat@desk.example",)), b"", desk.now)
    found["page of HTML: scan"] = cpu_per(lambda: [scan(raw, limits) for raw in html], PAGES)
    found["page of HTML: read"] = cpu_per(lambda: [read_message(raw, limits, scanned=True) for raw in html], PAGES)
    found["page of HTML: understand"] = cpu_per(
        lambda: [understand_intake(intake, message, desk.current, desk.now) for message in read], PAGES
    )
    for raw in raws:
        desk.receive(raw, ["kythuat@desk.example"], mail_from="a@khach.example", settle=False)
    began, clock = time.process_time(), time.perf_counter()
    while desk.desk.step():
        pass
    found["desk: claim to commit"] = (time.process_time() - began) / MAILS * 1e6
    found["desk, wall"] = (time.perf_counter() - clock) / MAILS * 1e6
    began = time.process_time()
    while desk.sending.step():
        pass
    found["outbox: claim to mark, 3 mails"] = (time.process_time() - began) / MAILS * 1e6
    for size in GROUPS:
        found |= in_groups(desk, run, size)
    return found


def writing(desk: DeskUnderTest, thoughts: Sequence[Thought]) -> dict[str, float]:
    """From facts to octets: an acknowledgement, and a notice that goes to two agents."""
    current, now = desk.current, desk.now
    facts = iter(desk.store.facts_many([query for thought in thoughts for query in thought.queries]))
    known = [[next(facts) for _ in thought.queries] for thought in thoughts]
    decisions: list[Decision] = []
    words: list[Words] = []
    entities: list[list[Content]] = []

    def decided() -> None:
        number = max(one.next_number for ones in known for one in ones)
        for thought, ones in zip(thoughts, known, strict=True):
            decision, took = decide_thought(thought, ones, current, now, number)
            decisions.append(decision)
            number += took

    return {
        "decide": cpu_per(decided, MAILS),
        "render, 2 notices": cpu_per(lambda: words.extend([words_of(one, current) for one in decisions]), MAILS),
        "encode, 2 notices": cpu_per(
            lambda: entities.extend([encoded(one, said) for one, said in zip(decisions, words, strict=True)]), MAILS
        ),
        "compose, 3 mails": cpu_per(
            lambda: [write_mails(one, current, now, made) for one, made in zip(decisions, entities, strict=True)], MAILS
        ),
    }


def in_groups(desk: DeskUnderTest, run: int, size: int) -> dict[str, float]:
    """What the daemon does for each 2 KB mail but for sockets, when so many come at a time: a daemon that is not
    overloaded has small groups, and what a group costs whatever its size counts."""
    raws = letters(MAILS // 2, 1000 * (run + 1) + size)
    spent = dict.fromkeys(("keep", "desk", "outbox"), 0.0)
    for first in range(0, len(raws), size):
        received = [
            Received(Source.SMTP, Envelope("a@khach.example", ("kythuat@desk.example",)), raw, desk.now)
            for raw in raws[first : first + size]
        ]
        marks = [time.process_time()]
        for kept in [desk.store.accept(one) for one in received]:
            kept.result(timeout=30)
        marks.append(time.process_time())
        while desk.desk.step():
            pass
        marks.append(time.process_time())
        while desk.sending.step():
            pass
        marks.append(time.process_time())
        for name, (begin, end) in zip(spent, pairwise(marks), strict=True):
            spent[name] += end - begin
    return {f"groups of {size}: {name}": cpu / len(raws) * 1e6 for name, cpu in spent.items()}


def floor(folder: Path) -> float:
    connection = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS row (id INTEGER PRIMARY KEY, content BLOB)")

    def insert() -> None:
        for _ in range(MAILS // 50):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO row (content) VALUES (?)", [(b"x" * 2048,)] * 50)
            connection.execute("COMMIT")

    return cpu_per(insert, MAILS)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        desk = DeskUnderTest(folder, caps=OPEN_CAPS)
        rounds = [{**stages(desk, run), "floor: sqlite3 insert": floor(folder)} for run in range(ROUNDS)]
        desk.close()
    medians = {key: round(statistics.median(one[key] for one in rounds), 1) for key in rounds[0]}
    if "--json" in sys.argv:
        print(json.dumps(medians))
        return
    for key, value in medians.items():
        print(f"{key:34} {value:9.1f} µs a mail")


if __name__ == "__main__":
    main()
