"""The real daemon and its mailboxes: what is proven, and what is told when it is not."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.backlog import count, fill, first_import, oldest_first
from tests.faults.running import Gateway, desk_in, eventually, letter
from tests.faults.test_alarms import metric
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import ScriptedImap

BOX = {"name": "support", "address": "help@desk.example"}


def desk_with(root: Path, *boxes: dict[str, Any], alarms: str = "{settle: 1s}") -> Gateway:
    """A desk that polls each second."""
    each = {"host": "localhost", "tls": "none", "poll": "1s", "idle": False, "reconcile": "1s", "password": "secret"}
    return desk_in(root, more=f"imap: {json.dumps([{**each, **box} for box in boxes])}\nalarms: {alarms}")


@pytest.fixture
def user(shared_dovecot: Dovecot) -> str:
    return shared_dovecot.fresh_user()


def tickets(gateway: Gateway) -> int:
    return count(gateway, "SELECT count(*) FROM ticket")


def proof(gateway: Gateway) -> dict[str, Any]:
    """The last comparison of the first folder of the first mailbox."""
    found = gateway.health()[1]["mailboxes"][0]["folders"]
    return dict(found[0]) if found else {}


def test_a_missed_mail_is_fetched_told_and_shown(tmp_path: Path, shared_dovecot: Dovecot, user: str) -> None:
    """A UID that has no row in the ledger, as a server leaves that gives UIDs out of order."""
    gateway = desk_with(tmp_path / "desk", {**BOX, "port": shared_dovecot.imap_port, "user": user})
    try:
        gateway.start()
        shared_dovecot.append(user, *(letter(n) for n in range(3)))
        eventually(lambda: tickets(gateway) == 3)
        eventually(lambda: proof(gateway).get("known") == 3)
        eventually(lambda: metric(gateway, 'gateway_imap_on_server{mailbox="support"}') == 3)
        with sqlite3.connect(gateway.database, timeout=20) as database:
            database.execute("DELETE FROM imap_ledger WHERE uid = 2")
        database.close()
        missed = lambda: [a for a in gateway.health()[1]["alarms"] if a["alarm"] == "mail-missed"]  # noqa: E731
        (alarm,) = eventually(missed, "the alarm")
        assert "1 mails in INBOX had been missed, and were fetched" in alarm["reason"]
        eventually(lambda: (proof(gateway)["known"], proof(gateway)["missed"]) == (3, 0), "the next comparison")
        eventually(lambda: not missed(), "it is over")
        page = gateway.command("status").stdout.decode()
        assert "mailbox support: polled well" in page
        assert "INBOX: compared" in page
        assert "3 on the server, 3 known, 0 missed" in page
        assert tickets(gateway) == 3
        assert gateway.health()[0] == 200
    finally:
        gateway.close()


def test_a_great_backlog_is_imported_oldest_first_in_bounded_memory(
    tmp_path: Path, shared_dovecot: Dovecot, user: str
) -> None:
    """Row 38, sampled; `tests/torture/torture_imap.py` has the 100,000."""
    fill(shared_dovecot, user, 1500, 300)
    gateway, imported = first_import(tmp_path / "desk", shared_dovecot, user, 1500)
    try:
        assert oldest_first(gateway)
        assert count(gateway, "SELECT count(*) FROM ticket") == 300
        assert count(gateway, "SELECT count(*) FROM decision WHERE outcome = 'duplicate'") == 1200
        assert count(gateway, "SELECT count(*) FROM outbox WHERE kind = 'acknowledgement'") == 0
        assert imported.memory < imported.memory_before + 60, imported
        assert not any(rb"\Seen" in flags for flags in shared_dovecot.flags(user))
    finally:
        gateway.close()


def test_killed_between_commit_and_move(tmp_path: Path) -> None:
    """Row 31: fetched or not, each mail is one ticket, and all are moved in the end."""
    mails = {uid: letter(uid) for uid in (1, 2, 3)}
    hanging = [True]
    step = lambda word, _: "silent" if word == "UID MOVE" and hanging[0] else ""  # noqa: E731 - said where it is used
    with ScriptedImap(dict(mails), step=step) as server:
        gateway = desk_with(tmp_path / "desk", {**BOX, "port": server.port, "user": "x", "after": "move"})
        try:
            gateway.start()
            eventually(lambda: server.count("UID MOVE") == 1, "it wants to move them")
            server.mails, server.moved = dict(mails), {}  # as a server that had not got so far
            gateway.kill()
            hanging[0] = False
            gateway.start()
            eventually(lambda: server.moved == mails, "all are moved")
            gateway.settle()
            assert tickets(gateway) == 3
            assert count(gateway, "SELECT count(*) FROM intake") == 3
        finally:
            gateway.close()


def test_dovecot_on_a_bad_day(tmp_path: Path, dovecot: Callable[..., Dovecot]) -> None:
    """Rows 32, 36 and 39 with the real daemon: killed under load, the folder made anew, the password changed. Nothing
    is lost, nothing is twice, one alarm, and the other mailbox goes on."""
    server = dovecot()
    users = [server.fresh_user(), server.fresh_user()]
    boxes = [
        {"name": name, "port": server.imap_port, "user": user, "address": "help@desk.example", "folders": [folder]}
        for name, user, folder in (("first", users[0], "Desk"), ("second", users[1], "INBOX"))
    ]
    gateway = desk_with(tmp_path / "desk", *boxes, alarms="{settle: 1s, mailbox: 300s}")
    try:
        server.append(users[0], letter("a0"), folder="Desk")
        gateway.start()
        eventually(lambda: tickets(gateway) == 1)

        server.append(users[0], *(letter(f"a{n}") for n in range(1, 60)), folder="Desk")
        eventually(lambda: count(gateway, "SELECT count(*) FROM intake") > 1)
        server.kill()
        server.start()
        eventually(lambda: count(gateway, "SELECT count(*) FROM intake") == 60, "all of them after the restart")

        mails = server.messages(users[0], "Desk")
        with server.client(users[0]) as imap:
            imap.delete_folder("Desk")
            time.sleep(1.1)  # UIDVALIDITY is a time in seconds
            imap.create_folder("Desk")
            imap.multiappend("Desk", [*mails, letter("new")])
        eventually(
            lambda: count(gateway, "SELECT count(DISTINCT uidvalidity) FROM imap_ledger WHERE folder = 'Desk'") == 2
        )
        eventually(lambda: count(gateway, "SELECT count(*) FROM intake") == 121, "listed again, each under its new UID")
        gateway.settle()
        assert tickets(gateway) == 61, "and recognised: one more ticket, for the new mail"

        server.add_user(users[0], "changed")
        server.kill()  # a session that stands would go on
        server.start()
        refused = lambda: [a["about"] for a in gateway.health()[1]["alarms"] if a["alarm"] == "login-refused"]  # noqa: E731
        eventually(lambda: refused() == ["first"], "the alarm")
        server.append(users[1], letter("b1"))
        eventually(lambda: tickets(gateway) == 62, "the other mailbox goes on")
        assert gateway.log().count("imap_trouble mailbox=first login refused") == 1, (
            "said once, and not tried every second"
        )
        server.add_user(users[0], "secret")
        gateway.stop()
        gateway.start()
        server.append(users[0], letter("a99"), folder="Desk")
        eventually(lambda: tickets(gateway) == 63)
        eventually(lambda: refused() == [], "it is over")
        subjects = [ticket["subject"] for ticket in gateway.tickets()]
        assert len(set(subjects)) == len(subjects) == 63
    finally:
        gateway.close()
