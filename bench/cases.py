"""What is measured: each case by name, the desk it runs on, and how its mails are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from bench.letters import Acknowledged, Letter, Writer

KNOWN = 2_000  # customers whom every prepared database knows
WARM_UP = 300  # mails before a desk is measured


class Kind(Enum):
    """What the mails of a case are."""

    TEXT = "text"
    PAGE = "page"
    ATTACHMENT = "attachment"
    REPLY = "reply"


DEARER = {Kind.TEXT: 1, Kind.REPLY: 1, Kind.PAGE: 4, Kind.ATTACHMENT: 25}
"""How many times the work of a text one of them may be: measurements then last about as long."""


@dataclass(frozen=True, slots=True)
class Home:
    """A desk: how many tickets it has before the first mail, and who is told of new ones."""

    name: str
    tickets: int = 1_000
    agents: int = 1


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
    mails: int = 0  # exactly so many, whatever the speed

    @property
    def out(self) -> int:
        """Mails that one of these brings about on a desk with one agent."""
        return 1 if self.kind is Kind.REPLY else 2


HOMES = (
    Home("1k"),
    Home("1k, two agents", agents=2),
)
CASES = (
    Case("text-c1", "2 KB text, 1 connection", 1, quick=True),
    Case("text-c4", "2 KB text, 4 connections", 4),
    Case("text-c20", "2 KB text, 20 connections", 20, quick=True),
    Case("text-c100", "2 KB text, 100 connections", 100),
    Case("html-c20", "50 KB HTML, 20 connections", 20, Kind.PAGE),
    Case("attachment-c4", "1 MB attachment, 4 connections", 4, Kind.ATTACHMENT, quick=True),
    Case("reply-c20", "replies to tickets, 20 connections", 20, Kind.REPLY, quick=True),
    Case("first-c20", "first-time senders, 20 connections", 20, known=False),
    Case("single-c20", "one mail a connection, 20 at once", 20, one_each=True),
    Case("slow-disk-c20", "each sync 5 ms slower, 20 connections", 20, slow=0.005, quick=True),
    Case("open-100", "open loop, 100 a second", 20, rate=100),
    Case("open-300", "open loop, 300 a second", 20, rate=300, quick=True),
    Case("open-400", "open loop, 400 a second", 20, rate=400),
    Case("two-agents-c20", "2 KB text, two agents are told", 20, home="1k, two agents"),
)


def letters_of(case: Case, series: str, count: int, acknowledged: Sequence[Acknowledged]) -> list[Letter]:
    """The mails of one measurement; `series` is unique to it. Replies answer what was acknowledged before."""
    writer = Writer(series, KNOWN if case.known else 0)
    match case.kind:
        case Kind.PAGE:
            return writer.pages(count)
        case Kind.ATTACHMENT:
            return writer.attachments(count)
        case Kind.REPLY:
            return writer.replies(acknowledged[:count])
        case _:
            return writer.texts(count)
