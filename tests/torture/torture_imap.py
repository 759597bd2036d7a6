"""The long forms of the IMAP tests: 100,000 unseen mails at the first start, and a cut at each octet. `make torture`
runs them; one alone with

    .venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_imap.py -k unseen
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.edge.test_imap_wire import cut_at
from tests.faults.backlog import count, fill, first_import, oldest_first
from tests.faults.running import Gateway, desk_in, eventually, letter
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.store.desk import databases
from tests.store.test_ledger_plans import goes_along_its_key
from tests.torture.progress import Progress

MANY, DISTINCT = 100_000, 1000


def proof_of(gateway: Gateway) -> dict[str, Any]:
    """The last comparison of the only folder."""
    return dict(gateway.health()[1]["mailboxes"][0]["folders"][0])


@pytest.mark.timeout(7200)
def test_100_000_unseen_mails_at_the_first_start(
    tmp_path: Path, dovecot: Callable[..., Dovecot], capsys: pytest.CaptureFixture[str]
) -> None:
    """Row 38: bounded memory, oldest first, nothing acknowledged; then a restart finds them all known."""
    progress = Progress(capsys, "100,000 unseen mails")
    server = dovecot()
    user = server.fresh_user()
    fill(server, user, MANY, DISTINCT)
    gateway, imported = first_import(tmp_path / "desk", server, user, MANY, progress.tell)
    try:
        progress.result(str(imported))
        assert oldest_first(gateway)
        assert count(gateway, "SELECT count(*) FROM ticket") == DISTINCT
        assert count(gateway, "SELECT count(*) FROM outbox WHERE kind = 'acknowledgement'") == 0
        assert imported.memory < 250, "whatever the mailbox holds"
        last = proof_of(gateway)
        gateway.stop()
        gateway.start()
        began = time.monotonic()
        found = eventually(lambda: (now := proof_of(gateway))["at"] > last["at"] and now, "compared again", 600)
        found["seconds"] = round(time.monotonic() - began)
        progress.result(f"compared after a restart: {found}")
        assert (found["on_server"], found["known"], found["missed"]) == (MANY, MANY, 0)
        assert count(gateway, "SELECT count(*) FROM intake") == MANY
    finally:
        gateway.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("batch", [1, 50])
def test_a_cut_at_each_octet(batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Row 39: of a conversation of one mail at a time, and of one in batches."""
    progress = Progress(capsys, f"cuts, batch {batch}")
    total = cut_at(10**9, batch=batch)
    for octet in range(1, total):
        cut_at(octet, batch=batch)
        if octet % 100 == 0:
            progress.tell(f"{octet} of {total}")
    progress.result(f"{total} octets")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2])
def test_mail_comes_while_both_ends_are_killed(
    tmp_path: Path, dovecot: Callable[..., Dovecot], capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    """Rows 31 and 39: the daemon killed 40 times, Dovecot 10 times, under 600 mails, each of which is moved when it is
    kept. Every mail is one ticket, and none is left behind."""
    progress = Progress(capsys, f"IMAP kills, seed {seed}")
    chance, server = random.Random(seed), dovecot()
    user = server.fresh_user()
    box = f"name: box, host: localhost, port: {server.imap_port}, tls: none, user: {user}, password: secret"
    more = f"imap: [{{{box}, address: help@desk.example, poll: 1s, after: move, reconcile: 2s}}]"
    gateway = desk_in(tmp_path / "desk", more=more)
    try:
        gateway.start()
        for turn in range(50):
            server.append(user, *(letter(f"{turn}-{number}") for number in range(12)))
            time.sleep(chance.uniform(0, 1.5))
            if turn % 5 == 4:
                server.kill()
                time.sleep(chance.uniform(0, 0.5))
                server.start()
            else:
                gateway.kill()
                gateway.start()
            progress.tell(f"turn {turn}")
        eventually(lambda: count(gateway, "SELECT count(*) FROM ticket") == 600, "a ticket for each", 300)
        eventually(lambda: not server.messages(user), "all are moved", 60)
        gateway.settle(120)
        assert len(server.messages(user, "Archive")) == 600
        assert count(gateway, "SELECT count(DISTINCT subject) FROM ticket") == 600
        assert count(gateway, "SELECT count(*) FROM outbox WHERE kind = 'acknowledgement'") == 600 - quiet(gateway)
        assert gateway.sound()
        progress.result(f"{gateway.kills} kills of the daemon, 10 of Dovecot, 600 tickets")
    finally:
        gateway.close()


def quiet(gateway: Gateway) -> int:
    """Mails that were there at the first contact: nobody acknowledges them."""
    return count(gateway, "SELECT count(*) FROM intake WHERE quiet")


def test_a_ledger_of_a_million(tmp_path: Path, postgres: Postgres, request: pytest.FixtureRequest) -> None:
    """On both engines each statement about it goes along its key."""
    goes_along_its_key(tmp_path / "sqlite", "sqlite", request, 1_000_000)
    with databases(postgres):
        goes_along_its_key(tmp_path / "postgresql", "postgresql", request, 1_000_000)
