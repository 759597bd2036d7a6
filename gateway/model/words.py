"""What things are called: the closed sets of the domain, and a mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Source(StrEnum):
    """Which edge a message came in by."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    IMAP = "imap"
    HTTP = "http"
    RESTORE = "restore"  # no mail: the record that a backup was restored


class Evidence(IntEnum):
    """What proves who wrote; the weakest is a From header alone. E3 is needed to act as an agent."""

    E0 = 0
    E1 = 1
    E2 = 2
    E3 = 3


class MailKind(StrEnum):
    """What a message is, whoever wrote it."""

    PERSON = "person"
    MACHINE = "machine"  # automatic, and work: a monitor, a registrar, a contact form
    LIST = "list"
    AUTO_REPLY = "auto-reply"
    OUT_OF_OFFICE = "out-of-office"
    BOUNCE = "bounce"
    DELAY = "delay"
    RECEIPT = "receipt"
    FEEDBACK = "feedback"
    CALENDAR = "calendar"
    OWN = "own"


class Outcome(StrEnum):
    """The one outcome of one message at one door (law 2)."""

    TICKETED = "ticketed"
    JOINED = "joined"
    ANSWERED = "answered"  # an agent's words went to the customer
    NOTED = "noted"  # an agent's note or commands
    STAGED = "staged"  # an agent's mail kept until the agent confirms
    RETURNED = "returned"  # an agent's mail sent back to the agent with the reason
    SURVEYED = "surveyed"
    AUTOMATIC = "automatic"  # recorded, no work in it
    BOUNCE = "bounce"
    DUPLICATE = "duplicate"
    HELD = "held"
    QUARANTINED = "quarantined"


class Status(StrEnum):
    """State of a ticket. MERGED tickets only redirect to `merged_into`."""

    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"  # for the customer
    CLOSED = "closed"
    MERGED = "merged"


class Purpose(StrEnum):
    """What a signed address or Message-ID is for; each purpose has its own signatures."""

    REPLY = "r"  # a customer or participant
    AGENT = "a"
    NOTE = "n"
    ESCALATION = "e"
    SURVEY = "s"
    CONFIRM = "c"  # `number` is the intake id of the staged mail
    BOUNCE = "b"  # envelope sender (VERP)


def address_key(address: str) -> str:
    """The form in which two addresses are compared: case folded to lower, outer blanks gone."""
    return address.strip().lower()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address with its display name; `address` keeps the case it was written in."""

    address: str
    name: str = ""

    @property
    def key(self) -> str:
        return address_key(self.address)
