"""What the store tests write: mails, decisions and commits in few words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.model import (
    AddParticipants,
    Change,
    Commit,
    Decision,
    Entry,
    Envelope,
    FirstKey,
    KnownId,
    Link,
    Mailbox,
    NewTicket,
    Outcome,
    OutMail,
    Participant,
    Received,
    Source,
    Status,
    ThreadKeys,
    Verdict,
)
from gateway.store.store import FactsQuery, Store, migrate, open_store
from tests.servers.postgres import Postgres

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
ANNA = "anna@client.example"


_server: Postgres | None = None
_named: dict[Path, str] = {}


def url_of(folder: Path) -> str:
    """A database of this folder's own, on the engine that is tested. On PostgreSQL it has its schema already."""
    if _server is None:
        return f"sqlite:///{folder / 'gateway.db'}"
    if folder not in _named:
        _named[folder] = _server.migrated()
    return _server.url(_named[folder])


@contextmanager
def databases(server: Postgres) -> Iterator[None]:
    """Makes databases on this server for the length of one test."""
    global _server
    _server = server
    try:
        yield
    finally:
        _server = None
        while _named:
            server.give_back(_named.popitem()[1])


def new_store(folder: Path, **options: Any) -> Store:
    migrate(url_of(folder), MIGRATIONS)
    return open_store(url_of(folder), folder, **options)


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Store]:
    store = new_store(folder, **options)
    try:
        yield store
    finally:
        store.close()


def mail(text: str = "hello", key: str | None = None, **options: Any) -> Received:
    raw = f"From: {ANNA}\r\nSubject: {text[:40]}\r\n\r\n{text}\r\n".encode()
    return Received(Source.SMTP, Envelope(ANNA, ("support@desk.example",), peer="192.0.2.1"), raw, NOW, key, **options)


def kept(store: Store, text: str = "hello") -> int:
    return store.accept(mail(text)).result(10)


def new_ticket(number: int, door: str = "sales", author: str = ANNA, **options: Any) -> NewTicket:
    values: dict[str, Any] = {
        "number": number,
        "door": door,
        "department": door or "sales",
        "subject": f"subject {number}",
        "requester": Mailbox(author, "Anna"),
        "language": "en",
        "status": Status.NEW,
        "priority": "normal",
        "tags": ("vip",),
        "first": FirstKey(0, "2026-11-02T03:00:00Z", f"digest{number}"),
    }
    return NewTicket(**{**values, **options})


def entry(number: int, message_id: str = "", author: str = ANNA, direction: str = "in", **options: Any) -> Entry:
    values: dict[str, Any] = {
        "ticket": number,
        "direction": direction,
        "kind": "person",
        "author": Mailbox(author, "Anna"),
        "public": True,
        "held": False,
        "unverified": False,
        "body": f"body of {message_id or number}",
        "message_id": message_id,
        "at": NOW,
        "door": "sales",
    }
    return Entry(**{**values, **options})


def keys(number: int, ids: Sequence[str], links: Sequence[tuple[str, str]] = ()) -> ThreadKeys:
    known = tuple(KnownId(one, number) for one in ids)
    return ThreadKeys(number, known, tuple(Link(ref, number, author) for ref, author in links))


def people(number: int, *addresses: str, **options: Any) -> AddParticipants:
    return AddParticipants(number, tuple(Participant(address, **options) for address in addresses))


def notice(number: int, cause: str, recipient: str = ANNA, kind: str = "acknowledgement", **options: Any) -> OutMail:
    values: dict[str, Any] = {
        "kind": kind,
        "ticket": number,
        "cause": cause,
        "recipient": recipient,
        "envelope_from": "bounce@desk.example",
        "message_id": f"<{kind}.{number}.{cause}.{recipient}>",
        "header": b"Subject: received\r\n",
        "body": b"We have your mail.\r\n",
        "automatic": True,
        "staff": False,
        "subject": "received",
    }
    return OutMail(**{**values, **options})


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def commit(
    intake: int | None,
    *changes: Change,
    door: str = "sales",
    outcome: Outcome = Outcome.TICKETED,
    ticket: int | None = None,
    mails: Sequence[OutMail] = (),
    digest: str | None = None,
    **options: Any,
) -> Commit:
    took = sum(isinstance(change, NewTicket) for change in changes)
    verdicts = (Verdict(door, outcome, ticket, ("because",)),) if intake is not None else ()
    decision = Decision(verdicts, changes, (), ({"rule": "one"},), "rulebook")
    known = digest_of(f"intake {intake}") if digest is None and intake is not None else (digest or "")
    return Commit(intake, known, decision, tuple(mails), options.pop("at", NOW), {"evidence": 1}, took, **options)


def make_ticket(
    store: Store, number: int, *changes: Change, message_id: str = "", door: str = "sales", **options: Any
) -> int:
    """A ticket with one message; gives its intake id."""
    intake = kept(store, f"ticket {number}")
    own = message_id or f"<m{number}@client.example>"
    done = commit(
        intake,
        new_ticket(number, door),
        entry(number, own, door=door),
        people(number, ANNA, verified=True, role="requester"),
        keys(number, [own]),
        *changes,
        door=door,
        ticket=number,
        **options,
    )
    store.commit(done).result(10)
    return intake


def ask(**options: Any) -> FactsQuery:
    values: dict[str, Any] = {
        "intake_id": 0,
        "digest": "",
        "door": "sales",
        "author": ANNA,
        "own_id": "",
        "refs": (),
        "ticket_numbers": (),
        "staged_intake": None,
        "now": NOW + timedelta(minutes=1),
    }
    return FactsQuery(**{**values, **options})
