"""One mail after another, and for each the daemon is killed at another moment of its way (faults 1 to 7): what is on
disk then, and what has become of the mail in the next life."""

from __future__ import annotations

import email
import shutil
import socket
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.running import AGENT, HELP, Gateway, NotKept, desk_in, eventually, id_of, letter, places
from tests.servers.faulty_relay import FaultyRelay


class OneDesk:
    """The desk and what is told of it, life by life."""

    def __init__(self, folder: Path, relay: FaultyRelay) -> None:
        self.gateway, self.relay = desk_in(folder / "desk", relay=relay.port), relay
        self._folder = folder
        self.kept: list[str] = []

    def live(self, *moment: str) -> None:
        """The next life; what the last one left undone is done first. It then dies at the moment, or is killed."""
        if self.gateway.process is not None:
            self.gateway.kill()
        when = self._folder / "when"
        when.unlink(missing_ok=True)
        program = ("-m", "tests.faults.dying", *moment) if moment else ()
        self.gateway.start(program=program, environ={"DYING_WHEN": str(when)})
        self.gateway.settle()
        if moment:
            when.touch()

    def on_disk(self, query: str) -> Any:
        """The first value, from a copy: the next life finds the disk as the dead one left it."""
        shutil.rmtree(self._folder / "copy", ignore_errors=True)
        shutil.copytree(self.gateway.state, self._folder / "copy", ignore=shutil.ignore_patterns("control"))
        with closing(sqlite3.connect(self._folder / "copy" / "gateway.sqlite")) as made:
            return made.execute(query).fetchone()[0]

    def state(self) -> tuple[int, int, int]:
        """How many mails are (kept, decided on, sent)."""
        ask = "SELECT count(*) FROM "
        return (
            self.on_disk(ask + "intake"),
            self.on_disk(ask + "intake WHERE state = 'done'"),
            self.on_disk(ask + "outbox WHERE state = 'sent'"),
        )

    def send(self, name: str) -> bool:
        """Whether 250 was said."""
        try:
            self.gateway.send(letter(name), mail_from=f"customer{name}@customer.example")
        except NotKept:
            return False
        return True

    def dead(self) -> None:
        eventually(lambda: self.gateway.returncode is not None, "it dies")

    def begin(self, *lines: bytes) -> None:
        """A client that gets as far as this when the daemon is killed."""
        with socket.create_connection(("127.0.0.1", self.gateway.smtp)) as client, client.makefile("rb") as heard:
            heard.readline()
            for line in lines:
                client.sendall(line)
                if not line.startswith(b"Subject:"):
                    assert heard.readline()[:1] in (b"2", b"3")
            self.gateway.kill()


ENVELOPE = (b"HELO x\r\n", b"MAIL FROM:<kim@customer.example>\r\n", f"RCPT TO:<{HELP}>\r\n".encode())


@pytest.mark.timeout(240)
def test_each_moment_of_the_way_of_a_mail(tmp_path: Path) -> None:
    with FaultyRelay() as relay:
        desk = OneDesk(tmp_path, relay)
        try:
            desk.live()
            desk.begin(*ENVELOPE)  # 1: before DATA
            assert desk.state() == (0, 0, 0)
            desk.live()
            desk.begin(*ENVELOPE, b"DATA\r\n", b"Subject: half of it\r\n\r\nand no")  # 2: during DATA
            assert desk.state() == (0, 0, 0)
            desk.live("committed", "keep", "1")  # 3: between the commit and the 250
            assert not desk.send("3")
            desk.dead()
            assert desk.state() == (1, 0, 0)
            desk.live("begin", "commit", "1")  # 4: after the 250, before anything is decided
            assert desk.send("3")  # the sender's retry: the same mail
            desk.dead()
            assert desk.state() == (2, 1, 2)
            desk.live("written", "commit", "1")  # 5: decided, and not committed
            assert desk.send("5")
            desk.dead()
            assert desk.state() == (3, 2, 2)
            desk.live("committed", "commit", "1")  # 6: committed, and nothing sent
            assert desk.send("6")
            desk.dead()
            assert desk.state() == (4, 4, 4)
            taken = len(relay.taken)
            desk.live("handed", "-", "1")  # 7: sent, and not recorded
            assert len(relay.taken) == taken + 2
            assert desk.send("7")
            desk.dead()
            assert desk.state() == (5, 5, 6)
            desk.live()
            check(desk.gateway, relay)
        finally:
            desk.gateway.close()


def check(gateway: Gateway, relay: FaultyRelay) -> None:
    where = places(gateway.tickets())
    assert {name: len(found) for name, found in where.items()} == {id_of(name): 1 for name in "3567"}
    assert gateway.stop() == 0
    out = Counter((one.recipient, email.message_from_bytes(one.data)["In-Reply-To"], one.data) for one in relay.taken)
    for name in "3567":
        to_customer = [times for (to, of, _), times in out.items() if of == id_of(name) and to != AGENT]
        to_agent = [times for (to, of, _), times in out.items() if of == id_of(name) and to == AGENT]
        assert (len(to_customer), len(to_agent)) == (1, 1)
        assert (sum(to_customer + to_agent) > 2) == (name == "7")  # the last one again, octet for octet
