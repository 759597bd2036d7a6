"""How the gateway is: what is seen of it at one instant, and what of that is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Ill(StrEnum):
    """Everything that can be wrong with a running gateway and that somebody must know."""

    MAILBOX_SILENT = "mailbox-silent"
    LOGIN_REFUSED = "login-refused"
    MAIL_MISSED = "mail-missed"
    MAILBOX_UNPROVEN = "mailbox-unproven"
    DISK = "disk"
    STORE = "store"
    DESK_STALLED = "desk-stalled"
    LARGE_STALLED = "large-mail-stalled"
    MAIL_WAITING = "mail-waiting"
    LOOP_FAILING = "part-failing"
    RELAY_DOWN = "relay-down"
    OUTBOX_OLD = "outbox-old"
    RULES_REFUSED = "rules-refused"
    QUARANTINE = "quarantine"
    BREAKER_OPEN = "breaker-open"
    ON_HOLD = "on-hold"
    CERTIFICATE = "certificate"
    LOG_LOST = "log-lost"
    CLOCK = "clock"
    COMMAND_FAILED = "alarm-command"


@dataclass(frozen=True, slots=True)
class FolderProof:
    """The last comparison of one IMAP folder with the ledger; counts are of messages."""

    mailbox: str
    folder: str
    at: datetime
    on_server: int  # listed by the server, all of them
    known: int  # of these: had their outcome, or are new
    missed: int  # of these: should have had one, and were fetched now
    unmoved: int  # of the known: were still to be moved
    changed: int  # of the known: came with other content under the same UID


@dataclass(frozen=True, slots=True)
class MailboxSign:
    """What is known of one IMAP mailbox. `silent`, `unproven`: seconds since the last good poll, the last proof of
    each of its folders, or since the start."""

    name: str
    silent: float
    unproven: float
    refused: str = ""  # what the server said to the last login, where it was refused
    trouble: str = ""  # why the last poll was not good
    proofs: tuple[FolderProof, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the store says of its queues."""

    waiting: int = 0
    oldest_waiting: datetime | None = None
    outbox: int = 0
    oldest_unsent: datetime | None = None
    quarantined: int = 0
    automatic_last_hour: int = 0  # automatic mails to customers
    held_since: datetime | None = None  # the desk is on hold: nothing goes out
    held_why: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """The gateway at one instant. Durations are seconds; a text is "" where nothing is wrong."""

    at: datetime
    pulse: Pulse = field(default_factory=Pulse)
    waits: float = 0.0  # the oldest mail that was kept and not handled
    unsent: float = 0.0  # the oldest mail that waits to be sent
    store: str = ""  # why the store cannot be read
    disk: str = ""  # why no mail can be taken
    rules: str = ""  # what is wrong with the rules on disk
    desk_still: float = 0.0
    large_still: float = 0.0
    parts: tuple[tuple[str, str], ...] = ()  # loops that failed lately, and how
    relay_down: float = 0.0  # how long every try to send has failed by the relay's fault
    relay: str = ""  # the last such failure
    certificates: tuple[str, ...] = ()  # those on disk that cannot be used, and why
    clock: str = ""  # why the desk does not go by the machine's clock
    log: str = ""  # why lines of the log do not get out
    command: str = ""  # how the alarms' own command failed last
    mailboxes: tuple[MailboxSign, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, and with what (`about`: a mailbox, a part, or "" where there is but one).

    `risk`: mail is at risk, so the health check is red. `reason`: one line in English for those who watch;
    `detail`: what a server or file said, as it said it.
    """

    ill: Ill
    about: str
    reason: str
    risk: bool
    since: datetime
    detail: str = ""
    count: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return (self.ill.value, self.about)


class Moment(StrEnum):
    """What there is to tell of an alarm."""

    BEGIN = "begin"
    REMINDER = "reminder"
    END = "end"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A trouble that is watched. It is an alarm once it `begun`; `gone`: since when its trouble is not seen."""

    trouble: Trouble
    seen: datetime  # when the trouble was seen first
    begun: datetime | None = None
    told: datetime | None = None  # the last time somebody was told
    gone: datetime | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to be told, once by each way out. `trouble` None: a test."""

    moment: Moment
    at: datetime
    trouble: Trouble | None = None
    until: datetime | None = None  # of an end: when the trouble was gone
