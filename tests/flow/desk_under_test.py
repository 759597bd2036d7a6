"""A whole desk in one process: the real store on SQLite, the real path, a clock that the test moves, mails caught."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import Message as StdMessage
from functools import lru_cache
from pathlib import Path

from gateway.build import RULE_ENDINGS, TEMPLATE_ENDINGS, shipped
from gateway.edge.files import read_folder
from gateway.flow.current import Current, Fixed, load_current
from gateway.flow.receive import Desk, Tools
from gateway.flow.send import Sending
from gateway.flow.tick import tick
from gateway.mail.parse import read_message
from gateway.model import Envelope, Outgoing, Received, SendResult, Sent, Source
from gateway.options import Caps, Keys, ReadLimits, Retry
from gateway.options import Desk as DeskOptions
from gateway.store.store import Store, migrate, open_store

KEYS = Keys((("a", b"k" * 32),))
DESK = DeskOptions(prefix="CTY", domain="desk.example", bounce_address="bounce@desk.example", name="Công ty Ví dụ")
START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)  # Monday 08:30 in Viet Nam


@dataclass(frozen=True)
class Mail:
    """One mail as its receiver sees it."""

    to: str
    kind: str
    envelope_from: str
    raw: bytes

    @property
    def message(self) -> StdMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))  # type: ignore[attr-defined]
        return body.get_content() if body is not None else ""

    def header(self, name: str) -> str:
        return str(self.message.get(name, ""))


@lru_cache(maxsize=8)
def _loaded(rule_files: tuple[tuple[str, str], ...]) -> Current:
    """Rules and templates are frozen: compiled once for all desks of a run."""
    fixed = Fixed(DESK, KEYS, Caps(), ReadLimits())
    return load_current(fixed, dict(rule_files), read_folder(shipped("templates"), TEMPLATE_ENDINGS))


class DeskUnderTest:
    """Feeds mail in, lets the desk settle, hands out what was sent."""

    def __init__(
        self,
        folder: Path,
        *,
        rules: dict[str, str] | None = None,
        caps: Caps | None = None,
        authserv_ids: frozenset[str] = frozenset({"mx.desk.example"}),
        start: datetime = START,
        url: str = "",
        options: DeskOptions = DESK,
    ) -> None:
        self.now = start
        fixed = Fixed(options, KEYS, caps or Caps(), ReadLimits(), authserv_ids)
        rule_files = rules or read_folder(shipped("rules"), RULE_ENDINGS)
        self.current: Current = replace(_loaded(tuple(sorted(rule_files.items()))), fixed=fixed)
        url = url or f"sqlite:///{folder / 'desk.sqlite'}"
        migrate(url, shipped("migrations"))
        self.store: Store = open_store(url, folder)
        self.refuse: dict[str, SendResult] = {}
        self.mails: list[Mail] = []
        self.received = 0  # the last intake id
        self.desk = Desk(Tools(self.store, lambda: self.current, lambda: self.now, self._in_child))
        self.sending = Sending(self.store, self._transmit, lambda: self.current, lambda: self.now, Retry(), lambda: 1.0)

    def _in_child(self, raw: bytes):  # type: ignore[no-untyped-def]
        return read_message(raw, ReadLimits())

    def _transmit(self, batch: Sequence[Outgoing], _then: Outgoing | None = None) -> list[SendResult]:
        results = []
        for mail in batch:
            refused = self.refuse.get(mail.recipient)
            if refused is None:
                data = mail.data if isinstance(mail.data, bytes) else b"".join(mail.data.blocks())
                self.mails.append(Mail(mail.recipient, mail.kind, mail.envelope_from, data))
                results.append(SendResult(mail.id, Sent.DELIVERED, "250 ok"))
            else:
                results.append(replace(refused, outbox_id=mail.id))
        return results

    def receive(
        self,
        raw: bytes,
        rcpt: Sequence[str],
        *,
        mail_from: str = "",
        auth: str | None = None,
        source: Source | None = None,
        settle: bool = True,
        quiet: bool = False,
        vouched: bool = True,
    ) -> int:
        """Keeps one mail; settles unless told not to. Returns the intake id."""
        source = source or (Source.SUBMISSION if auth else Source.SMTP)
        envelope = Envelope(mail_from, tuple(rcpt), auth, "192.0.2.1", "client", vouched=vouched)
        number = self.store.accept(Received(source, envelope, raw, self.now, quiet=quiet)).result(timeout=30)
        self.received = max(self.received, number)
        if settle:
            self.settle()
        return number

    def settle(self) -> None:
        """Until nothing waits on the desk and nothing due waits in the outbox."""
        for _ in range(200):
            worked = self.desk.step() + self.desk.step_slow() + self.sending.step()
            if not worked and not self.desk._slow:
                return
        raise AssertionError("the desk does not come to rest")

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)
        tick(self.store, self.current, self.now, lambda: None)
        self.settle()

    def tickets(self) -> list[dict]:  # type: ignore[type-arg]
        return list(self.store.tickets({}, DESK.prefix))

    def sent_to(self, address: str, kind: str = "") -> list[Mail]:
        return [mail for mail in self.mails if mail.to == address and (not kind or mail.kind == kind)]

    def close(self) -> None:
        self.store.close()
