"""Backup and restore of 100,000 tickets: how long, how large, how much memory; the figures are printed. And yesterday's
backup on the engine on which `make test` leaves it out.

.venv/bin/python -m pytest -s -o python_files='torture_*.py' --timeout 3600 tests/torture/torture_backup.py
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

from gateway.build import shipped
from gateway.store.refill import Refill, tables
from gateway.store.schema import to_micros
from gateway.store.store import migrate, open_store
from tests.faults import test_backup
from tests.faults.running import ROOT, Gateway, desk_in
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres

TICKETS = int(os.environ.get("GATEWAY_TORTURE_TICKETS", "100000"))
STEP = 1000
AT = to_micros(datetime(2026, 11, 2, 3, 0, tzinfo=UTC))
NO_JSON = "null"
_SQUEEZE = zstandard.ZstdCompressor(level=1)


class ManyTickets:
    """A desk of many tickets, each with a mail in, an acknowledgement, a notice and an answer, as `refill` takes it."""

    def columns(self) -> Mapping[str, Sequence[str]]:
        return {table.name: list(table.c.keys()) for table in tables()}

    def lines(self) -> Iterator[tuple[str, bytes]]:
        for table in tables():
            rows = getattr(self, f"_{table.name}", None)
            if table.name == "ticket_number":
                yield table.name, _lines([[1, TICKETS + 1]])
            elif rows is not None:
                for first in range(1, TICKETS + 1, STEP):
                    made = [row for n in range(first, min(first + STEP, TICKETS + 1)) for row in rows(n)]
                    yield table.name, _lines([_in_order(table.name, row) for row in made])

    def large(self) -> Iterator[tuple[bytes, bytes]]:
        yield from ()

    def _blob(self, n: int) -> Iterator[dict[str, Any]]:
        for place in range(4):
            raw = _octets(n, place)
            packed = _SQUEEZE.compress(raw)
            yield {"sha256": _b64(hashlib.sha256(raw).digest()), "size": len(raw), "codec": "zstd",
                   "content": _b64(packed)}  # fmt: skip

    def _intake(self, n: int) -> Iterator[dict[str, Any]]:
        envelope = {"mail_from": f"kim{n}@customer.example", "rcpt_to": ["help@desk.example"]}
        yield {"id": n, "key": None, "source": "smtp", "envelope": json.dumps(envelope), "sha256": _sha(n, 0),
               "size": len(_octets(n, 0)), "received_at": AT + n, "quiet": False, "confirmed": False,
               "released": False, "attempts": 0, "state": "done", "reason": "", "digest": f"d{n}",
               "done_at": AT + n, "holder": None}  # fmt: skip

    def _ticket(self, n: int) -> Iterator[dict[str, Any]]:
        yield {"number": n, "version": 3, "status": "waiting", "door": "help", "department": "help",
               "subject": f"Câu hỏi số {n}", "requester": f"kim{n}@customer.example", "requester_name": "Kim",
               "language": "vi", "priority": "normal", "tags": "[]", "assignee": "", "answered": True,
               "department_fixed": False, "survey": True, "survey_open": False, "flood": False,
               "opened_by": f"kim{n}@customer.example", "created_at": AT + n, "closed_at": None, "first": NO_JSON,
               "merged_into": None, "related": None}  # fmt: skip

    def _entry(self, n: int) -> Iterator[dict[str, Any]]:
        for place in (0, 1):
            yield {"id": 2 * n + place, "ticket": n, "intake_id": n, "direction": "in", "kind": "person",
                   "author": f"kim{n}@customer.example", "author_name": "Kim", "public": True, "held": False,
                   "unverified": False, "body": "Nội dung của thư. " * 40, "message_id": f"<{n}.{place}@x>",
                   "at": AT + n, "door": "help", "digest": f"d{n}", "evidence": 0, "subject": f"Câu hỏi số {n}",
                   "attachments": "[]", "routed": "{}", "first": NO_JSON}  # fmt: skip

    def _event(self, n: int) -> Iterator[dict[str, Any]]:
        for place, kind in enumerate(("opened", "sent", "sent", "answered", "sent")):
            yield {"id": 5 * n + place, "ticket": n, "intake_id": n, "kind": kind, "actor": "gateway",
                   "data": json.dumps({"mail": kind, "recipient": f"kim{n}@customer.example"}),
                   "at": AT + n}  # fmt: skip

    def _decision(self, n: int) -> Iterator[dict[str, Any]]:
        yield {"id": n, "intake_id": n, "door": "help", "outcome": "ticketed", "ticket": n, "reasons": '["because"]',
               "rules": json.dumps([{"rule": "everything", "set": {"department": "help"}}] * 3),
               "facts": json.dumps({"evidence": 0, "author": f"kim{n}@customer.example"}), "rulebook": "r" * 64,
               "at": AT + n}  # fmt: skip

    def _outbox(self, n: int) -> Iterator[dict[str, Any]]:
        for place, kind in enumerate(("acknowledgement", "agent-notice", "answer"), 1):
            yield {"id": 3 * n + place, "kind": kind, "ticket": n, "cause": f"intake:{n}",
                   "recipient": f"kim{n}@customer.example", "key": f"kim{n}@customer.example",
                   "base": f"kim{n}@customer.example", "envelope_from": "bounce@desk.example",
                   "message_id": f"<{kind}{n}@x>", "header": _b64(b"Subject: hello\r\n" * 30), "body": _sha(n, place),
                   "automatic": True, "staff": False, "subject": "hello", "not_after": None, "state": "sent",
                   "attempts": 1, "next_at": AT + n, "created_at": AT + n, "since": AT + n, "reply": "250 ok",
                   "done_at": AT + n, "told": False, "holder": None}  # fmt: skip

    def _thread_id(self, n: int) -> Iterator[dict[str, Any]]:
        for place in range(4):
            yield {"message_id": f"<{n}.{place}@x>", "ticket": n, "own": bool(place)}

    def _seen(self, n: int) -> Iterator[dict[str, Any]]:
        yield {"digest": f"d{n}", "door": "help", "intake_id": n, "source": "smtp", "at": AT + n}

    def _participant(self, n: int) -> Iterator[dict[str, Any]]:
        key = f"kim{n}@customer.example"
        yield {"ticket": n, "key": key, "address": key, "name": "Kim", "verified": True, "role": "requester"}


def _in_order(name: str, row: Mapping[str, Any]) -> list[Any]:
    return [row[column] for column in ORDER[name]]


ORDER = {table.name: list(table.c.keys()) for table in tables()}


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _octets(n: int, place: int) -> bytes:
    """About 2 KB of a mail, half of it words and half of it as good as random."""
    noise = base64.b64encode(hashlib.shake_256(f"{n}.{place}".encode()).digest(600))
    return (
        f"From: kim{n}@customer.example\r\nSubject: {n}\r\n\r\n".encode() + b"some words again and again " * 40 + noise
    )


def _sha(n: int, place: int) -> str:
    return _b64(hashlib.sha256(_octets(n, place)).digest())


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def timed(gateway: Gateway, *words: str) -> tuple[float, float]:
    """Seconds and peak MiB of one command."""
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    command = [sys.executable, "-m", "gateway", *words, "-c", str(gateway.config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak >= before
    return time.monotonic() - began, peak / 1024


def test_yesterday_on_the_other_engine(tmp_path: Path, postgres: Postgres, shared_dovecot: Dovecot) -> None:
    """What `make test` does on one of the engines."""
    test_backup.test_yesterdays_backup_is_restored(tmp_path / "one", free_port(), "postgresql", postgres)
    test_backup.test_mail_that_came_after_the_backup_is_read_again(
        tmp_path / "two", shared_dovecot, free_port(), "sqlite", postgres
    )


def test_a_hundred_thousand_tickets(tmp_path: Path) -> None:
    one, two = desk_in(tmp_path / "one"), desk_in(tmp_path / "two")
    one.state.mkdir()
    (one.state / "keys").write_text(f"a {'0' * 64}\n")
    (one.state / "keys").chmod(0o600)
    url = f"sqlite:///{one.database}"
    migrate(url, shipped("migrations"))
    store = open_store(url, one.state)
    now = datetime.now(UTC)
    job = Refill(ManyTickets(), store.parts.blobs, now, now, b"Subject: made\r\n\r\n")
    store.parts.write("refill", job).result()
    store.close()
    archive = tmp_path / "desk.tar.gz"
    figures = [("backup", *timed(one, "backup", str(archive)))]
    figures.append(("verify", *timed(one, "backup", "--verify", str(archive))))
    figures.append(("restore", *timed(two, "restore", str(archive))))
    sizes = f"database {one.database.stat().st_size >> 20} MiB, archive {archive.stat().st_size >> 20} MiB"
    print(f"\n{TICKETS} tickets, {sizes}")
    for name, seconds, peak in figures:
        print(f"{name}: {seconds:.1f} s, {TICKETS / seconds:.0f} tickets/s, at most {peak:.0f} MiB")
    assert two.sound()
    assert max(peak for _, _, peak in figures) < 300
