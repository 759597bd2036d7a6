"""The one read: everything the store knows that bears on a message, set-based for a whole group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import Facts, SentMail, StagedMail, Status, TicketFacts, address_key
from gateway.options import Caps
from gateway.store import schema
from gateway.store.neighbours import Ask, Neighbourhood, neighbourhoods
from gateway.store.read_ticket import ticket_facts
from gateway.store.sets import select_in

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SENT = 100  # automatic mails to one address that the caps get to see, the newest

_t = schema.ticket.c
_o = schema.outbox.c


@dataclass(frozen=True, slots=True)
class FactsQuery:
    """What is asked for one message at one door.

    `strict_repeat`: the message has no Message-ID, so it is only a repeat within 24 h from the same `source`
    (DECISIONS 16). `author` is an address key, "" when unknown.
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
    floods = _floods(connection, authors)
    tickets = _tickets(connection, queries, around, staged, floods)
    return _Known(
        around=around,
        tickets=tickets,
        seen=_seen(connection, queries),
        contacts=_contacts(connection, authors),
        sent=_sent(connection, authors, now),
        opened=_opened(connection, authors, now),
        floods=floods,
        bounces=_bounces(connection, queries),
        staged=staged,
        sent_all=_sent_all(connection, now),
        next_number=int(connection.execute(sa.select(schema.ticket_number.c.next)).scalar_one()),
    )


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
    column = schema.seen.c.digest
    for row in select_in(connection, sa.select(schema.seen), column, {query.digest for query in queries} - {""}):
        found.setdefault(row.digest, []).append(row)
    return found


def _contacts(connection: Connection, authors: set[str]) -> dict[str, Any]:
    column = schema.contact.c.address
    return {row.address: row for row in select_in(connection, sa.select(schema.contact), column, authors)}


def _sent(connection: Connection, authors: set[str], now: datetime) -> dict[str, list[SentMail]]:
    newest = schema.outbox.alias("newest")
    last = (
        sa.select(newest.c.id)
        .where(newest.c.base == schema.contact.c.address, newest.c.created_at > now - _DAY)
        .order_by(newest.c.created_at.desc())
        .limit(_SENT)
        .correlate(schema.contact)
    )
    query = (
        sa.select(_o.base, _o.created_at, _o.kind, _o.subject)
        .select_from(schema.contact)
        .join(schema.outbox, _o.id.in_(last))
        .where(_o.automatic, sa.not_(_o.staff))
        .order_by(_o.id)
    )
    sent: dict[str, list[SentMail]] = {}
    bases = {base_key(author) for author in authors}
    for row in select_in(connection, query, schema.contact.c.address, bases):
        sent.setdefault(row.base, []).append(SentMail(row.created_at, row.kind, row.subject))
    return sent


def _opened(connection: Connection, authors: set[str], now: datetime) -> dict[str, int]:
    query = sa.select(_t.opened_by, sa.func.count().label("many")).where(_t.created_at > now - _HOUR)
    rows = select_in(connection, query.group_by(_t.opened_by), _t.opened_by, authors)
    return {row.opened_by: int(row.many) for row in rows}


def _floods(connection: Connection, authors: set[str]) -> dict[str, int]:
    """The open flood ticket of each author. `flood` is written as the partial index has it."""
    gone = (Status.CLOSED.value, Status.MERGED.value)
    query = sa.select(_t.opened_by, _t.number).where(sa.text("flood"), _t.status.not_in(gone)).order_by(_t.number)
    return {row.opened_by: row.number for row in select_in(connection, query, _t.opened_by, authors)}


def _bounces(connection: Connection, queries: Sequence[FactsQuery]) -> dict[str, list[datetime]]:
    b = schema.bounce.c
    days = max(query.caps.mute_days + query.caps.bounce_days for query in queries)
    since = min(query.now for query in queries) - timedelta(days=days)
    query = sa.select(b.address, b.at).where(b.permanent, b.at > since).order_by(b.at)
    found: dict[str, list[datetime]] = {}
    for row in select_in(connection, query, b.address, {query.author for query in queries} - {""}):
        found.setdefault(row.address, []).append(row.at)
    return found


def _staged(connection: Connection, queries: Sequence[FactsQuery]) -> dict[int, StagedMail]:
    wanted = {query.staged_intake for query in queries} - {None}
    rows = select_in(connection, sa.select(schema.staged), schema.staged.c.intake_id, wanted)
    return {row.intake_id: StagedMail(row.intake_id, row.ticket, row.agent, row.released) for row in rows}


def _sent_all(connection: Connection, now: datetime) -> int:
    tally = schema.tally.c
    query = sa.select(sa.func.sum(tally.mails)).where(tally.minute > minute_of(now) - 60)
    return int(connection.execute(query).scalar() or 0)


def minute_of(instant: datetime) -> int:
    """The row of `tally` an instant counts in."""
    return schema.to_micros(instant) // 60_000_000


def _facts_of(query: FactsQuery, known: _Known) -> Facts:
    around = known.around[query.ask]
    staged = known.staged.get(query.staged_intake) if query.staged_intake is not None else None
    flood = known.floods.get(query.author)
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
        sent=tuple(known.sent.get(base_key(query.author), ())),
        sent_all_last_hour=known.sent_all,
        opened_last_hour=known.opened.get(query.author, 0),
        flood_ticket=flood,
        muted=_muted(known.bounces.get(query.author, []), query),
        staged=staged,
        next_number=known.next_number,
    )


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
