"""Backup beside the running daemon, and the desk that comes back from it (faults 54 and 55)."""

from __future__ import annotations

import email
import json
import re
import threading
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from gateway.cli import main
from gateway.model import Envelope, Received, Source
from gateway.store import schema
from gateway.store.store import Store, open_store
from tests.faults.relays import RelayAt
from tests.faults.running import HELP, Gateway, NotKept, desk_in, eventually, id_of, letter, places
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres

LARGE = "x" * 70 + "\n"
FILE_FROM = 300 * 1024 // len(LARGE)  # lines of a mail whose octets are in a file


def typed(gateway: Gateway, *words: str, status: int = 0) -> str:
    """What a command says; run in this process, which is a second sooner than in one of its own."""
    result = CliRunner().invoke(main, [*words, "-c", str(gateway.config)])
    assert result.exit_code == status, (words, result.output, result.exception)
    return result.output


def told(gateway: Gateway, *words: str) -> Any:
    return json.loads(typed(gateway, *words, "--json"))


def tickets(gateway: Gateway) -> list[dict[str, Any]]:
    return list(told(gateway, "tickets")["tickets"])


def url_of(gateway: Gateway) -> str:
    found = re.search(r"^database_url: (\S+)$", gateway.config.read_text("utf-8"), re.M)
    return found[1] if found else f"sqlite:///{gateway.database}"


def opened(gateway: Gateway) -> Store:
    return open_store(url_of(gateway), gateway.state, lock=False, read_only=True)


def of(server: Postgres) -> str:
    """The line of gateway.yaml that puts the desk into an empty database."""
    return f"database_url: {server.url(server.create())}"


def message_ids(store: Store, ids: range) -> dict[str, int]:
    """Message-ID of what came in → its intake id."""
    found = {}
    for number in ids:
        match = re.search(rb"^Message-ID: (\S+)", store.raw(number), re.M | re.I)
        assert match is not None
        found[match[1].decode()] = number
    return found


def consistent(gateway: Gateway, surely: set[str], possibly: set[str]) -> None:
    """Sound, and one moment of the desk: every mail kept before the backup began, none that was sent after it ended;
    each mail waits or has its outcome; tickets, their entries and their acknowledgements agree."""
    store = opened(gateway)
    try:
        assert store.check() == []
        counts = store.status()["intake"]
        many = sum(counts.values()) - 1  # the record of the restore
        mails = message_ids(store, range(1, many + 1))
        assert surely <= set(mails) <= possibly
        in_tickets = places(store.tickets({}, "FLT"))
        assert all(len(numbers) == 1 for numbers in in_tickets.values())
        decided = {message_id for message_id, number in mails.items() if store.outcomes(number)}
        assert decided == set(in_tickets)
        assert counts.get("waiting", 0) == len(mails) - len(decided)
        for numbers in in_tickets.values():
            ticket = store.ticket(numbers[0])
            assert ticket is not None
            kinds = sorted(mail["kind"] for mail in ticket["outbox"])
            assert kinds == ["acknowledgement", "agent-notice"], kinds
            assert {mail["state"] for mail in ticket["outbox"]} <= {"hold", "sent"}
    finally:
        store.close()


