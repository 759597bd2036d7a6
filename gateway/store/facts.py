"""The one read: everything the store knows that bears on a message, set-based for a whole group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import Facts, SentMail, StagedMail, Standing, Status, TicketFacts, address_key
from gateway.options import Caps
from gateway.store import schema
from gateway.store.neighbours import Ask, Neighbourhood, neighbourhoods
from gateway.store.newest import newest_of_each
from gateway.store.raw import Lookup, Query
from gateway.store.read_ticket import ticket_facts

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MOST_SENT = 100  # automatic mails to one address that the caps get to see, the newest

_t = schema.ticket.c
_b = schema.bounce.c
_newest = schema.outbox.alias("newest")
_since = sa.bindparam("since", type_=schema.Instant)

NEXT_NUMBER = sa.select(schema.ticket_number.c.next)
next_number = Query(NEXT_NUMBER)
_SEEN = Lookup(sa.select(schema.seen), schema.seen.c.digest)
_CONTACTS = Lookup(sa.select(schema.contact), schema.contact.c.address)
_STAGED = Lookup(sa.select(schema.staged), schema.staged.c.intake_id)
_BOUNCES = Lookup(sa.select(_b.address, _b.at).where(_b.permanent, _b.at > _since).order_by(_b.at), _b.address)
_OPENED = Lookup(
    sa.select(_t.opened_by, sa.func.count().label("many")).where(_t.created_at > _since).group_by(_t.opened_by),
    _t.opened_by,
)
# `flood` is written as the partial index has it
_FLOODS = Lookup(
    sa.select(_t.opened_by, _t.number)
    .where(sa.text("flood"), _t.status != Status.CLOSED.value, _t.status != Status.MERGED.value)
    .order_by(_t.number),
    _t.opened_by,
)
# whoever was written to has a contact row, so each base key leads to its newest mails along one index
_SENT = newest_of_each(
    schema.contact.c.address,
    sa.select(_newest.c.id)
    .where(_newest.c.base == schema.contact.c.address, _newest.c.created_at > _since)
    .where(_newest.c.automatic, sa.not_(_newest.c.staff))
    .order_by(_newest.c.created_at.desc())
    .limit(_MOST_SENT),
    _newest,
    ("base", "created_at", "kind", "subject"),
    ("id",),
)
_SENT_ALL = Query(
    sa.select(sa.func.sum(schema.tally.c.mails).label("mails")).where(
        schema.tally.c.minute > sa.bindparam("after", type_=sa.BigInteger)
    )
)


@dataclass(frozen=True, slots=True)
class FactsQuery:
    """What is asked for one message at one door.

    `strict_repeat`: the message has no Message-ID, so it is only a repeat within 24 h from the same `source`.
    `author` is an address key, "" when unknown.
    """

    intake_id: int
    digest: str
    door: str
    author: str
    own_id: str
    refs: tuple[str, ...]
    ticket_numbers: tuple[int, ...]
    staged_intake: int | None
    now: datetime
    strict_repeat: bool = False
    source: str = ""
    caps: Caps = field(default_factory=Caps)

    @property
    def ask(self) -> Ask:
        return Ask(self.door, frozenset((self.own_id, *self.refs)) - {""})


@dataclass
class _Known:
    """What the statements of one group found, by key."""

    around: dict[Ask, Neighbourhood]
    tickets: dict[int, TicketFacts]
    seen: dict[str, list[Any]]
    contacts: dict[str, Any]
    sent: dict[str, list[SentMail]]
    opened: dict[str, int]
    floods: dict[str, int]
    bounces: dict[str, list[datetime]]
    staged: dict[int, StagedMail]
    sent_all: int
    next_number: int


def base_key(address: str) -> str:
    """The address the caps count by: its key without a plus part."""
    local, at, domain = address_key(address).rpartition("@")
    return f"{local.split('+', 1)[0] or local}{at}{domain}"


def facts_many(connection: Connection, queries: Sequence[FactsQuery]) -> list[Facts]:
    """Facts for each query, in order, from one snapshot. The number of statements does not grow with the group."""
    if not queries:
        return []
    known = _read(connection, queries)
    return [_facts_of(query, known) for query in queries]


def _read(connection: Connection, queries: Sequence[FactsQuery]) -> _Known:
    now = max(query.now for query in queries)
    authors = {query.author for query in queries} - {""}
    around = neighbourhoods(connection, {query.ask for query in queries})
    staged = _staged(connection, queries)
    bases = {base_key(author) for author in authors}
    floods = {row.opened_by: int(row.number) for row in _FLOODS.rows(connection, bases)}
    tickets = _tickets(connection, queries, around, staged, floods)
    people = authors | {ticket.requester.key for ticket in tickets.values() if ticket.requester is not None}
    return _Known(
        around=around,
        tickets=tickets,
        seen=_seen(connection, queries),
        contacts={row.address: row for row in _CONTACTS.rows(connection, authors)},
        sent=_sent(connection, people, now),
        opened={row.opened_by: int(row.many) for row in _OPENED.rows(connection, bases, since=now - _HOUR)},
        floods=floods,
        bounces=_bounces(connection, queries, people),
        staged=staged,
        sent_all=automatic_last_hour(connection, now),
        next_number=int(next_number.scalar(connection)),
    )


def automatic_last_hour(connection: Connection, now: datetime) -> int:
    """Automatic mails to customers: what the breaker counts."""
    return int(_SENT_ALL.scalar(connection, after=minute_of(now) - 60) or 0)


def _tickets(
    connection: Connection,
    queries: Sequence[FactsQuery],
    around: dict[Ask, Neighbourhood],
    staged: dict[int, StagedMail],
    floods: dict[str, int],
) -> dict[int, TicketFacts]:
    """Named tickets, neighbours, staged and flood tickets, and the ones they were merged into."""
    numbers = {number for query in queries for number in query.ticket_numbers}
    numbers |= {number for one in around.values() for number in one.tickets}
    numbers |= {one.ticket for one in staged.values()} | set(floods.values())
    tickets = ticket_facts(connection, numbers)
    heads = {ticket.merged_into for ticket in tickets.values() if ticket.merged_into is not None} - tickets.keys()
    return tickets | ticket_facts(connection, heads) if heads else tickets


def _seen(connection: Connection, queries: Sequence[FactsQuery]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in _SEEN.rows(connection, {query.digest for query in queries} - {""}):
        found.setdefault(row.digest, []).append(row)
    return found


def _sent(connection: Connection, people: set[str], now: datetime) -> dict[str, list[SentMail]]:
    sent: dict[str, list[SentMail]] = {}
    for row in _SENT.rows(connection, {base_key(person) for person in people}, since=now - _DAY):
        sent.setdefault(row.base, []).append(SentMail(row.created_at, row.kind, row.subject))
    return sent


def _bounces(connection: Connection, queries: Sequence[FactsQuery], people: set[str]) -> dict[str, list[datetime]]:
    days = max(query.caps.mute_days + query.caps.bounce_days for query in queries)
    since = min(query.now for query in queries) - timedelta(days=days)
    found: dict[str, list[datetime]] = {}
    for row in _BOUNCES.rows(connection, people, since=since):
        found.setdefault(row.address, []).append(row.at)
    return found


def _staged(connection: Connection, queries: Sequence[FactsQuery]) -> dict[int, StagedMail]:
    rows = _STAGED.rows(connection, {query.staged_intake for query in queries} - {None})
    return {row.intake_id: StagedMail(row.intake_id, row.ticket, row.agent, row.released) for row in rows}


def minute_of(instant: datetime) -> int:
    """The row of `tally` an instant counts in."""
    return schema.to_micros(instant) // 60_000_000


def _facts_of(query: FactsQuery, known: _Known) -> Facts:
    around = known.around[query.ask]
    staged = known.staged.get(query.staged_intake) if query.staged_intake is not None else None
    base = base_key(query.author)
    flood = known.floods.get(base)
    contact = known.contacts.get(query.author)
    numbers = [*query.ticket_numbers, *around.tickets]
    numbers += [staged.ticket] if staged else []
    numbers += [flood] if flood else []
    tickets = {number: known.tickets[number] for number in numbers if number in known.tickets}
    heads = {ticket.merged_into for ticket in tickets.values() if ticket.merged_into is not None}
    tickets |= {number: known.tickets[number] for number in heads}
    return Facts(
        tickets=tickets,
        ids=tuple(around.ids.values()),
        links=tuple(around.links),
        seen_doors=tuple(sorted(row.door for row in known.seen.get(query.digest, ()) if is_repeat(row, query))),
        contact_language=contact.language if contact else "",
        known_correspondent=bool(contact and contact.known),
        sent=tuple(known.sent.get(base, ())),
        sent_all_last_hour=known.sent_all,
        opened_last_hour=known.opened.get(base, 0),
        flood_ticket=flood,
        muted=_muted(known.bounces.get(query.author, []), query),
        staged=staged,
        next_number=known.next_number,
        requesters=_requesters(tickets.values(), query, known),
    )


def _requesters(tickets: Iterable[TicketFacts], query: FactsQuery, known: _Known) -> dict[str, Standing]:
    keys = {ticket.requester.key for ticket in tickets if ticket.requester is not None} - {query.author}
    return {
        key: Standing(tuple(known.sent.get(base_key(key), ())), _muted(known.bounces.get(key, []), query))
        for key in keys
    }


def is_repeat(row: Any, query: FactsQuery) -> bool:
    """Whether a row of `seen` makes this message a repeat. A message is no repeat of itself: what was staged or
    quarantined comes again."""
    if row.intake_id == query.intake_id:
        return False
    return not query.strict_repeat or (row.source == query.source and row.at > query.now - _DAY)


def _muted(bounces: Sequence[datetime], query: FactsQuery) -> bool:
    """Enough permanent bounces within `bounce_days`, the last of them not longer ago than `mute_days`."""
    caps = query.caps
    span = timedelta(days=caps.bounce_days)
    since = query.now - timedelta(days=caps.mute_days)
    return any(
        last > since and last - bounces[place - caps.bounces + 1] <= span
        for place, last in enumerate(bounces)
        if place >= caps.bounces - 1
    )
