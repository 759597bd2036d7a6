"""Nobody reads the log, or it has no room: the mail goes on, and the health check tells (fault matrix rows 13, 30)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.running import Gateway, desk_in, eventually, id_of, letter, mailbox, places

MAILS = 40


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk")
    yield made
    made.close()


def customer(number: int) -> str:
    return f"customer{number}@customer.example"


def all_goes_well(gateway: Gateway) -> None:
    for number in range(MAILS):
        gateway.send(letter(number), mail_from=customer(number))
    gateway.settle()
    where = places(gateway.tickets())
    assert {number: len(where.get(id_of(number), [])) for number in range(MAILS)} == dict.fromkeys(range(MAILS), 1)
    assert all(len(mailbox(gateway, customer(number))) == 1 for number in range(MAILS))


def reason(gateway: Gateway) -> str:
    return next((one for one in gateway.health()[1]["reasons"] if one.startswith("log: ")), "")


def test_a_log_that_nobody_reads(gateway: Gateway) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)  # some twenty lines
    try:
        gateway.start(log_to=write)
        all_goes_well(gateway)
        eventually(lambda: "nobody reads the log" in reason(gateway))
        assert gateway.stop() == 0
        os.close(write)
        with os.fdopen(os.dup(read), "rb") as log:
            assert b"event=ready" in log.read()
    finally:
        os.close(read)


def test_a_log_without_room(gateway: Gateway) -> None:
    with open("/dev/full", "wb") as full:
        gateway.start(log_to=full.fileno())
        all_goes_well(gateway)
        assert "lines of the log are lost" in eventually(lambda: reason(gateway))
        assert gateway.stop() == 0
