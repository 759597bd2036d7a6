"""What the poller is given in tests: a store in memory with the store's promises, and faults on request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.edge.imap_in import Backoff, ImapPoller
from gateway.model import FolderProof, LedgerRow, Received
from gateway.options import ImapMailbox
from tests.servers.dovecot import Dovecot


class Memory:
    """Ledger and intake in one, as the store is: a message, its key and its row come in one commit."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], tuple[int, int, int, datetime]] = {}
        self.rows: dict[tuple[str, str, int, int], str] = {}
        self.kept_marks: dict[tuple[str, str, int, int], int] = {}
        self.proofs: list[FolderProof] = []  # every one, in order
        self.intake: dict[str, Received] = {}
        self.accepted: list[Received] = []  # every call, repeats too
        self.beats: list[str] = []
        self.why_not = ""  # what `ready` says
        self.fault: Callable[[Received], Exception | None] = lambda received: None
        self._lock = threading.Lock()

    # ---- Ledger

    def state(self, mailbox: str, folder: str) -> tuple[int, int, int, datetime] | None:
        return self.states.get((mailbox, folder))

    def begin(
        self, mailbox: str, folder: str, uidvalidity: int, highest: int, cutoff: int, since: datetime
    ) -> Future[None]:
        self.states[mailbox, folder] = (uidvalidity, highest, cutoff, since)
        return done(None)

    def advance(self, mailbox: str, folder: str, uidvalidity: int, highest: int) -> Future[None]:
        now = self.states[mailbox, folder]
        assert now[0] == uidvalidity
        assert highest > now[1], "the cursor goes forward only"
        self.states[mailbox, folder] = (uidvalidity, highest, *now[2:])
        return done(None)

    def known(self, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, str]:
        assert len(uids) <= 500
        keys = {uid: (mailbox, folder, uidvalidity, uid) for uid in uids}
        return {uid: self.rows[key] for uid, key in keys.items() if key in self.rows}

    def marks(self, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, int]:
        assert len(uids) <= 500
        keys = {uid: (mailbox, folder, uidvalidity, uid) for uid in uids}
        return {uid: self.kept_marks[key] for uid, key in keys.items() if self.kept_marks.get(key)}

    def prove(self, proof: FolderProof) -> Future[None]:
        self.proofs.append(proof)
        return done(None)

    def put(self, rows: Sequence[LedgerRow]) -> Future[None]:
        with self._lock:
            for row in rows:
                self.rows.setdefault((row.mailbox, row.folder, row.uidvalidity, row.uid), row.outcome)
        return done(None)

    # ---- intake

    def accept(self, received: Received) -> Future[int]:
        """Raises what `fault` returns; a fault with `after = True` comes when the commit is done already."""
        error = self.fault(received)
        if error is not None and not getattr(error, "after", False):
            raise error
        assert received.ledger is not None
        assert received.key is not None
        with self._lock:
            self.accepted.append(received)
            same = self.intake.setdefault(received.key, received)
            if same.raw != received.raw:  # as the store has it: other octets are another mail
                self.intake.setdefault(f"{received.key}#{received.raw!r}", received)
            key = (received.ledger.mailbox, received.ledger.folder, received.ledger.uidvalidity, received.ledger.uid)
            if self.rows.get(key) != "kept":
                self.rows[key] = received.ledger.outcome
            if received.ledger.mark:
                self.kept_marks[key] = received.ledger.mark
        if error is not None:
            failed: Future[int] = Future()
            failed.set_exception(error)
            return failed
        return done(len(self.intake))

    # ---- what tests ask

    @property
    def bodies(self) -> list[bytes]:
        return [received.raw for received in self.intake.values()]

    def outcomes(self, folder: str = "INBOX") -> list[str]:
        """Outcomes of one folder, by UIDVALIDITY and UID."""
        return [outcome for key, outcome in sorted(self.rows.items()) if key[1] == folder]


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def mailbox(port: int, user: str, **options: Any) -> ImapMailbox:
    """A mailbox on a plain loopback port, with short times."""
    given = ImapMailbox(
        name="support", host="localhost", user=user, password="secret", address="support@desk.example",
        port=port, tls="none", poll=0.2, timeout=5.0,
    )  # fmt: skip
    return replace(given, **options)


def poller(memory: Memory, box: ImapMailbox, **options: Any) -> ImapPoller:
    made = ImapPoller(
        box, memory.accept, memory, lambda: datetime.now(UTC), lambda: memory.why_not, memory.beats.append, **options
    )
    made.backoff = Backoff(first=0.02, last=0.1, refused=0.3)
    return made


class Running:
    """`run` in its thread, as a context manager; it must end within 5 s of the stop."""

    def __init__(self, made: ImapPoller) -> None:
        self.poller = made
        self._stop = threading.Event()
        self._thread = threading.Thread(target=made.run, args=(self._stop,), daemon=True)

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive(), "the poller does not stop"


def mail(number: int, text: str = "") -> bytes:
    return (
        f"From: Customer {number} <customer{number}@example.com>\r\nTo: support@desk.example\r\n"
        f"Subject: Question {number}\r\nMessage-ID: <q{number}@example.com>\r\n\r\n{text or f'Text {number}.'}\r\n"
    ).encode()


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def polling(server: Dovecot, user: str, **options: Any) -> tuple[Memory, ImapPoller]:
    """A poller that has had its first contact with an empty mailbox."""
    memory = Memory()
    made = poller(memory, mailbox(server.imap_port, user, **options))
    assert made.poll_once().kept == 0
    return memory, made
