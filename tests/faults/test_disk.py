"""A disk without room or that cannot be written: 4xx to the senders, nothing lost, nothing sent twice, and all goes on
when it can (fault matrix rows 11 to 16).

Each fault has a way in that needs no root: a limit on file sizes, or a preloaded library that refuses writes. Where
root can mount, a real file system of 8 MB says the same.
"""

from __future__ import annotations

import os
import resource
import smtplib
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gateway.flow.send import BATCH
from tests.faults.refusing import FULL, READ_ONLY, RefusingDisk
from tests.faults.relays import RelayAt
from tests.faults.running import (
    AGENT,
    Gateway,
    NotKept,
    desk_in,
    digests,
    eventually,
    id_of,
    letter,
    mailbox,
    places,
)
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.ports import free_port

UNLIMITED = resource.RLIM_INFINITY


def customer(name: int | str) -> str:
    return f"customer{name}@customer.example"


def refusal(gateway: Gateway, number: int) -> str:
    """What the daemon says instead of 250; "" if it keeps the mail."""
    try:
        gateway.send(letter(number), mail_from=customer(number))
    except NotKept as error:
        return str(error)
    return ""


def write_limit(gateway: Gateway, octets: int) -> None:
    """No file may grow beyond this: every write that matters fails, as on a full disk; needs no root."""
    assert gateway.process is not None
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (octets, UNLIMITED))


def test_what_the_relay_took_is_not_sent_again_while_it_cannot_be_marked(tmp_path: Path) -> None:
    port = free_port()
    gateway = desk_in(tmp_path / "desk", relay=port)
    customers = [customer(number) for number in range(60)]

    def taken(_: FaultyRelay) -> str:
        write_limit(gateway, 1)  # from now on nothing can be written; the mail is out
        return "250 2.0.0 taken"

    try:
        gateway.start()
        for number, address in enumerate(customers):
            gateway.send(letter(number), mail_from=address)
        eventually(lambda: gateway.health()[1]["outbox"] == 120, "all is decided")
        with RelayAt(port, {"DOT": taken}) as relay:
            eventually(lambda: relay.taken, "a mail is taken")
            time.sleep(4)
            assert set(Counter((mail.recipient, mail.data) for mail in relay.taken).values()) == {1}
            assert len(relay.taken) <= 4 * BATCH  # two senders, each with a batch being marked and one at hand
            assert refusal(gateway, 50)[:1] == "4"
            status, health = gateway.health()
            assert status == 503
            assert any("sender" in reason for reason in health["reasons"])
            relay.script.clear()
            write_limit(gateway, UNLIMITED)
            gateway.settle()
            assert sorted(mail.recipient for mail in relay.taken) == sorted([AGENT] * 60 + customers)
    finally:
        gateway.close()


def test_no_claim_is_lost_while_nothing_can_be_written(tmp_path: Path) -> None:
    """Mail that was kept before is decided after, without a restart."""
    gateway = desk_in(tmp_path / "desk")
    try:
        gateway.start()
        gateway.send(letter(0), mail_from=customer(0))
        gateway.settle()
        for number in range(1, 30):
            if number == 15:
                write_limit(gateway, 1)
            refused = refusal(gateway, number)
            assert bool(refused) == (number >= 15), refused
            assert not refused or refused.startswith("451 4.3.0"), refused
        time.sleep(2)
        write_limit(gateway, UNLIMITED)
        eventually(lambda: not refusal(gateway, 99), "mail is taken again")
        gateway.settle()
        where = places(gateway.tickets())
        kept = [*range(15), 99]
        assert {number: len(where.get(id_of(number), [])) for number in kept} == dict.fromkeys(kept, 1)
        assert len(where) == len(kept)
        assert gateway.sound()
    finally:
        gateway.close()


def each_once(gateway: Gateway, kept: Iterable[int]) -> None:
    """One ticket and one acknowledgement for each of these mails, and a sound database."""
    where = places(gateway.tickets())
    assert {number: len(where.get(id_of(number), [])) for number in kept} == dict.fromkeys(kept, 1)
    assert {number: len(mailbox(gateway, customer(number))) for number in kept} == dict.fromkeys(kept, 1)
    assert gateway.sound()


def answer_to_mail(gateway: Gateway) -> int:
    with smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=20) as client:
        client.ehlo("client.example")
        return client.mail("kim@customer.example")[0]


LARGE = "x" * 70 + "\n"


