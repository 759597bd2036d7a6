"""What one decision is made from, and the draft it is written on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.desk.rulebook import Department, Rulebook
from gateway.model import (
    Change,
    Decision,
    Entry,
    Event,
    Evidence,
    Facts,
    FirstKey,
    Intake,
    Json,
    Mailbox,
    Notice,
    Outcome,
    Reading,
    Status,
    TicketChange,
    TicketFacts,
    Verdict,
)
from gateway.options import Caps, Desk

NOTHING: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class AgentWords:
    """An agent's mail cut at our own line: what is to go out, or a code that says why it must not."""

    text: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One read message with everything known about it. `facts` has one entry for each of `doors`."""

    intake: Intake
    reading: Reading
    doors: tuple[str, ...]
    facts: Mapping[str, Facts]
    now: datetime
    agent: AgentWords | None = None  # given when the author is an agent or manager
    next_number: int = 0  # of the next ticket, where mails before it in its group have taken some
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # of it at a door, once

    @property
    def author(self) -> Mailbox | None:
        return self.reading.message.author

    @property
    def author_key(self) -> str:
        return self.author.key if self.author else ""

    @property
    def proven(self) -> bool:
        return self.reading.evidence >= Evidence.E1


def entry_from(
    case: Case,
    ticket: int,
    door: str,
    kind: str,
    *,
    public: bool,
    direction: str = "in",
    held: bool = False,
    unverified: bool = False,
    body: str | None = None,
    routed: Mapping[str, Json] = NOTHING,
    first: FirstKey | None = None,
) -> Entry:
    """This message as it is shown on a ticket. `body`: what is new in it, unless given; the whole stays in intake."""
    message = case.reading.message
    return Entry(
        ticket=ticket,
        direction=direction,
        kind=kind,
        author=message.author or message.shown_from,
        public=public,
        held=held,
        unverified=unverified,
        body=case.reading.new_text if body is None else body,
        message_id=message.message_id,
        at=case.intake.at,
        door=door,
        digest=message.digest,
        evidence=int(case.reading.evidence),
        subject=message.subject,
        attachments=tuple((a.name, a.type, len(a.content)) for a in message.attachments),
        routed=routed,
        first=first,
    )


@dataclass(frozen=True, slots=True)
class DeskContext:
    """What the desk is, apart from any message."""

    rulebook: Rulebook
    desk: Desk
    caps: Caps

    def tag(self, number: int) -> str:
        return f"{self.desk.prefix}-{number}"

    def department(self, name: str) -> Department:
        """The department, or the first of the rulebook when it was removed since (a ticket always has an owner)."""
        departments = self.rulebook.departments
        return departments.get(name) or next(iter(departments.values()))

    def language(self, department: Department, *wanted: str) -> str:
        """The first of `wanted` in which the desk writes to customers, else the department's, else the desk's best."""
        known = self.desk.languages
        return next((one for one in (*wanted, department.language) if one in known), (*known, department.language)[0])


@dataclass
class Draft:
    """Collects what follows from one case. Every touched ticket gets one change that carries its version."""

    next_number: int
    verdicts: list[Verdict] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    rules: list[Json] = field(default_factory=list)
    took: int = 0
    _values: dict[int, TicketChange] = field(default_factory=dict)

    def number(self) -> int:
        """The next ticket number."""
        self.took += 1
        return self.next_number + self.took - 1

    def begin_again(self) -> None:
        """Nothing follows; the rules that were tried stay on record."""
        self.verdicts, self.changes, self.notices, self._values, self.took = [], [], [], {}, 0

    def touch(self, ticket: TicketFacts, values: Mapping[str, Json | datetime | FirstKey] | None = None) -> None:
        """Sets columns of a known ticket; without values only its version moves."""
        known = self._values.get(ticket.number) or TicketChange(ticket.number, ticket.version, {})
        self._values[ticket.number] = replace(known, values={**known.values, **(values or {})})

    def status(self, ticket: TicketFacts, status: Status, now: datetime) -> None:
        self.touch(ticket, {"status": status.value, "closed_at": now if status is Status.CLOSED else None})

    def event(self, ticket: int, kind: str, actor: str, **data: Json) -> None:
        self.changes.append(Event(ticket, kind, actor, data))

    def verdict(self, door: str, outcome: Outcome, ticket: int | None, *reasons: str) -> None:
        self.verdicts.append(Verdict(door, outcome, ticket, tuple(reason for reason in reasons if reason)))

    def decision(self, rulebook: str) -> Decision:
        # merges must come before the change of the winner's version, new tickets before what hangs on them
        changes = (*self._values.values(), *self.changes)
        return Decision(tuple(self.verdicts), changes, tuple(self.notices), tuple(self.rules), rulebook)
