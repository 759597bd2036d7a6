"""May this decision still be written? Checked for a whole group before anything of it is (law 3).

The view is read inside the write transaction, so nothing can change between the check and the write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import (
    AddParticipants,
    BreachTarget,
    Commit,
    Entry,
    MeetTarget,
    Merge,
    NewTicket,
    Outcome,
    Release,
    SetTarget,
    Stale,
    SurveyAnswer,
    ThreadKeys,
    TicketChange,
)
from gateway.store import schema
from gateway.store.errors import Settled, StoreRefused
from gateway.store.facts import next_number
from gateway.store.raw import Lookup
from gateway.store.sets import holder_of

_DAY = timedelta(days=1)
_ON_TICKET = (Entry, ThreadKeys, AddParticipants, SetTarget, MeetTarget, BreachTarget, SurveyAnswer)

_t = schema.ticket.c
_i = schema.intake.c
_g = schema.staged.c

_VERSIONS = Lookup(sa.select(_t.number, _t.version, _t.merged_into), _t.number)
_SEEN = Lookup(sa.select(schema.seen), schema.seen.c.digest)
_STATES = Lookup(sa.select(_i.id, _i.state, _i.holder).order_by(_i.id).with_for_update(), _i.id)
_UNRELEASED = Lookup(sa.select(_g.intake_id).where(sa.not_(_g.released)), _g.intake_id)


@dataclass
class Mark:
    """The version of a ticket as of the last admitted commit, and where it redirects to."""

    version: int
    merged_into: int | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One row of `seen`."""

    intake_id: int
    source: str
    at: datetime


def touched(commit: Commit) -> set[int]:
    """The tickets this commit changes, its own new ones apart."""
    numbers: set[int] = set()
    for change in commit.decision.changes:
        if isinstance(change, Merge):
            numbers |= {change.loser, change.winner}
        elif isinstance(change, TicketChange):
            numbers.add(change.number)
        elif isinstance(change, _ON_TICKET):
            numbers.add(change.ticket)
    return numbers - opened(commit) - {0}  # 0: a mail of the gateway itself, on no ticket


def opened(commit: Commit) -> set[int]:
    """The numbers of its new tickets."""
    return {change.number for change in commit.decision.changes if isinstance(change, NewTicket)}


def sighted(commit: Commit) -> list[str]:
    """The doors at which this commit is the first outcome of its digest."""
    if not commit.digest or commit.intake_id is None:
        return []
    return [verdict.door for verdict in commit.decision.verdicts if verdict.outcome is not Outcome.DUPLICATE]