class Writers:
    """Customers who write while the backups are made."""

    def __init__(self, gateway: Gateway, threads: int = 3) -> None:
        self.kept: set[str] = set()
        self.begun: set[str] = set()
        self._gateway = gateway
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(one,)) for one in range(threads)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _write(self, one: int) -> None:
        number = one
        while not self._stop.is_set():
            number += len(self._threads)
            body = f"Question {number}\n" + LARGE * (FILE_FROM if number % 7 == 0 else 2)
            self.begun.add(id_of(number))
            try:
                self._gateway.send(letter(number, body), mail_from=f"customer{number}@customer.example")
            except NotKept:
                continue
            self.kept.add(id_of(number))
            self._stop.wait(0.03)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_backup_in_a_loop_while_mail_is_written(tmp_path: Path, engine: str, postgres: Postgres) -> None:
    """Fault 55. What one engine wrote, the other is filled with, and back."""
    more = "caps: {tickets_hour: 100000, breaker_hour: 100000}" + (f"\n{of(postgres)}" if engine != "sqlite" else "")
    with FaultyRelay() as relay:
        gateway = desk_in(tmp_path / "desk", relay=relay.port, more=more)
        gateway.start()
        try:
            made = []
            with Writers(gateway) as writers:
                for number in range(2):
                    eventually(lambda many=20 * (number + 1): len(writers.kept) >= many, "mail is written")
                    surely = set(writers.kept)
                    path = tmp_path / f"backup{number}.tar.gz"
                    gateway.command("backup", str(path))
                    made.append((path, surely, set(writers.begun)))
        finally:
            gateway.close()
    assert made[0][0].stat().st_mode & 0o777 == 0o600
    for number, (path, surely, possibly) in enumerate(made):
        other = desk_in(tmp_path / f"restored{number}", relay=free_port(), more=of(postgres) if number else "")
        assert f"{path}: whole" in typed(other, "backup", "--verify", str(path))
        typed(other, "restore", str(path))
        consistent(other, surely, possibly)


# --- yesterday's backup ---------------------------------------------------------------------------------------------


@pytest.fixture
def port() -> int:
    return free_port()


def lose(gateway: Gateway, server: Postgres) -> None:
    """The machine is lost, and so is the server's database; an empty one of the same name is there."""
    gateway.kill()
    gateway.state.rename(gateway.root / f"lost{gateway.kills}")
    if (url := url_of(gateway)).startswith("postgresql"):
        server.empty(url.rpartition("/")[2])


@pytest.mark.parametrize("engine", ["sqlite"])  # on PostgreSQL in tests/torture/torture_backup.py
def test_yesterdays_backup_is_restored(tmp_path: Path, port: int, engine: str, postgres: Postgres) -> None:
    """Fault 54. The relay is down while the backup is made, so that mail waits; what waited then has gone out by the
    time the machine is lost. One mail is kept and not yet handled."""
    gateway = desk_in(tmp_path / "desk", relay=port, more=of(postgres) if engine == "postgresql" else "")
    gateway.start()
    try:
        for number in (1, 2, 3):
            gateway.send(letter(number, LARGE * (FILE_FROM if number == 3 else 1)))
        eventually(lambda: len(tickets(gateway)) == 3)
        gateway.stop()
        _keep_one_unhandled(gateway, 4)
        path = tmp_path / "yesterday.tar.gz"
        typed(gateway, "backup", str(path))
        gateway.start()
        for number in (5, 6):
            gateway.send(letter(number))
        eventually(lambda: len(tickets(gateway)) == 6)
        assert_refused(gateway, path, "another gateway runs on this state folder")
        with RelayAt(port) as relay:
            gateway.settle()
            out = {email.message_from_bytes(taken.data)["Message-ID"] for taken in relay.taken}
        given = {ticket["number"] for ticket in tickets(gateway)}
        gateway.stop()
        assert_refused(gateway, path, "not empty")
        lose(gateway, postgres)
        answer = told(gateway, "restore", str(path))
        assert (answer["held"], answer["left_out"], answer["next_ticket"]) == (6, 1000, 1004)
        with RelayAt(port) as relay:
            _on_hold(gateway, relay, given)
            _released(gateway, relay, out)
    finally:
        gateway.close()


def assert_refused(gateway: Gateway, path: Path, why: str) -> None:
    before = _files(gateway.state)
    said = typed(gateway, "restore", str(path), status=1)
    assert said.startswith("nothing was restored: ")
    assert why in said
    assert _files(gateway.state) == before


