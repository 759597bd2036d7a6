"""Another process holds the database: a short while is waited for, a long one is 451 (fault matrix row 17)."""

from __future__ import annotations

import smtplib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.faults.running import HELP, Gateway, desk_in, eventually, id_of, letter, mailbox, places

PATIENT = ("-m", "tests.faults.altered", "gateway.store.sqlite:BUSY_MS=3000", "--")  # in place of 10 s


def customer(number: int) -> str:
    return f"customer{number}@customer.example"


@contextmanager
def locked(database: Path) -> Iterator[None]:
    holder = sqlite3.connect(database, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")
    finally:
        holder.close()


def sends(gateway: Gateway, number: int) -> str:
    """What is said instead of 250, or ""; as patient as a real sender: two waits of the store may come together."""
    try:
        with smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=90) as client:
            client.sendmail(customer(number), [HELP], letter(number))
    except smtplib.SMTPDataError as error:
        return f"{error.smtp_code} {bytes(error.smtp_error).decode()}"
    return ""


def hold(gateway: Gateway, short: float, long: float) -> None:
    """Locks the database of a running daemon for a while that it waits for, then for one that is too long."""
    with ThreadPoolExecutor(8) as people:
        with locked(gateway.database):
            early = [people.submit(sends, gateway, number) for number in range(3)]
            time.sleep(short)
        assert [one.result() for one in early] == [""] * 3
        gateway.settle()
        with locked(gateway.database):
            until = time.monotonic() + long
            refused = [people.submit(sends, gateway, number) for number in range(10, 18)]
            assert {one.result() for one in refused} == {"451 4.3.0 try again later"}
            status, health = gateway.health()
            assert status == 503
            assert "intake: database is locked" in health["reasons"]
            while time.monotonic() < until:
                assert sends(gateway, 20) == "451 4.3.0 try again later"
    eventually(lambda: sends(gateway, 30) == "", "it goes on")
    gateway.settle()
    where = places(gateway.tickets())
    assert {number: len(where.get(id_of(number), [])) for number in (0, 1, 2, 30)} == dict.fromkeys((0, 1, 2, 30), 1)
    assert [len(mailbox(gateway, customer(number))) for number in (0, 1, 2, 30)] == [1] * 4
    eventually(lambda: gateway.health()[0] == 200 or "intake" not in str(gateway.health()[1]["reasons"]))
    assert gateway.stop() == 0
    assert gateway.sound()


def test_another_process_holds_the_database(tmp_path: Path) -> None:
    gateway = desk_in(tmp_path / "desk")
    try:
        gateway.start(program=PATIENT)
        hold(gateway, 1.0, 4.0)
    finally:
        gateway.close()
