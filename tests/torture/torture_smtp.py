"""Every attack on the SMTP ports at once, again and again, on a desk with the limits it has by default; honest senders
among them, whose every mail is a ticket once.

.venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_smtp.py
"""

from __future__ import annotations

import asyncio
import multiprocessing
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.faults import attackers
from tests.faults.attackers import CANARY, MIB, REFUSED, TRUSTED, Attack, Ends, connection, large_mail, watched
from tests.faults.running import AGENT, HELP, PASSWORD, Gateway, desk_in, eventually, id_of, letter, places
from tests.servers.certificates import make_authority, make_certificate
from tests.torture.progress import Progress

ATTACKED = 400.0  # seconds: longer than the time for DATA
IDLE, DATA = 60.0, 300.0  # seconds, as in docs/configuration.md
WHILE = 120.0  # seconds for what is much work on either side
SLACK = 30.0  # seconds that an end may come late on two busy processors
CALM = 600.0  # seconds until all is done, once the attackers have gone
ANSWERED = 5.0  # seconds: the promise
TIMED_OUT = "421 4.4.2 timed out, try again later"
CROWD = "421 4.7.0 too many connections, try again later"
NUISANCE = "421 4.7.0 too many errors"
TOO_BIG = "552 5.3.4 message too big"
NO_ROOM = "452 4.3.1 too much large mail at once, try again later"


@dataclass(frozen=True)
class Siege:
    """So many connections of one kind, each begun anew when it has ended. How one ends that got in: the last replies
    there may be, and after how many seconds at the latest."""

    attack: Attack
    many: int
    replies: tuple[str, ...]
    longest: float

    @property
    def name(self) -> str:
        return str(getattr(self.attack, "__name__", "large mail"))


SMTP = (
    Siege(attackers.silence, 60, (TIMED_OUT,), IDLE),
    Siege(attackers.silence_in_data, 10, (TIMED_OUT,), IDLE),
    Siege(attackers.tls_and_silence, 10, ("220 Ready to start TLS",), IDLE),
    Siege(attackers.drip_commands, 10, (TIMED_OUT,), IDLE),
    Siege(attackers.drip_data, 10, (TIMED_OUT,), DATA),
    Siege(attackers.begin_over_and_over, 5, (NUISANCE,), IDLE),
    Siege(attackers.endless_command, 3, ("500 5.5.2 line too long",), WHILE),
    Siege(attackers.endless_line, 3, ("554 5.6.0 a line is too long",), WHILE),
    Siege(attackers.endless_header, 3, (TOO_BIG, NO_ROOM), WHILE),
    Siege(attackers.short_lines, 3, (TOO_BIG, NO_ROOM), WHILE),
    Siege(attackers.many_recipients, 3, (NUISANCE,), IDLE),
    Siege(attackers.many_unknown, 3, (NUISANCE,), IDLE),
    Siege(attackers.no_operations, 3, (NUISANCE,), IDLE),
    Siege(attackers.garbage, 3, (NUISANCE,), IDLE),
    Siege(attackers.never_reads, 3, ("220 desk.example ESMTP", NUISANCE), IDLE),
    Siege(large_mail(3 * MIB), 2, ("221 2.0.0 bye", NO_ROOM), WHILE),
    Siege(attackers.come_and_go, 3, ("", "220 desk.example ESMTP"), IDLE),
)
SUBMISSION = (Siege(attackers.guess_passwords, 30, ("421 4.7.0 too many failed logins, slow down",), WHILE),)


def besiege(port: int, sieges: Sequence[Siege], network: int) -> list[Ends]:
    """In a process of its own: all of them, until the time is over; how their connections ended, in their order."""
    ends, numbers, over = [Ends() for _ in sieges], count(), time.monotonic() + ATTACKED

    async def one(siege: Siege, into: Ends) -> None:
        source = f"127.{network}.{1 + next(numbers) % 250}.1"
        while time.monotonic() < over - siege.longest:
            await connection(port, siege.attack, source, siege.longest + SLACK, into)
            await asyncio.sleep(0.2)

    async def all_of_them() -> None:
        await asyncio.gather(
            *(one(siege, into) for siege, into in zip(sieges, ends, strict=True) for _ in range(siege.many))
        )

    asyncio.run(all_of_them())
    return ends


@dataclass
class Honest:
    """One who sends a mail, again and again until 250 is said, and then the next."""

    name: str
    send: Callable[[str, bytes], None]
    rest: float
    kept: list[str] = field(default_factory=list)
    tries: int = 0
    worst: float = 0.0  # seconds until an answer, of whatever kind
    left: bool = False  # with a mail that nobody would take

    def work(self, stop: threading.Event, give_up: threading.Event) -> None:
        while not stop.is_set():
            name = f"{self.name}-{len(self.kept)}"
            while not self._kept(name):
                if give_up.wait(0.5):
                    self.left = True
                    return
            self.kept.append(name)
            stop.wait(self.rest)

    def _kept(self, name: str) -> bool:
        began = time.monotonic()
        self.tries += 1
        try:
            self.send(f"{name}@customer.example", letter(name, sender=f"{name}@customer.example"))
        except (OSError, smtplib.SMTPException):
            return False
        finally:
            self.worst = max(self.worst, time.monotonic() - began)
        return True


