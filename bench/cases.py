"""What is measured: each case by name, the desk it runs on, and how its mails are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bench.letters import Acknowledged, Letter, Writer, customers_of

WARM_UP = 300  # mails before a desk is measured


class Kind(Enum):
    """What the mails of a case are."""

    TEXT = "text"
    PAGE = "page"
    ATTACHMENT = "attachment"
    REPLY = "reply"  # to what was acknowledged just before
    MAILBOX = "mailbox"  # waits in an IMAP mailbox
    OLD = "old"  # a reply to any of the prepared tickets


DEARER = {Kind.TEXT: 1, Kind.REPLY: 1, Kind.OLD: 1, Kind.MAILBOX: 1, Kind.PAGE: 4, Kind.ATTACHMENT: 25}
"""How many times the work of a text one of them may be: measurements then last about as long."""


@dataclass(frozen=True, slots=True)
class Home:
    """A desk: how many tickets it has before the first mail, and who is told of new ones."""

    name: str
    tickets: int = 1_000
    agents: int = 1
    counted: bool = False  # SQL statements are counted, which costs time: its times are not reported

    @property
    def anew(self) -> bool:
        """Whether every round begins with a fresh copy. A million tickets do not feel a few thousand more."""
        return self.tickets < 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    title: str
    connections: int
    kind: Kind = Kind.TEXT
    home: str = "1k"
    rate: float = 0.0  # open loop, mails a second
    one_each: bool = False
    known: bool = True  # the senders are known to the desk
    slow: float = 0.0  # seconds more for every sync
    quick: bool = False  # part of --quick
    mails: int = 0  # exactly so many, whatever the speed, and in the first round alone

    @property
    def out(self) -> int:
        """Mails that one of these brings about on a desk with one agent."""
        return 1 if self.kind in (Kind.REPLY, Kind.OLD) else 2


HOMES = (
    Home("1k"),
    Home("1k, two agents", agents=2),
    Home("1k, counted", counted=True),
    Home("1k, long"),
    Home("1k, mailbox"),
    Home("100k", tickets=100_000),
    Home("1m", tickets=1_000_000),
)
CASES = (
    Case("text-c1", "2 KB text, 1 connection", 1, quick=True),
    Case("text-c4", "2 KB text, 4 connections", 4),
    Case("text-c20", "2 KB text, 20 connections", 20, quick=True),
    Case("text-c100", "2 KB text, 100 connections", 100),
    Case("html-c20", "50 KB HTML, 20 connections", 20, Kind.PAGE),
    Case("attachment-c4", "1 MB attachment, 4 connections", 4, Kind.ATTACHMENT, quick=True),
    Case("reply-c20", "replies to tickets, 20 connections", 20, Kind.REPLY, quick=True),
    Case("1k-reply-c20", "replies to any of 1,000 tickets", 20, Kind.OLD),
    Case("first-c20", "first-time senders, 20 connections", 20, known=False),
    Case("single-c20", "one mail a connection, 20 at once", 20, one_each=True),
    Case("slow-disk-c20", "each sync 5 ms slower, 20 connections", 20, slow=0.005, quick=True),
    Case("open-100", "open loop, 100 a second", 20, rate=100),
    Case("open-300", "open loop, 300 a second", 20, rate=300, quick=True),
    Case("open-400", "open loop, 400 a second", 20, rate=400),
    Case("two-agents-c20", "2 KB text, two agents are told", 20, home="1k, two agents"),
    Case("statements-c1", "SQL statements, 1 connection", 1, home="1k, counted"),
    Case("statements-c20", "SQL statements, 20 connections", 20, home="1k, counted", quick=True),
    Case("memory", "10,000 mails of 2 KB, 20 connections", 20, home="1k, long", mails=10_000),
    Case("imap-backlog", "1,000 mails in an IMAP mailbox", 1, Kind.MAILBOX, home="1k, mailbox"),
    Case("100k-c20", "2 KB text on 100,000 tickets", 20, home="100k"),
    Case("100k-reply-c20", "replies to any of 100,000 tickets", 20, Kind.OLD, home="100k"),
    Case("1m-c20", "2 KB text on 1,000,000 tickets", 20, home="1m"),
    Case("1m-reply-c20", "replies to any of 1,000,000 tickets", 20, Kind.OLD, home="1m"),
)


def letters_of(case: Case, home: Home, series: str, count: int, acknowledged: Sequence[Acknowledged]) -> list[Letter]:
    """The mails of one measurement; `series` is unique to it. Replies answer what was acknowledged before."""
    writer = Writer(series, customers_of(home.tickets) if case.known else 0)
    match case.kind:
        case Kind.PAGE:
            return writer.pages(count)
        case Kind.ATTACHMENT:
            return writer.attachments(count)
        case Kind.REPLY:
            return writer.replies(acknowledged[:count])
        case Kind.OLD:
            return writer.old_replies(home.tickets, count)
        case _:
            return writer.texts(count)
