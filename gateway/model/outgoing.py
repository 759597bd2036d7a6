"""What goes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.model.facts import Entry, TicketFacts


class Sent(StrEnum):
    """What became of one try. After TROUBLE the mail counts as not tried."""

    DELIVERED = "delivered"
    LATER = "later"  # 4xx to this mail
    UNCLEAR = "unclear"  # this mail's fault or the relay's: the connection broke in the middle of it, 421, 4.3.x
    TROUBLE = "trouble"  # the relay cannot be worked with (connection, TLS, login), which says nothing about the mail
    REFUSED = "refused"  # 5xx


class Large(Protocol):
    """A mail that is too large to be held in memory; its length is in octets. Made by us: no CR or LF stands alone."""

    def __len__(self) -> int: ...
    def isascii(self) -> bool: ...
    def blocks(self) -> Iterator[bytes]:
        """The octets from the beginning, in pieces of any size. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail as a sender claims it."""

    id: int
    ticket: int
    kind: str
    recipient: str
    envelope_from: str
    message_id: str
    data: bytes | Large = field(repr=False)  # header, blank line, body; CRLF
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SendResult:
    outbox_id: int
    sent: Sent
    reply: str = ""  # "250 2.0.0 Ok", "451 4.3.0 ...": bounded, printable
    rest: float = 0.0  # with TROUBLE: seconds the relay is to be left alone at least


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A mail that will not be delivered, and of which nobody has been told. A notice of kind "undelivered" with
    `cause` as its cause tells of it (law 3: once)."""

    outbox_id: int
    ticket: int  # 0: of no ticket
    kind: str
    recipient: str
    message_id: str
    subject: str  # normalised
    reply: str  # the last answer of the relay
    attempts: int
    staff: bool
    created_at: datetime
    failed_at: datetime

    @property
    def cause(self) -> str:
        return f"outbox:{self.outbox_id}"


@dataclass(frozen=True, slots=True)
class DueTarget:
    """A target past its due time and not yet escalated, with what the notice shows."""

    ticket: TicketFacts
    kind: str
    due: datetime
    thread: tuple[Entry, ...]
