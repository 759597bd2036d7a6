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
    BounceSeen,
    Commit,
    Contact,
    Event,
    Merge,
    NewTicket,
    Outcome,
    Release,
    Stage,
    Stale,
    TicketChange,
)
from gateway.store import schema
from gateway.store.errors import Settled, StoreRefused
from gateway.store.facts import next_number
from gateway.store.raw import Lookup
from gateway.store.sets import holder_of

_DAY = timedelta(days=1)

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


@dataclass(slots=True)
class Scope:
    """What one commit is about, worked out once."""

    commit: Commit
    opened: set[int] = field(default_factory=set)  # its new tickets
    touched: set[int] = field(default_factory=set)  # tickets that it changes, its own new ones apart
    named: set[int] = field(default_factory=set)  # tickets that mails and events speak of without changing them
    merges: list[Merge] = field(default_factory=list)
    releases: list[int] = field(default_factory=list)  # staged mail that it lets go
    expected: list[tuple[int, int]] = field(default_factory=list)  # (ticket, version) that the decision was made on
    sighted: list[str] = field(default_factory=list)  # the doors at which it is the first outcome of its digest


def scope_of(commit: Commit) -> Scope:
    scope = Scope(commit, named={mail.ticket for mail in commit.mails})
    expected: list[tuple[int, int]] = []
    for change in commit.decision.changes:
        match change:
            case NewTicket():
                scope.opened.add(change.number)
            case TicketChange():
                scope.touched.add(change.number)
                if change.expected is not None:
                    expected.append((change.number, change.expected))
            case Merge():
                scope.merges.append(change)
                scope.touched |= {change.loser, change.winner}
                expected += [(change.loser, change.loser_version), (change.winner, change.winner_version)]
            case Release():
                scope.releases.append(change.intake_id)
            case Event() | Stage():
                scope.named.add(change.ticket)
            case BounceSeen() | Contact():
                pass
            case _:
                scope.touched.add(change.ticket)
    scope.touched -= scope.opened | {0}  # 0: a mail of the gateway itself, on no ticket
    scope.expected = [(number, version) for number, version in expected if number not in scope.opened]
    if commit.digest and commit.intake_id is not None:
        verdicts = commit.decision.verdicts
        scope.sighted = [verdict.door for verdict in verdicts if verdict.outcome is not Outcome.DUPLICATE]
    return scope


@dataclass
class View:
    """What the checks of one group look at; it moves on with each admitted commit."""

    next_number: int
    tickets: dict[int, Mark] = field(default_factory=dict)
    seen: dict[tuple[str, str], Sighting] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    elsewhere: set[int] = field(default_factory=set)  # intake rows that another daemon works on
    unreleased: set[int] = field(default_factory=set)

    def admit(self, scope: Scope) -> None:
        """Raises Stale (or Settled, StoreRefused) and changes nothing, or takes the commit into account."""
        self._check_intake(scope.commit)
        self._check_numbers(scope)
        self._check_tickets(scope)
        self._check_seen(scope)
        self._check_releases(scope)
        self._take(scope)

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

    def _check_numbers(self, scope: Scope) -> None:
        numbers, took = scope.opened, scope.commit.took_number
        if not numbers and not took:
            return
        base = min(numbers, default=self.next_number)
        if base != self.next_number:
            raise Stale(f"the next ticket number is {self.next_number}, not {base}")
        if numbers and max(numbers) >= base + took:
            raise StoreRefused(f"{max(numbers)} is beyond the {took} ticket numbers taken")

    def _check_tickets(self, scope: Scope) -> None:
        for number in scope.touched:
            mark = self.tickets.get(number)
            if mark is None:
                raise StoreRefused(f"there is no ticket {number}")
            if mark.merged_into is not None:
                raise Stale(f"ticket {number} has been merged into {mark.merged_into}")
        for number, version in scope.expected:
            mark = self.tickets.get(number)
            if mark is not None and mark.version != version:
                raise Stale(f"ticket {number} is at version {mark.version}, not {version}")

    def _check_seen(self, scope: Scope) -> None:
        commit = scope.commit
        for door in scope.sighted:
            known = self.seen.get((commit.digest, door))
            if known is None or known.intake_id == commit.intake_id:
                continue
            apart = known.source != commit.source or known.at <= commit.at - _DAY
            if not (commit.strict_repeat and apart):
                raise Stale(f"this message has had its outcome at {door or 'the general address'}")

    def _check_releases(self, scope: Scope) -> None:
        for intake_id in scope.releases:
            if intake_id not in self.unreleased:
                raise Stale(f"staged mail {intake_id} has been released before")

    def _take(self, scope: Scope) -> None:
        commit = scope.commit
        for number in scope.touched:
            self.tickets[number].version += 1
        for number in scope.opened:
            self.tickets[number] = Mark(1, None)
        self.next_number += commit.took_number
        for merge in scope.merges:
            self._merge(merge)
        for intake_id in scope.releases:
            self.unreleased.discard(intake_id)
            self.states[intake_id] = "waiting"
        for door in scope.sighted:
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


def view_of(connection: Connection, scopes: Sequence[Scope]) -> View:
    """Reads what the checks of this group need: at most five statements, whatever its size."""
    numbers = {number for scope in scopes for number in (scope.touched | scope.named) - scope.opened - {0}}
    releases = {intake_id for scope in scopes for intake_id in scope.releases}
    intakes = {scope.commit.intake_id for scope in scopes if scope.commit.intake_id is not None} | releases
    view = View(int(next_number.scalar(connection)))
    for row in _VERSIONS.rows(connection, numbers):
        view.tickets[row.number] = Mark(row.version, row.merged_into)
    for row in _SEEN.rows(connection, {scope.commit.digest for scope in scopes} - {""}):
        view.seen[row.digest, row.door] = Sighting(row.intake_id, row.source, row.at)
    states = _STATES.rows(connection, intakes)
    view.states = {row.id: row.state for row in states}
    me = holder_of(connection)
    view.elsewhere = {row.id for row in states if me is not None and row.holder not in (None, me)}
    view.unreleased = {row.intake_id for row in _UNRELEASED.rows(connection, releases)}
    return view
