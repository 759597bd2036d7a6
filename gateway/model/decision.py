"""What follows from one message or one tick: verdicts, changes, notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.model.facts import Entry, FirstKey, KnownId, Link, Participant
from gateway.model.incoming import Attachment
from gateway.model.words import Json, Mailbox, Outcome, Purpose, Status


@dataclass(frozen=True, slots=True)
class NewTicket:
    number: int
    door: str
    department: str
    subject: str
    requester: Mailbox | None
    language: str
    status: Status
    priority: str
    tags: tuple[str, ...]
    first: FirstKey | None
    flood: bool = False
    related: int | None = None  # "may belong to"
    survey: bool = True  # whether its requester is asked once it is closed


@dataclass(frozen=True, slots=True)
class TicketChange:
    """Sets columns of one ticket; `expected` is the version it was decided on (None: made in this decision)."""

    number: int
    expected: int | None
    values: Mapping[str, Json | datetime | FirstKey]


@dataclass(frozen=True, slots=True)
class Merge:
    """Everything of `loser` moves to `winner` (the lower number); the loser redirects."""

    loser: int
    winner: int
    loser_version: int
    winner_version: int


@dataclass(frozen=True, slots=True)
class ThreadKeys:
    """Ids that now belong to the ticket, and references still open."""

    ticket: int
    ids: tuple[KnownId, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class AddParticipants:
    ticket: int
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a ticket's history, with its reasons (law 8)."""

    ticket: int
    kind: str
    actor: str  # address, "rules", "clock" or "gateway"
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetTarget:
    """An SLA target. `due` in UTC."""

    ticket: int
    kind: str  # "first-response"
    due: datetime


@dataclass(frozen=True, slots=True)
class MeetTarget:
    ticket: int
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BreachTarget:
    """Marks a target as escalated, once (law 10)."""

    ticket: int
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SurveyAnswer:
    ticket: int
    worked: bool | None
    more_needed: bool | None
    comment: str


@dataclass(frozen=True, slots=True)
class BounceSeen:
    address: str
    permanent: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Stage:
    """Keeps an agent's mail until confirmed."""

    intake_id: int
    ticket: int
    agent: str


@dataclass(frozen=True, slots=True)
class Release:
    """Puts the staged mail back into intake as confirmed; single use."""

    intake_id: int


@dataclass(frozen=True, slots=True)
class Contact:
    """What is learned of a person: reply language."""

    address: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail the gateway is to write. Rendered from `templates/<kind>.<language>.*` with `values`."""

    kind: str
    ticket: int
    cause: str  # unique with kind and ticket (law 3)
    to: Mailbox
    language: str
    department: str
    values: Mapping[str, object]
    subject: str  # final, tag included
    sender: Mailbox
    reply_purpose: Purpose | None  # a signed Reply-To is made where the mailbox can take one
    reply_number: int
    auto_submitted: str = ""  # "auto-replied", "auto-generated", or "" for a person's words
    null_sender: bool = False
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    shown_to: tuple[Mailbox, ...] = ()  # To/Cc as written; the envelope is `to` alone
    shown_cc: tuple[Mailbox, ...] = ()
    not_after: datetime | None = None
    staff: bool = False  # to an agent or manager: caps do not apply
    topic: str = ""  # the subject of what it answers, without marks, lower case: what the caps compare


@dataclass(frozen=True, slots=True)
class OutMail:
    """A finished mail. The row is unique by (kind, ticket, cause, recipient)."""

    kind: str
    ticket: int
    cause: str
    recipient: str
    envelope_from: str  # "" is the null reverse-path
    message_id: str
    header: bytes  # complete header block without the blank line
    body: bytes  # stored once for many recipients
    automatic: bool
    staff: bool
    subject: str  # normalised, for the caps
    not_after: datetime | None = None
    hold: bool = False


Change = (
    NewTicket
    | TicketChange
    | Merge
    | Entry
    | ThreadKeys
    | AddParticipants
    | Event
    | SetTarget
    | MeetTarget
    | BreachTarget
    | SurveyAnswer
    | BounceSeen
    | Stage
    | Release
    | Contact
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One outcome at one door."""

    door: str
    outcome: Outcome
    ticket: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """All that follows from one message or one tick; written whole or not at all."""

    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...] = ()
    notices: tuple[Notice, ...] = ()
    rules: tuple[Json, ...] = ()  # the rules that set something
    rulebook: str = ""  # digest


@dataclass(frozen=True, slots=True)
class Commit:
    """What one decision asks the store to write in one transaction. `intake_id` None: a tick."""

    intake_id: int | None
    digest: str
    decision: Decision
    mails: tuple[OutMail, ...]
    at: datetime
    facts: Mapping[str, Json] = field(default_factory=dict)  # snapshot, for `why`
    took_number: int = 0  # how many ticket numbers from `Facts.next_number` on were used
    strict_repeat: bool = False  # without Message-ID: a repeat only within 24 h from the same `source`
    source: str = ""


class Stale(Exception):
    """The facts of a decision have changed; decide again (law 3: nothing was written)."""