def test_each_place_full_by_itself(tmp_path: Path) -> None:
    """ENOSPC for one kind of file after another, while mail comes in: the log of the database, the database at a
    checkpoint, the files of large mail, scratch files, notes, the way out."""
    disk = RefusingDisk(tmp_path)
    gateway = desk_in(tmp_path / "desk")
    state, kept = gateway.state, list[int]()

    def sends(number: int, size: int = 1) -> str:
        try:
            gateway.send(letter(number, LARGE * size), mail_from=customer(number))
        except NotKept as error:
            return str(error)[:9]
        kept.append(number)
        return ""

    try:
        altered = ("-m", "tests.faults.altered", "gateway.store.sqlite:WAL_PAGES=8", "--")  # checkpoints all the time
        gateway.start(environ=disk.environ, program=altered)
        with disk.refusing(FULL, f"{state}/gateway.sqlite-wal"):
            assert sends(1) == "452 4.3.1"
            assert any(reason.startswith("intake: ") for reason in gateway.health()[1]["reasons"])
        assert sends(2) == ""
        eventually(lambda: not any("intake" in reason for reason in gateway.health()[1]["reasons"]), "it is over")
        with disk.refusing(FULL, f"{state}/gateway.sqlite"):
            assert [sends(number) for number in range(3, 13)] == [""] * 10
            eventually(lambda: disk.refused > 3, "the log is to be moved into the database, and cannot be")
        for pattern in (f"{state}/blobs/tmp/*", f"{state}/blobs/??/*"):
            number = 20 + len(kept)
            with disk.refusing(FULL, pattern):
                assert sends(number, 4000) == "452 4.3.1"
                assert sends(number + 1) == ""
            assert sends(number, 4000) == ""
        assert list((state / "blobs" / "tmp").iterdir()) == []
        with disk.refusing(FULL, f"{state}/at-work"):
            assert sends(50) == ""
            eventually(lambda: mailbox(gateway, customer(50)), "it is acknowledged")
        with disk.refusing(FULL, f"{gateway.root}/mailboxes/*"):
            assert sends(51) == ""
            eventually(lambda: disk.refused > 1, "the way out is tried again")
        gateway.settle()
        each_once(gateway, kept)
        assert gateway.stop() == 0
        assert gateway.log().count("Traceback") == 0
    finally:
        gateway.close()


def test_a_read_only_disk(tmp_path: Path) -> None:
    """At the start: told in one line, with the status that systemd tries again for half an hour, and nothing changed.
    While running: 451 until it can be written again."""
    disk = RefusingDisk(tmp_path)
    gateway = desk_in(tmp_path / "desk")

    def refuses_to_start() -> None:
        before = digests(gateway.state)
        (gateway.root / "daemon.log").unlink(missing_ok=True)
        with disk.refusing(READ_ONLY, f"{gateway.state}*"):
            gateway.launch(environ=disk.environ)
            assert gateway.end() == 2
        assert "Read-only file system" in gateway.log()
        assert "Traceback" not in gateway.log()
        assert digests(gateway.state) == before

    try:
        refuses_to_start()
        gateway.start(environ=disk.environ)
        gateway.send(letter(0), mail_from=customer(0))
        gateway.settle()
        with disk.refusing(READ_ONLY, f"{gateway.root}/*"):
            assert refusal(gateway, 1) == "451 4.3.0 try again later"
            eventually(lambda: answer_to_mail(gateway) == 451, "known at MAIL, before a sender has sent all of it")
            status, health = gateway.health()
            assert (status, "disk: read-only" in health["reasons"]) == (503, True)
        eventually(lambda: answer_to_mail(gateway) == 250, "it can be written again")
        assert refusal(gateway, 2) == ""
        gateway.settle()
        each_once(gateway, [0, 2])
        eventually(lambda: "disk: read-only" not in gateway.health()[1]["reasons"], "and that is told")
        assert gateway.stop() == 0
        refuses_to_start()
    finally:
        gateway.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own whose size can be changed; only root can have one. Where there is none, the tests above
    show the same faults in their own way."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system of our own here, other tests refuse the writes: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def resize(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def test_a_disk_of_8_mb_says_452_and_one_that_grows_takes_all(small_disk: Path, tmp_path: Path) -> None:
    gateway = desk_in(tmp_path / "desk", state=str(small_disk / "state"))
    try:
        gateway.start()
        gateway.send(letter(0), mail_from=customer(0))
        resize(small_disk, "8m")
        answers = [refusal(gateway, number) for number in range(1, 8)]
        time.sleep(1.1)  # the room is looked at once a second
        answers += [refusal(gateway, number) for number in range(8, 12)]
        assert {answer[:9] for answer in answers if answer} == {"452 4.3.1"}
        assert all(answers[-4:])
        status, health = gateway.health()
        assert (status, health["reasons"][0][:5]) == (503, "disk:")
        resize(small_disk, "300m")
        eventually(lambda: gateway.health()[0] == 200, "there is room again")
        for number in range(1, 12):
            gateway.send(letter(number), mail_from=customer(number))
        gateway.settle()
        where = places(gateway.tickets())
        assert {number: len(where.get(id_of(number), [])) for number in range(12)} == dict.fromkeys(range(12), 1)
        assert all(len(mailbox(gateway, customer(number))) == 1 for number in range(12))
    finally:
        gateway.close()


def test_a_disk_that_is_full_to_the_last_octet(small_disk: Path, tmp_path: Path) -> None:
    """SQLite itself finds no room, in the middle of work."""
    gateway = desk_in(tmp_path / "desk", state=str(small_disk / "state"))
    try:
        gateway.start()
        gateway.send(letter(0), mail_from=customer(0))
        gateway.settle()
        used = os.statvfs(small_disk)
        resize(small_disk, str((used.f_blocks - used.f_bfree) * used.f_frsize + 128 * 1024))
        answers = [refusal(gateway, number) for number in range(1, 60)]
        assert any(answers)
        assert {answer[:3] for answer in answers if answer} == {"452"}
        resize(small_disk, "300m")
        eventually(lambda: not refusal(gateway, 100), "mail is taken again")
        gateway.settle()
        kept = [0, 100, *(number for number, answer in enumerate(answers, 1) if not answer)]
        where = places(gateway.tickets())
        assert {number: len(where.get(id_of(number), [])) for number in kept} == dict.fromkeys(kept, 1)
        assert all(len(mailbox(gateway, customer(number))) == 1 for number in kept)
        assert gateway.stop() == 0
        assert gateway.sound(small_disk / "state")
    finally:
        gateway.close()
