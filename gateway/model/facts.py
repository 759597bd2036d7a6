"""What the store knows that bears on one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.model.words import Mailbox, Status


@dataclass(frozen=True, slots=True)
class Participant:
    address: str
    name: str = ""
    verified: bool = False  # only verified ones receive answers
    role: str = "author"  # "requester", "author", "cc"


@dataclass(frozen=True, slots=True)
class FirstKey:
    """Orders the messages of a thread without regard to arrival: fewest references, then Date, then digest."""

    references: int
    date: str  # ISO UTC, or "9999" when there is none
    digest: str

    @property
    def order(self) -> tuple[int, str, str]:
        return (self.references, self.date, self.digest)


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """One ticket as a decision needs to see it. `version` is what the commit checks."""

    number: int
    version: int
    status: Status
    door: str
    department: str
    subject: str
    requester: Mailbox | None
    language: str
    created_at: datetime
    closed_at: datetime | None
    assignee: str  # address of an agent, or ""
    answered: bool  # a public answer has gone out
    participants: tuple[Participant, ...]
    first: FirstKey | None  # of its canonical first message
    department_fixed: bool  # set by a person: later mail does not re-route it
    merged_into: int | None = None
    survey_open: bool = False
    priority: str = "normal"
    flood: bool = False  # a flood ticket collects, acknowledges nothing
    acknowledged: tuple[str, ...] = ()  # address keys that were sent an acknowledgement


@dataclass(frozen=True, slots=True)
class Link:
    """A reference that a message in `ticket`, written by `author` (a key), makes to an id not (yet) in that ticket."""

    ref: str
    ticket: int
    author: str


@dataclass(frozen=True, slots=True)
class KnownId:
    """A Message-ID in a ticket. `own`: we made it."""

    message_id: str
    ticket: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class SentMail:
    """One automatic mail to one address, for the caps."""

    at: datetime
    kind: str
    subject: str  # normalised


@dataclass(frozen=True, slots=True)
class StagedMail:
    """An agent's mail that waits for its confirmation."""

    intake_id: int
    ticket: int
    agent: str
    released: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """The one read: everything the store knows that bears on one message."""

    tickets: Mapping[int, TicketFacts] = field(default_factory=dict)  # named ones and their thread neighbourhood
    ids: tuple[KnownId, ...] = ()
    links: tuple[Link, ...] = ()
    seen_doors: tuple[str, ...] = ()  # doors at which this digest has had its outcome
    contact_language: str = ""
    known_correspondent: bool = False  # they have been written to by a person of ours
    sent: tuple[SentMail, ...] = ()  # automatic mail to this author, last 24 h
    sent_all_last_hour: int = 0
    opened_last_hour: int = 0  # tickets opened by this author
    flood_ticket: int | None = None
    muted: bool = False  # address bounced too often
    staged: StagedMail | None = None
    next_number: int = 1