def _files(folder: Path) -> list[str]:
    """Those of SQLite itself come and go."""
    return sorted(str(one) for one in folder.rglob("*") if not one.name.endswith(("-wal", "-shm")))


def _keep_one_unhandled(gateway: Gateway, number: int) -> None:
    store = open_store(url_of(gateway), gateway.state)
    envelope = Envelope("customer4@customer.example", (HELP,), peer="127.0.0.1")
    store.accept(Received(Source.SMTP, envelope, letter(number), datetime.now(UTC))).result(30)
    store.close()


def _on_hold(gateway: Gateway, relay: RelayAt, given: set[int]) -> None:
    """Mail in is work as always; nothing goes out, not even after another start; nobody can overlook it."""
    gateway.start()
    eventually(lambda: len(tickets(gateway)) == 4)  # the one that was kept and not handled
    gateway.send(letter(7))
    eventually(lambda: len(tickets(gateway)) == 5)
    numbers = places(tickets(gateway))
    assert {numbers[id_of(number)][0] for number in (1, 2, 3)} <= given
    assert {numbers[id_of(4)][0], numbers[id_of(7)][0]} & given == set()
    gateway.stop()
    gateway.start()
    status, health = gateway.health()
    assert status == 503
    assert health["reasons"][0].startswith("on hold since ")
    assert "restored from a backup of" in told(gateway, "status")["status"]["on_hold"]["why"]
    assert "ON HOLD" in typed(gateway, "status")
    held = told(gateway, "outbox")
    assert held["on_hold"]["why"].startswith("restored from")
    assert [mail["state"] for mail in held["outbox"]] == ["hold"] * 10
    assert relay.taken == []


def _released(gateway: Gateway, relay: RelayAt, out: set[str]) -> None:
    """A person drops what is known to be out, lets one go, then the rest: in order, with the octets it had."""
    held = told(gateway, "outbox")["outbox"]
    first, second = held[0], held[1]
    typed(gateway, "outbox", "drop", str(first["id"]), "--reason", "it went out yesterday")
    assert "none of" in typed(gateway, "outbox", "drop", "99999", "--reason", "x", status=1)
    assert told(gateway, "outbox", "release", str(second["id"])) == {"released": 1, "ids": [second["id"]]}
    eventually(lambda: len(relay.taken) == 1)
    assert relay.taken[0].recipient == second["recipient"]
    assert gateway.health()[0] == 503
    assert told(gateway, "outbox", "release", "--all") == {"released": 8, "overdue": 0}
    eventually(lambda: len(relay.taken) == 9)
    gateway.settle()
    assert gateway.health()[0] == 200
    assert told(gateway, "status")["status"]["on_hold"] is None
    sent = [email.message_from_bytes(taken.data) for taken in relay.taken]
    again = [mail["Message-ID"] for mail in sent if mail["Message-ID"] in out]
    assert len(again) == len(set(again)) == 5  # of the six that waited in the backup, one was dropped
    agents = [mail["Subject"] for mail in sent if mail["To"] and "lan@people.example" in mail["To"]]
    assert len(agents) >= 4
    one = next(mail for mail in sent if parseaddr(mail["To"])[1] == "customer2@customer.example")
    box = parseaddr(one["Reply-To"] or one["From"])[1]
    assert "+" in box  # signed with the keys that came back
    reply = letter("reply", sender="customer2@customer.example", to=box, subject="Re: more")
    gateway.send(reply, to=box, mail_from="customer2@customer.example")
    eventually(lambda: places(tickets(gateway)).get(id_of("reply")) == places(tickets(gateway))[id_of(2)])


# --- the mailboxes give back what the backup has not ----------------------------------------------------------------


