"""Clients that hang up, and mail under which others must not suffer (laws 1 to 3)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.running import (
    AGENT,
    Gateway,
    NotKept,
    children,
    desk_in,
    eventually,
    id_of,
    letter,
    mailbox,
    places,
)

SOON = 15.0  # seconds within which good mail is acknowledged, whatever else there is


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk", more="limits: {child_wall: 0.15}")
    yield made
    made.close()


def customer(name: int | str) -> str:
    return f"customer{name}@customer.example"


def acknowledged(gateway: Gateway, name: int | str) -> bool:
    return len(mailbox(gateway, customer(name))) > 0


def hang_up_after_dot(gateway: Gateway, raw: bytes, wait: float, *, reset: bool) -> None:
    """Says everything up to the dot and is gone `wait` seconds later, without having read the 250."""
    with socket.create_connection(("127.0.0.1", gateway.smtp), timeout=10) as client, client.makefile("rb") as heard:
        heard.readline()
        for line in ("HELO x", "MAIL FROM:<kim@customer.example>", "RCPT TO:<help@desk.example>", "DATA"):
            client.sendall(line.encode() + b"\r\n")
            assert heard.readline()[:1] in (b"2", b"3")
        client.sendall(raw + b".\r\n")
        time.sleep(wait)
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_hang_up_after_the_dot_then_again_is_one_ticket(gateway: Gateway) -> None:
    gateway.start()
    waits = [0.0, 0.0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.05]
    for number, wait in enumerate(waits):
        body = "x\n" * (150_000 if number % 4 == 3 else 5)
        raw = letter(number, body)
        hang_up_after_dot(gateway, raw, wait, reset=number % 2 == 0)
        gateway.send(raw, mail_from=customer(number))
    gateway.settle()
    tickets = gateway.tickets()
    where = places(tickets)
    assert len(tickets) == len(waits)
    assert all(len(where[id_of(number)]) == 1 for number in range(len(waits)))
    assert {len(mailbox(gateway, customer(number))) for number in range(len(waits))} == {1}
    assert len(mailbox(gateway, AGENT)) == len(waits)


def heavy(name: str) -> bytes:
    """Within every limit, and longer to read than this desk allows: 8 MB of HTML."""
    return letter(name).replace(b"text/plain", b"text/html") + b"<div><b>x &amp; y</b> <i>z</i></div>\r\n" * 240_000


def many_fields(name: str) -> bytes:
    return letter(name, headers={f"X-{n}": "y" for n in range(1_500)})


def test_unreadable_mail_among_good_mail(gateway: Gateway) -> None:
    gateway.start()
    bad = {name: heavy(name) for name in ("heavy1", "heavy2")} | {"fields": many_fields("fields")}
    began: dict[int | str, float] = {}
    for place, (name, raw) in enumerate(bad.items()):
        gateway.send(raw, mail_from=customer(name))
        for number in range(place * 5, place * 5 + 5):
            gateway.send(letter(number), mail_from=customer(number))
            began[number] = time.monotonic()
    for number, since in began.items():
        left = SOON - (time.monotonic() - since)
        eventually(lambda number=number: acknowledged(gateway, number), f"good mail {number}", left)
    rows = {row["mail_from"]: row for row in eventually(lambda: _all_aside(gateway, 3), "three in quarantine", 60)}
    assert "header fields" in rows[customer("fields")]["reason"]
    assert "too long" in rows[customer("heavy1")]["reason"]
    assert rows[customer("heavy2")]["attempts"] == 3
    for name, raw in bad.items():
        kept = gateway.command("quarantine", "--raw", str(rows[customer(name)]["id"])).stdout
        assert kept.endswith(raw)  # behind our own Received field
    assert len(gateway.tickets()) == 15
    assert gateway.health()[0] == 200
    for name in bad:
        gateway.command("quarantine", "--release", str(rows[customer(name)]["id"]))
    gateway.settle(60)
    where = places(gateway.tickets())
    assert {name: len(where.get(id_of(name), [])) for name in bad} == dict.fromkeys(bad, 1)
    assert gateway.quarantined() == []
    again = gateway.command("quarantine", "--release", str(rows[customer("fields")]["id"]), status=1)
    assert b"not in quarantine" in again.stderr


def _all_aside(gateway: Gateway, number: int) -> list[dict[str, object]]:
    rows = gateway.quarantined()
    return rows if len(rows) == number else []


def test_a_child_that_hangs_and_a_child_that_is_killed(tmp_path: Path) -> None:
    """One mail, one failed try: it is put aside; the next child reads the next large mail."""
    gateway = desk_in(tmp_path / "desk", more="limits: {child_wall: 2, tries: 1}")
    large = "y" * 70 + "\n"
    try:
        gateway.start()
        assert gateway.process is not None
        for name, fate in (("stopped", signal.SIGSTOP), ("killed", signal.SIGKILL)):
            gateway.send(letter(f"{name}-before", large * 5_000), mail_from=customer(f"{name}-before"))
            eventually(lambda name=name: acknowledged(gateway, f"{name}-before"), "a large mail is read")
            (child,) = children(gateway.process.pid)
            os.kill(child, signal.SIGSTOP)
            gateway.send(letter(name, large * 5_000), mail_from=customer(name))
            gateway.send(letter(f"{name}-good"), mail_from=customer(f"{name}-good"))
            eventually(lambda name=name: acknowledged(gateway, f"{name}-good"), "others do not wait", SOON)
            if fate == signal.SIGKILL:
                os.kill(child, fate)
        rows = eventually(lambda: _all_aside(gateway, 2), "both are put aside")
        assert {row["mail_from"]: row["reason"] for row in rows} == {  # type: ignore[attr-defined]  # rows of JSON
            customer("stopped"): "ChildFailed: the child took too long",
            customer("killed"): "ChildFailed: the child was killed by signal 9",
        }
        gateway.send(letter("after", large * 5_000), mail_from=customer("after"))
        eventually(lambda: acknowledged(gateway, "after"), "a new child reads")
    finally:
        gateway.close()


def test_a_child_told_to_end_costs_no_mail(tmp_path: Path) -> None:
    """systemd tells every process of the unit to end: that is no failed try."""
    gateway = desk_in(tmp_path / "desk", more="limits: {child_wall: 5, tries: 1}")
    large = "y" * 70 + "\n"
    try:
        gateway.start()
        assert gateway.process is not None
        gateway.send(letter("first", large * 5_000), mail_from=customer("first"))
        eventually(lambda: acknowledged(gateway, "first"), "a large mail is read")
        (child,) = children(gateway.process.pid)
        os.kill(child, signal.SIGSTOP)
        gateway.send(letter("second", large * 5_000), mail_from=customer("second"))
        os.kill(child, signal.SIGTERM)
        os.kill(child, signal.SIGCONT)
        eventually(lambda: acknowledged(gateway, "second"), "another child reads it")
        assert gateway.quarantined() == []
    finally:
        gateway.close()


def test_a_daemon_stopped_while_a_child_reads_tries_again_later(tmp_path: Path) -> None:
    gateway = desk_in(tmp_path / "desk", more="limits: {child_wall: 20, tries: 1}")
    try:
        gateway.start()
        assert gateway.process is not None
        gateway.send(letter("warm", "y\n" * 150_000), mail_from=customer("warm"))
        eventually(lambda: acknowledged(gateway, "warm"), "a large mail is read")
        (child,) = children(gateway.process.pid)
        os.kill(child, signal.SIGSTOP)
        gateway.send(letter("cut", "y\n" * 150_000), mail_from=customer("cut"))
        time.sleep(0.5)
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < 10
        gateway.start()
        eventually(lambda: acknowledged(gateway, "cut"), "read after the next start")
        assert gateway.quarantined() == []
    finally:
        gateway.close()


def test_a_mail_that_ends_the_daemon_does_so_once(gateway: Gateway) -> None:
    """After the next start it is read in the child, and what is behind it is on the desk."""
    program = ("-m", "tests.faults.dying", "read", "DEADLY", "0")
    gateway.start(program=program)
    with contextlib.suppress(NotKept):  # it may die before the 250 is on the wire: the mail is committed all the same
        gateway.send(letter("deadly", "DEADLY"), mail_from=customer("deadly"))
    assert gateway.end() == -signal.SIGKILL
    gateway.start(program=program)
    for number in range(3):
        gateway.send(letter(number), mail_from=customer(number))
    gateway.settle()
    where = places(gateway.tickets())
    assert {name: len(where[id_of(name)]) for name in ("deadly", 0, 1, 2)} == {"deadly": 1, 0: 1, 1: 1, 2: 1}
    assert gateway.stop() == 0
    assert (gateway.state / "at-work").read_text().strip() == "[]"


def test_a_refused_recipient_is_no_fault(gateway: Gateway) -> None:
    """The tests' own sender tells 250 from anything else."""
    gateway.start()
    with pytest.raises(NotKept, match="550"):
        gateway.send(letter(1), to="nobody@desk.example")