@contextmanager
def honest(gateway: Gateway) -> Iterator[list[Honest]]:
    """Some by the trusted relay, some on their own, and an agent; at the end each has been rid of what they had."""

    def by_smtp(source: str) -> Callable[[str, bytes], None]:
        def send(sender: str, raw: bytes) -> None:
            with smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=60, source_address=(source, 0)) as client:
                client.sendmail(sender, [HELP], raw)

        return send

    def agent(_sender: str, raw: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", gateway.submission, timeout=60) as client:
            client.login(AGENT, PASSWORD)
            client.sendmail(AGENT, [HELP], raw)

    people = [Honest(f"relayed{number}", by_smtp(CANARY), 0.3) for number in range(4)]
    people += [Honest(f"direct{number}", by_smtp(f"127.0.{100 + number}.1"), 0.3) for number in range(4)]
    people.append(Honest("agent", agent, 3.0))
    stop, give_up = threading.Event(), threading.Event()
    threads = [threading.Thread(target=one.work, args=(stop, give_up)) for one in people]
    for thread in threads:
        thread.start()
    try:
        yield people
        stop.set()
        for thread in threads:
            thread.join(CALM)
    finally:
        stop.set()
        give_up.set()
        for thread in threads:
            thread.join(60)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    make_authority(tmp_path)
    cert, key = make_certificate(tmp_path)
    made = desk_in(tmp_path / "desk")
    text = made.config.read_text("utf-8")
    for port in (made.smtp, made.submission):
        said = f"port: {port}, hostname: desk.example"
        text = text.replace(said, f"{said}, tls_cert: {cert}, tls_key: {key}, {TRUSTED}")
    made.config.write_text(text, "utf-8")
    made.start()
    yield made
    made.close()


@pytest.mark.timeout(3600)
def test_all_attacks_at_once(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(capsys, "attacks")
    with (
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool,
        watched(gateway) as toll,
        honest(gateway) as people,
    ):
        eventually(lambda: all(one.kept for one in people), "each has been here before the attackers come")
        running = [
            pool.submit(besiege, gateway.smtp, SMTP, 1),
            pool.submit(besiege, gateway.submission, SUBMISSION, 2),
        ]
        while not all(one.done() for one in running):
            mails = sum(len(one.kept) for one in people)
            progress.tell(f"{mails} honest mails kept, the worst answer {toll.worst:.1f} s, {toll.peak // MIB} MiB")
            time.sleep(1.0)
        ends = [end for one in running for end in one.result()]
    for siege, end in zip(SMTP + SUBMISSION, ends, strict=True):
        progress.result(f"{siege.name}: {end}")
    for one in people:
        progress.result(f"{one.name}: {len(one.kept)} mails kept, {one.tries} tries, worst answer {one.worst:.1f} s")
    total = sum((end.count for end in ends), Counter[str]())
    progress.result(f"{total.total()} connections, {total[CROWD]} turned away; {toll.peak // MIB} MiB at most")
    for siege, end in zip(SMTP + SUBMISSION, ends, strict=True):
        _as_it_should(siege, end)
    assert total.total() > 2000
    assert toll.trouble == []
    assert toll.peak < 512 * MIB
    assert max(toll.worst, *(one.worst for one in people)) < ANSWERED
    _each_is_a_ticket_once(gateway, people)


def _as_it_should(siege: Siege, end: Ends) -> None:
    said = f"{siege.name}: {end}"
    got_in = {reply: took for reply, took in end.after.items() if reply != CROWD}
    assert got_in, said
    assert got_in.keys() <= set(siege.replies), said
    assert max(map(max, got_in.values())) <= siege.longest + SLACK, said
    assert REFUSED not in end.after, said


def _each_is_a_ticket_once(gateway: Gateway, people: Sequence[Honest]) -> None:
    assert [one.name for one in people if one.left or not one.kept] == []
    assert all(one.tries == len(one.kept) for one in people if one.name.startswith(("relayed", "agent")))
    gateway.settle(CALM)
    where = places(gateway.tickets())
    names = [name for one in people for name in one.kept]
    assert {name: len(where.get(id_of(name), [])) for name in names} == dict.fromkeys(names, 1)
    assert gateway.health()[0] == 200
    assert "Traceback" not in gateway.log()
    assert gateway.stop() == 0
    assert gateway.sound()
