"""What the store knows that bears on one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.model.words import Json, Mailbox, Status


@dataclass(frozen=True, slots=True)
class Participant:
    address: str
    name: str = ""
    verified: bool = False  # only verified ones receive answers
    role: str = "author"  # "requester", "author", "cc"; "out": left out by an agent


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
class Entry:
    """One message on a ticket as people see it (requesters', agents' and our own)."""

    ticket: int
    direction: str  # "in", "out", "note"
    kind: str  # MailKind or notice kind
    author: Mailbox | None
    public: bool
    held: bool
    unverified: bool
    body: str
    message_id: str
    at: datetime
    door: str = ""
    digest: str = ""
    evidence: int = 0
    subject: str = ""
    attachments: tuple[tuple[str, str, int], ...] = ()  # name, type, size
    routed: Mapping[str, Json] = field(default_factory=dict)  # what routing said of this one alone
    first: FirstKey | None = None


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
    thread_ids: tuple[str, ...] = ()  # Message-IDs of the last inbound public entries, oldest first, at most 10
    recent: tuple[Entry, ...] = ()  # the last entries, oldest first, at most 5
    survey: bool = True  # whether its requester is asked once it is closed
    tags: tuple[str, ...] = ()


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
class Standing:
    """What the caps ask of one address: the automatic mail it was sent in the last 24 h, and whether it is dead."""

    sent: tuple[SentMail, ...] = ()
    muted: bool = False


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
    requesters: Mapping[str, Standing] = field(default_factory=dict)  # of those tickets, by key, but the author
