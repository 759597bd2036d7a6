"""Which tickets one message joins: the closure of docs/architecture.md, "Joining". Order of arrival never matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.desk.people import OUT
from gateway.desk.topic import same_matter
from gateway.model import Evidence, Facts, Link, Status, TicketFacts, address_key


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A message that asks where it belongs. `refs` are its references without its own id."""

    own_id: str
    refs: tuple[str, ...]
    author: str  # address key, "" when unknown
    evidence: Evidence
    shown_to: tuple[str, ...]  # address keys of To and Cc that are not ours
    door: str
    subject: str = ""
    begins: tuple[str, ...] = ()  # conversations whose first mail this is
    bound: bool = False  # it looks like a new matter: its references count only where the subjects have words in common

    @property
    def open_refs(self) -> tuple[str, ...]:
        """References as they are kept for parents that come later."""
        return tuple(BOUND + ref for ref in self.refs) if self.bound else self.refs


BOUND = "~"
"""Before a kept reference: it joins only what has a word of the subject in common."""


def members(ticket: TicketFacts) -> frozenset[str]:
    """Whose references count: authors, and those in copy of a mail with evidence. Not those an agent has left out."""
    return frozenset(
        address_key(p.address) for p in ticket.participants if p.role != OUT and (p.role != "cc" or p.verified)
    )


def close_thread(new: Newcomer, facts: Facts) -> tuple[int, ...]:
    """Numbers of the tickets that become one with this message, lowest first; empty: it stands alone."""
    component = _Component(new, facts)
    while found := component.next():
        component.take(found)
    return _permitted(new, facts, component.taken)


def related(new: Newcomer, facts: Facts, joined: Iterable[int]) -> int | None:
    """A ticket the message refers to without the right to join it: "may belong to"."""
    named = {known.ticket for known in facts.ids if known.message_id in new.refs}
    rest = sorted(number for number in named - set(joined) if _stands(facts, number, new.door))
    return rest[0] if rest else None


def _stands(facts: Facts, number: int, door: str) -> bool:
    ticket = facts.tickets.get(number)
    return ticket is not None and ticket.status is not Status.MERGED and not ticket.flood and ticket.door == door


class _Component:
    """The message and the tickets found so far; both sets only grow."""

    def __init__(self, new: Newcomer, facts: Facts) -> None:
        self._facts = facts
        self._ids: dict[str, set[int]] = {}
        for known in facts.ids:
            self._ids.setdefault(known.message_id, set()).add(known.ticket)
        self._open = {number for number in facts.tickets if _stands(facts, number, new.door)}
        # our own mail's ids name a ticket at whatever door
        named = {known.ticket for known in facts.ids if known.own and known.message_id in new.refs}
        self._open |= {n for n in named if n in facts.tickets and _stands(facts, n, facts.tickets[n].door)}
        self._members = {new.author} - {""}
        if new.evidence >= Evidence.E1:
            self._members |= set(new.shown_to)
        self._inside = {new.own_id, *new.begins} - {""}
        self._new = new
        self._subjects = {inside: {new.subject} for inside in self._inside}
        for known in facts.ids:
            if known.ticket in facts.tickets:
                self._subjects.setdefault(known.message_id, set()).add(facts.tickets[known.ticket].subject)
        self._wanted = {(ref, new.author) for ref in new.refs if new.author and not new.bound}
        self.taken: set[int] = set()

    def next(self) -> int | None:
        """The lowest ticket that is connected to the component and not yet in it."""
        return next((number for number in sorted(self._open - self.taken) if self._connected(number)), None)

    def take(self, number: int) -> None:
        self.taken.add(number)
        self._members |= members(self._facts.tickets[number])
        self._inside |= {known.message_id for known in self._facts.ids if known.ticket == number}
        self._wanted |= {(link.ref, link.author) for link in self._facts.links if link.ticket == number}

    def _connected(self, number: int) -> bool:
        theirs = members(self._facts.tickets[number])
        if any(number in self._ids.get(ref, ()) and author in theirs for ref, author in self._wanted):
            return True
        theirs_open = [link for link in self._facts.links if link.ticket == number]
        if self._bound_to(number, theirs) or any(self._bound_here(link) for link in theirs_open):
            return True
        if any(link.ref in self._inside and link.author in self._members for link in theirs_open):
            return True
        return any(  # two who refer to one mail that nobody here has seen
            ref == link.ref and (link.author in self._members or author in theirs)
            for ref, author in self._wanted
            for link in theirs_open
        )

    def _bound_to(self, number: int, theirs: frozenset[str]) -> bool:
        """The message refers to a mail in this ticket, and their subjects have words in common."""
        new = self._new
        named = new.bound and new.author in theirs and any(number in self._ids.get(ref, ()) for ref in new.refs)
        return named and same_matter(new.subject, self._facts.tickets[number].subject)

    def _bound_here(self, link: Link) -> bool:
        """The other way round: a mail that came before looks like a new matter, and refers to one that is here."""
        ref = link.ref.removeprefix(BOUND)
        if ref == link.ref or ref not in self._inside or link.author not in self._members:
            return False
        theirs = self._facts.tickets[link.ticket].subject
        return any(same_matter(theirs, subject) for subject in self._subjects.get(ref, ()))


def _permitted(new: Newcomer, facts: Facts, taken: set[int]) -> tuple[int, ...]:
    """A From header alone (E0) must not make one ticket of two people's tickets: it joins its own, or the oldest."""
    numbers = sorted(taken)
    owners = {_requester(facts.tickets[number]) for number in numbers}
    if new.evidence >= Evidence.E1 or len(owners) <= 1:
        return tuple(numbers)
    own = tuple(number for number in numbers if _requester(facts.tickets[number]) == new.author)
    return own or (numbers[0],)


def _requester(ticket: TicketFacts) -> str:
    return ticket.requester.key if ticket.requester else ""
