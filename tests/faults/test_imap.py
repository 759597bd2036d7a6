"""The real daemon and its mailboxes: what is proven, and what is told when it is not."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.faults.backlog import count, fill, first_import, oldest_first
from tests.faults.running import Gateway, desk_in, eventually, letter
from tests.faults.test_alarms import metric
from tests.servers.dovecot import Dovecot


def desk_with(root: Path, *boxes: dict[str, Any], alarms: str = "{settle: 1s}") -> Gateway:
    """A desk that polls each second."""
    each = {"host": "localhost", "tls": "none", "poll": "1s", "idle": False, "reconcile": "1s", "password": "secret"}
    return desk_in(root, more=f"imap: {json.dumps([{**each, **box} for box in boxes])}\nalarms: {alarms}")


@pytest.fixture
def user(shared_dovecot: Dovecot) -> str:
    return shared_dovecot.fresh_user()


def proof(gateway: Gateway) -> dict[str, Any]:
    """The last comparison of the first folder of the first mailbox."""
    found = gateway.health()[1]["mailboxes"][0]["folders"]
    return dict(found[0]) if found else {}


def test_a_missed_mail_is_fetched_told_and_shown(tmp_path: Path, shared_dovecot: Dovecot, user: str) -> None:
    """A UID that has no row in the ledger, as a server leaves that gives UIDs out of order."""
    box = {"name": "support", "port": shared_dovecot.imap_port, "user": user, "address": "help@desk.example"}
    gateway = desk_with(tmp_path / "desk", box)
    try:
        gateway.start()
        shared_dovecot.append(user, *(letter(n) for n in range(3)))
        eventually(lambda: len(gateway.tickets()) == 3)
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
        assert len(gateway.tickets()) == 3
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
