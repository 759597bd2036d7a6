"""What comes in, and what a message says once it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gateway.model.words import Evidence, Mailbox, MailKind, Purpose, Source


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 envelope. `mail_from` is None where it is unknown (IMAP) and "" for the null reverse-path."""

    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()
    auth_user: str | None = None  # authenticated submission: the login, an address, lower case
    peer: str = ""  # IP address of the client
    helo: str = ""
    mailbox: str = ""  # IMAP: name of the configured mailbox
    vouched: bool = False  # the peer is a trusted relay or the mailbox is ours: its border host's headers count


@dataclass(frozen=True, slots=True)
class Spooled:
    """Raw octets that are too many to be held in memory: in a scratch file of the store, which sees to it."""

    path: str
    size: int
    sha256: bytes = field(repr=False)

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True, slots=True)
class Received:
    """One message as an edge got it, on its way into intake. `key` makes a repeat by the same edge one row."""

    source: Source
    envelope: Envelope
    raw: bytes | Spooled
    at: datetime
    key: str | None = None  # unique where given: "imap:<mailbox>:<folder>:<uidvalidity>:<uid>"
    quiet: bool = False  # first import: ticket it, acknowledge nothing
    ledger: LedgerRow | None = None  # written in the same commit


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the IMAP ledger: what became of one UID."""

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    outcome: str  # "kept", "gone" (expunged before we could fetch), "skipped" (older than the cut-off), "refused"
    mark: int = 0  # tells the message from another under the same UID; 0: unknown


@dataclass(frozen=True, slots=True)
class Intake:
    """A kept, not yet handled message as the desk claims it."""

    id: int
    source: Source
    envelope: Envelope
    raw: bytes
    at: datetime
    quiet: bool = False
    attempts: int = 0
    confirmed: bool = False  # a staged agent mail, released by its confirmation: counts as E3
    released: bool = False  # let out of quarantine by a person: no rule holds it again
    size: int = 0  # of the raw octets, also where these are left out, since they are many


@dataclass(frozen=True, slots=True)
class Attachment:
    """One leaf part that is not body text. `path` is "1", "2.1": the IMAP part number."""

    path: str
    name: str  # a label, safe to show and to write in a header; never a file path
    type: str  # "image/png"
    content: bytes = field(repr=False)  # decoded
    inline: bool = False
    content_id: str = ""  # without angle brackets
    encoded: Encoded | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Encoded:
    """An attachment as base64 that can stand in a mail of ours as it is, so that it need not be encoded again: lines of
    76 letters that end with CR LF, the last one without. `at`: where it begins in the raw octets."""

    octets: memoryview = field(repr=False)  # of the raw octets: no copy of them
    at: int


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """RFC 3464 in short; of a bounce without such a report, what its words say."""

    action: str  # "failed", "delayed", "delivered", "relayed", "expanded" or ""
    status: str  # "5.1.1" or ""
    recipients: tuple[str, ...]
    diagnostic: str = ""
    original_message_id: str = ""
    soft: bool = False  # no status, but a full mailbox or another failure that passes

    @property
    def permanent(self) -> bool:
        """A failure for good: 5.x.x, or no status and no word of one that passes."""
        return self.action in ("failed", "") and not self.status.startswith("4") and not self.soft


class Region(NamedTuple):
    """Lines `first` to `end` of a text that was made from HTML, and what the mail client marked them as.

    `kind`: "quote" (older mail), "container" (the same, but answers may stand between its quotes), "lead" (the line
    above it), "rest" (the header block above older mail that goes on to the end) or "signature". `first` == `end` where
    a mark holds no text.
    """

    kind: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """One RFC 5322 message, read. Every field is safe to store: no NUL, no lone surrogate, bounded."""

    message_id: str  # "<...>", or "" when there is none that can be used
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]  # oldest first, at most the last 20
    author: Mailbox | None  # the strict reading of exactly one From with exactly one mailbox, else None
    shown_from: Mailbox | None  # a lenient reading, to show and to answer; never evidence
    reply_to: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    subject: str  # decoded, controls stripped, at most 255 characters
    date: datetime | None
    headers: tuple[tuple[str, str], ...]  # (lower-case name, decoded unfolded value), in order
    content_type: str  # of the whole, "multipart/report"
    content_params: Mapping[str, str]
    text: str  # the full text, from text/plain or else from HTML; at most 1 MiB
    html: str  # the HTML as sent, "" if none; at most 1 MiB
    attachments: tuple[Attachment, ...]
    report: DeliveryReport | None
    digest: str  # hex; over originator fields and decoded leaf bodies
    size: int
    defects: tuple[str, ...] = ()
    html_text: str = ""  # what a reader of the HTML sees; `text` is this where there is no text/plain of use
    regions: tuple[Region, ...] = ()  # of `html_text`

    def header(self, name: str) -> str:
        """The first value of a header, "" if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), "")

    def header_all(self, name: str) -> tuple[str, ...]:
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key == wanted)


@dataclass(frozen=True, slots=True)
class Token:
    """The fields of a signed address or Message-ID. `party` is a keyed hash of the address it was given to."""

    purpose: Purpose
    number: int
    party: str
    day: int  # expiry, days since 2020-01-01 UTC
    kid: str


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """A token found in a message, its signature verified. Unverifiable ones are never reported."""

    token: Token
    expired: bool
    own: bool  # it was given to the address in From
    where: str  # "recipient" (signed address) or "reference" (signed Message-ID)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that the postmaster's wing says about one message."""

    message: Message
    kind: MailKind
    may_answer: bool  # may it be answered automatically? (RFC 3834)
    is_work: bool  # does it want a ticket?
    reason: str  # why kind, may_answer and is_work are what they are
    evidence: Evidence
    evidence_reason: str
    language: str  # "vi", "zh", "en", or "" when unsure
    new_text: str  # what the author added; never empty where `message.text` is not
    tokens: tuple[TokenCheck, ...]
    tag: int | None  # from the subject
    own_ids: tuple[str, ...] = ()  # references that are Message-IDs of our own making, verified or not
    bounced: tuple[str, ...] = ()  # recipients of its delivery report to whom a signature found in it was given
    new_topic: bool = False  # it refers to older mail, and neither subject nor text looks like an answer
    conversation: str = ""  # Outlook's conversation, in the form of a Message-ID
    begins: bool = False  # it is the first mail of that conversation
