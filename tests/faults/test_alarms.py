"""Alarms of the real daemon: by mail and by command, seen in the health check, the status, the metrics and by hand."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.faults.relays import RelayAt
from tests.faults.running import Gateway, desk_in, eventually, letter
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_port

OPS = "ops@elsewhere.example"
COMMAND = (
    "import os, sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read()); sys.exit(os.path.exists(sys.argv[2]))"
)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def gateway(tmp_path: Path, port: int, shared_dovecot: Dovecot) -> Iterator[Gateway]:
    """A desk whose relay is down, with two mailboxes: one whose password is wrong, and one that is well."""
    alarms = {
        "to": [OPS], "language": "en", "relay": "1s", "settle": "1s", "mailbox": "2s",
        "command": [sys.executable, "-c", COMMAND, str(tmp_path / "told"), str(tmp_path / "fail")],
    }  # fmt: skip
    box = {"host": "localhost", "port": shared_dovecot.imap_port, "tls": "none", "poll": "1s", "idle": False}
    boxes = [
        {**box, "name": name, "user": shared_dovecot.fresh_user(), "password": word, "address": f"{name}@desk.example"}
        for name, word in (("locked", "wrong"), ("well", "secret"))
    ]
    more = f"alarms: {json.dumps(alarms)}\nimap: {json.dumps(boxes)}"
    made = desk_in(tmp_path / "desk", relay=port, retry="0.5, 1", more=more)
    made.start()
    yield made
    made.close()


def ran(gateway: Gateway) -> list[tuple[str, str, str]]:
    """(state, alarm, about) of each run of the command."""
    path = gateway.root.parent / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    found: list[dict[str, Any]] = [one for line in lines for run in [json.loads(line)] for one in (run, *run["more"])]
    return [(one["state"], one["alarm"], one["about"]) for one in found]


def text(mail: Message) -> str:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    return bytes(part.get_payload(decode=True) or b"").decode()


def metric(gateway: Gateway, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.http}/metrics", timeout=20) as page:
        lines = page.read().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " ")), -1.0)


def test_alarms_from_begin_to_end(gateway: Gateway, port: int) -> None:
    gateway.send(letter(1))
    login, down = ("begin", "login-refused", "locked"), ("begin", "relay-down", "")
    eventually(lambda: {login, down} <= set(ran(gateway)), "both alarms, by command")
    status, health = gateway.health()
    assert status == 503
    assert [reason.split(":")[0] for reason in health["reasons"]] == ["mailbox locked", reason_of_relay(health)]
    assert {alarm["alarm"] for alarm in health["alarms"]} == {"login-refused", "relay-down"}
    assert metric(gateway, 'gateway_trouble{kind="relay-down"}') == 1
    assert metric(gateway, 'gateway_imap_silent_seconds{mailbox="well"}') < 60
    page = gateway.command("status").stdout.decode()
    assert "alarm since" in page
    assert "login-refused locked" in page
    assert {one["alarm"] for one in json.loads(gateway.command("alarms", "--json", status=1).stdout)["alarms"]} == {
        "login-refused", "relay-down",
    }  # fmt: skip

    gateway.kill()
    gateway.start()
    eventually(lambda: metric(gateway, 'gateway_trouble{kind="relay-down"}') == 1, "it is still down")
    with RelayAt(port) as relay:
        eventually(lambda: ("end", "relay-down", "") in ran(gateway), "the relay's alarm is over")
        eventually(lambda: "Over: The relay" in "".join(map(text, relay.mails_to(OPS))), "begin and end by mail")
        found = relay.mails_to(OPS)
        (test,) = gateway.command("alarms", "--test").stdout.decode().splitlines()[1:]
        assert test == "command: done"
        eventually(lambda: any("Test: This is a test alarm" in str(mail["Subject"]) for mail in relay.mails_to(OPS)))
        taken = next(taken for taken in relay.taken if taken.recipient == OPS)
    words = "\n".join(text(mail) for mail in found)
    for once in ("Alarm: The mail server refuses the login of mailbox locked", "Alarm: The relay has taken no mail"):
        assert words.count(once) == 1, words
    assert words.count("Over: The relay has taken no mail") == 1
    assert (taken.sender, found[0]["Auto-Submitted"]) == ("bounce@desk.example", "auto-generated")
    assert ran(gateway).count(login) == ran(gateway).count(down) == 1, "a restart tells nothing again"

    (gateway.root.parent / "fail").touch()
    gateway.command("alarms", "--test", status=1)
    eventually(lambda: "alarm-command" in {one["alarm"] for one in gateway.health()[1]["alarms"]})
    assert any("the alarms' own command failed" in note for note in gateway.health()[1]["notes"])


def reason_of_relay(health: dict[str, Any]) -> str:
    """It says for how long, so it is not always the same."""
    (reason,) = (one for one in health["reasons"] if one.startswith("no mail can go out for "))
    return str(reason).split(":")[0]