@dataclass
class View:
    """What the checks of one group look at; it moves on with each admitted commit."""

    next_number: int
    tickets: dict[int, Mark] = field(default_factory=dict)
    seen: dict[tuple[str, str], Sighting] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    elsewhere: set[int] = field(default_factory=set)  # intake rows that another daemon works on
    unreleased: set[int] = field(default_factory=set)

    def admit(self, commit: Commit) -> None:
        """Raises Stale (or Settled, StoreRefused) and changes nothing, or takes the commit into account."""
        self._check_intake(commit)
        self._check_numbers(commit)
        self._check_tickets(commit)
        self._check_seen(commit)
        self._check_releases(commit)
        self._take(commit)

    def _check_intake(self, commit: Commit) -> None:
        if commit.intake_id is None:
            return
        state = self.states.get(commit.intake_id)
        if state is None:
            raise StoreRefused(f"there is no intake row {commit.intake_id}")
        if state != "waiting":
            raise Settled(f"intake row {commit.intake_id} is {state}")
        if commit.intake_id in self.elsewhere:
            raise Settled(f"intake row {commit.intake_id} is another daemon's by now")

    def _check_numbers(self, commit: Commit) -> None:
        numbers = opened(commit)
        if not numbers and not commit.took_number:
            return
        base = min(numbers, default=self.next_number)
        if base != self.next_number:
            raise Stale(f"the next ticket number is {self.next_number}, not {base}")
        if numbers and max(numbers) >= base + commit.took_number:
            raise StoreRefused(f"{max(numbers)} is beyond the {commit.took_number} ticket numbers taken")

    def _check_tickets(self, commit: Commit) -> None:
        for number in touched(commit):
            mark = self.tickets.get(number)
            if mark is None:
                raise StoreRefused(f"there is no ticket {number}")
            if mark.merged_into is not None:
                raise Stale(f"ticket {number} has been merged into {mark.merged_into}")
        for number, version in expectations(commit):
            mark = self.tickets.get(number)
            if mark is not None and mark.version != version:
                raise Stale(f"ticket {number} is at version {mark.version}, not {version}")

    def _check_seen(self, commit: Commit) -> None:
        for door in sighted(commit):
            known = self.seen.get((commit.digest, door))
            if known is None or known.intake_id == commit.intake_id:
                continue
            apart = known.source != commit.source or known.at <= commit.at - _DAY
            if not (commit.strict_repeat and apart):
                raise Stale(f"this message has had its outcome at {door or 'the general address'}")

    def _check_releases(self, commit: Commit) -> None:
        for change in commit.decision.changes:
            if isinstance(change, Release) and change.intake_id not in self.unreleased:
                raise Stale(f"staged mail {change.intake_id} has been released before")

    def _take(self, commit: Commit) -> None:
        for number in touched(commit):
            self.tickets[number].version += 1
        for number in opened(commit):
            self.tickets[number] = Mark(1, None)
        self.next_number += commit.took_number
        for change in commit.decision.changes:
            if isinstance(change, Merge):
                self._merge(change)
            elif isinstance(change, Release):
                self.unreleased.discard(change.intake_id)
                self.states[change.intake_id] = "waiting"
        for door in sighted(commit):
            self.seen[commit.digest, door] = Sighting(commit.intake_id or 0, commit.source, commit.at)
        if commit.intake_id is not None:
            self.states[commit.intake_id] = "done"

    def _merge(self, change: Merge) -> None:
        winner = self.head(change.winner)
        for mark in self.tickets.values():
            if mark.merged_into == change.loser:
                mark.merged_into = winner
        self.tickets[change.loser].merged_into = winner

    def head(self, number: int) -> int:
        """Where a ticket stands now: itself, or what it was merged into."""
        mark = self.tickets.get(number)
        return number if mark is None or mark.merged_into is None else mark.merged_into


def expectations(commit: Commit) -> list[tuple[int, int]]:
    """(ticket, version) pairs that the decision was made on."""
    pairs: list[tuple[int, int]] = []
    new = opened(commit)
    for change in commit.decision.changes:
        if isinstance(change, TicketChange) and change.expected is not None:
            pairs.append((change.number, change.expected))
        elif isinstance(change, Merge):
            pairs += [(change.loser, change.loser_version), (change.winner, change.winner_version)]
    return [(number, version) for number, version in pairs if number not in new]


def view_of(connection: Connection, commits: Sequence[Commit]) -> View:
    """Reads what the checks of this group need: five statements whatever its size."""
    numbers = {number for commit in commits for number in touched(commit) | named(commit)}
    releases = {c.intake_id for commit in commits for c in commit.decision.changes if isinstance(c, Release)}
    intakes = {commit.intake_id for commit in commits if commit.intake_id is not None} | releases
    view = View(int(next_number.scalar(connection)))
    for row in _VERSIONS.rows(connection, numbers):
        view.tickets[row.number] = Mark(row.version, row.merged_into)
    for row in _SEEN.rows(connection, {commit.digest for commit in commits} - {""}):
        view.seen[row.digest, row.door] = Sighting(row.intake_id, row.source, row.at)
    states = _STATES.rows(connection, intakes)
    view.states = {row.id: row.state for row in states}
    me = holder_of(connection)
    view.elsewhere = {row.id for row in states if me is not None and row.holder not in (None, me)}
    view.unreleased = {row.intake_id for row in _UNRELEASED.rows(connection, releases)}
    return view


def named(commit: Commit) -> set[int]:
    """Tickets that mails and events speak of without changing them."""
    return {mail.ticket for mail in commit.mails} | {getattr(change, "ticket", 0) for change in commit.decision.changes}