@pytest.mark.parametrize("engine", ["postgresql"])  # on SQLite in tests/torture/torture_backup.py
def test_mail_that_came_after_the_backup_is_read_again(
    tmp_path: Path, shared_dovecot: Dovecot, port: int, engine: str, postgres: Postgres
) -> None:
    """With Dovecot, and `after: move`: what was read lies in the archive folder. Moved back, as docs/backup.md says,
    the mail of the lost time is work again, and what the backup knows is recognised by its content."""
    user = shared_dovecot.fresh_user()
    mailbox = {
        "name": "box", "host": "localhost", "port": shared_dovecot.imaps_port, "user": user, "password": PASSWORD,
        "ca_file": str(shared_dovecot.ca_file), "address": HELP, "poll": "1s", "after": "move", "archive": "Done",
    }  # fmt: skip
    more = f"imap: {json.dumps([mailbox])}" + (f"\n{of(postgres)}" if engine == "postgresql" else "")
    gateway = desk_in(tmp_path / "desk", relay=port, more=more)
    old, new = [letter(f"old{number}") for number in range(3)], [letter(f"new{number}") for number in range(3)]
    shared_dovecot.append(user, letter("first"))
    try:
        with RelayAt(port) as relay:
            gateway.start()
            eventually(lambda: len(tickets(gateway)) == 1)
            shared_dovecot.append(user, *old)
            eventually(lambda: len(tickets(gateway)) == 4)
            gateway.settle()
            typed(gateway, "backup", str(tmp_path / "yesterday.tar.gz"))
            shared_dovecot.append(user, *new)
            eventually(lambda: len(tickets(gateway)) == 7)
            gateway.settle()
            before = {message_id: numbers[0] for message_id, numbers in places(tickets(gateway)).items()}
            lose(gateway, postgres)
            out = len(relay.taken)
            with shared_dovecot.client(user) as client:
                client.select_folder("Done")
                client.move(client.search(["ALL"]), "INBOX")
            typed(gateway, "restore", str(tmp_path / "yesterday.tar.gz"))
            gateway.start()
            eventually(lambda: len(tickets(gateway)) == 7)
            eventually(lambda: len(shared_dovecot.messages(user, "Done")) == 7 and not shared_dovecot.messages(user))
            eventually(lambda: gateway.health()[1]["waiting"] == 0)
            _the_same_but_for_the_new(gateway, before)
            assert len(relay.taken) == out
            held = told(gateway, "outbox")["outbox"]
            assert {mail["kind"] for mail in held} == {"acknowledgement", "agent-notice"}
            assert len(held) == 2 * len(new)  # and none for the duplicates
            typed(gateway, "outbox", "release", "--all")
            gateway.settle()
            again = [taken.recipient for taken in relay.taken[out:]]
            of_agent = [mail["id"] for mail in held if mail["recipient"] == "lan@people.example"]
            assert sorted(again) == sorted(mail["recipient"] for mail in held)
            assert of_agent == sorted(of_agent)
            subjects = [one["Subject"] for one in relay.mails_to("lan@people.example")[-3:]]
            assert [re.findall(r"Question new(\d)", str(subject)) for subject in subjects] == [["0"], ["1"], ["2"]]
    finally:
        gateway.close()


def _the_same_but_for_the_new(gateway: Gateway, before: dict[str, int]) -> None:
    now = places(tickets(gateway))
    assert now.keys() == before.keys()
    for message_id, numbers in now.items():
        assert len(numbers) == 1
        if "new" in message_id:
            assert numbers[0] > max(before.values())
        else:
            assert numbers == [before[message_id]]
    store = opened(gateway)
    outcomes = [
        row["outcome"]
        for number, state in _intake(store)
        for row in (store.outcomes(number) if state == "done" else [{"outcome": state}])
    ]
    store.close()
    assert sorted(outcomes) == sorted(["automatic", *["ticketed"] * 7, *["duplicate"] * 4])


def _intake(store: Store) -> list[tuple[int, str]]:
    with store.parts.read() as connection:
        rows = connection.execute(sa.select(schema.intake.c.id, schema.intake.c.state).order_by(schema.intake.c.id))
        return [(row.id, row.state) for row in rows]
