"""The process itself: one on a state folder, its ports, its signals, its end, what it tells systemd."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.lock import FileLock
from tests.faults.restarts import Restarts
from tests.faults.running import RULES, Gateway, desk_in, digests, eventually, letter
from tests.servers.ports import free_port


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk")
    yield made
    made.close()


def customer(name: int | str) -> str:
    return f"customer{name}@customer.example"


def test_a_second_daemon_ends_and_the_first_goes_on(gateway: Gateway, tmp_path: Path) -> None:
    gateway.start()
    gateway.send(letter(1), mail_from=customer(1))
    gateway.settle()
    before = digests(gateway.state)
    second = desk_in(tmp_path / "second", state="../desk/state", rules=RULES.replace("en: Help}", "en: Other}"))
    try:
        second.launch()
        assert second.end() == 2
        assert "another gateway runs on this state folder" in second.log()
        assert str(gateway.process.pid) in second.log()  # type: ignore[union-attr]  # it was started
        assert "Traceback" not in second.log()
        assert digests(gateway.state) == before  # neither rules nor keys nor anything else of its own
    finally:
        second.close()
    gateway.send(letter(2), mail_from=customer(2))
    gateway.settle()
    assert len(gateway.tickets()) == 2
    assert gateway.health()[0] == 200


def test_nothing_is_made_or_migrated_before_the_lock_is_held(gateway: Gateway) -> None:
    """Not even the database: a newer program beside a running older one changes nothing."""
    gateway.state.mkdir()
    lock = FileLock(gateway.state / "daemon")
    try:
        gateway.launch()
        assert gateway.end() == 2
    finally:
        lock.close()
    assert [path.name for path in gateway.state.iterdir()] == ["daemon.lock"]


def test_a_newer_database_is_refused_and_left_alone(gateway: Gateway) -> None:
    gateway.start()
    gateway.send(letter(1))
    gateway.settle()
    assert gateway.stop() == 0
    with sqlite3.connect(gateway.database) as made:
        made.execute("UPDATE alembic_version SET version_num = '9999_later'")
    made.close()
    before = gateway.database.read_bytes()
    gateway.launch()
    assert gateway.end() == 2
    assert "9999_later" in gateway.log()
    assert "newer" in gateway.log()
    assert "Traceback" not in gateway.log()
    assert gateway.database.read_bytes() == before


def test_a_damaged_database_ends_it_with_status_3(gateway: Gateway, tmp_path: Path) -> None:
    """And it is told by command, since no mail can be written any more."""
    with gateway.config.open("a") as config:
        config.write(f"alarms: {{command: [dd, of={tmp_path / 'told'}]}}\n")
    gateway.start()
    gateway.send(letter(1))
    gateway.settle()
    assert gateway.stop() == 0
    octets = bytearray(gateway.database.read_bytes())
    octets[100:200] = b"\xff" * 100
    gateway.database.write_bytes(octets)
    gateway.launch()
    assert gateway.end() == 3
    assert gateway.database.read_bytes() == octets
    told = json.loads((tmp_path / "told").read_text())
    assert (told["alarm"], told["state"], told["mail_at_risk"]) == ("store", "begin", True)


@pytest.mark.parametrize("port", ["smtp", "submission", "http"])
def test_a_taken_port_ends_it_and_is_named(gateway: Gateway, port: str) -> None:
    number = getattr(gateway, port)
    with socket.create_server(("127.0.0.1", number)):
        gateway.launch()
        assert gateway.end() == 2
        assert str(number) in gateway.log()
        assert "in use" in gateway.log()
        assert "Traceback" not in gateway.log()
        assert "READY=1" not in gateway.heard()
    gateway.start()  # and leaves nothing behind that stops the next one
    assert gateway.health()[0] == 200


@pytest.mark.timeout(300)
def test_term_under_load_ends_in_time_and_loses_nothing(gateway: Gateway, tmp_path: Path) -> None:
    """Three times over."""
    Restarts(gateway, tmp_path / "power", 3).run()


def test_term_while_a_client_is_in_the_middle_of_its_data(gateway: Gateway) -> None:
    """It may finish; one that says nothing more is left after the grace."""
    gateway.start()
    with (
        socket.create_connection(("127.0.0.1", gateway.smtp)) as client,
        client.makefile("rb") as heard,
        socket.create_connection(("127.0.0.1", gateway.smtp)) as silent,
        silent.makefile("rb") as quiet,
    ):
        for each, said in ((client, heard), (silent, quiet)):
            said.readline()
            for line in ("HELO x", "MAIL FROM:<a@customer.example>", "RCPT TO:<help@desk.example>", "DATA"):
                each.sendall(line.encode() + b"\r\n")
                assert said.readline()[:1] in (b"2", b"3")
            each.sendall(b"Subject: half\r\n")
        began = time.monotonic()
        gateway.terminate()
        gateway.wait_state("STOPPING=1")
        time.sleep(0.5)
        client.sendall(letter(1) + b".\r\n")
        assert heard.readline().startswith(b"250 ")
        assert gateway.end() == 0
        assert time.monotonic() - began < 30
    gateway.start()
    gateway.settle()
    assert len(gateway.tickets()) == 1


def test_what_systemd_hears(gateway: Gateway) -> None:
    gateway.start(environ={"WATCHDOG_USEC": "1000000"})
    assert gateway.heard()[0] == "READY=1"
    eventually(lambda: gateway.heard().count("WATCHDOG=1") >= 4, "the watchdog is fed")
    assert gateway.stop() == 0
    states = gateway.heard()
    assert [state for state in states if state != "WATCHDOG=1"] == ["READY=1", "STOPPING=1"]
    assert states[-1] == "STOPPING=1"


def test_a_watchdog_for_another_process_is_not_fed(gateway: Gateway) -> None:
    gateway.start(environ={"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"})
    time.sleep(0.7)
    assert gateway.heard() == ["READY=1"]


def test_a_configuration_that_cannot_be_used_ends_it_with_status_2(gateway: Gateway) -> None:
    gateway.config.write_text(gateway.config.read_text() + f"smpt: {{port: {free_port()}}}\n")
    gateway.launch()
    assert gateway.end() == 2
    assert "gateway.yaml:" in gateway.log()
    assert "smpt" in gateway.log()
