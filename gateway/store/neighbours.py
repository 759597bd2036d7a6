"""The thread neighbourhood: which tickets a message may have to do with (docs/architecture.md, "Joining").

Breadth first over open references, set-based: one level of all asked messages together is three statements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.model import KnownId, Link
from gateway.store import schema
from gateway.store.raw import Lookup

MOST = 64  # tickets around one message
_LEVELS = 64

_i = schema.thread_id.c
_l = schema.thread_link.c
_t = schema.ticket.c

_id_query = sa.select(_i.message_id, _i.ticket, _i.own, _t.door, _t.flood).join(schema.ticket, _t.number == _i.ticket)
_link_query = sa.select(_l.ref, _l.ticket, _l.author, _t.door, _t.flood).join(schema.ticket, _t.number == _l.ticket)
_HOLDERS = Lookup(_id_query, _i.message_id)
_WAITERS = Lookup(_link_query, _l.ref)
_LINKS_FROM = Lookup(_link_query, _l.ticket)
_LINKS_TO = Lookup(
    sa.select(_i.ticket.label("holder"), _i.own, _l.ref, _l.ticket, _l.author, _t.door, _t.flood)
    .select_from(schema.thread_id)
    .join(schema.thread_link, _l.ref == _i.message_id)
    .join(schema.ticket, _t.number == _l.ticket),
    _i.ticket,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One message: its door and the ids it has and names."""

    door: str
    keys: frozenset[str]


@dataclass
class Neighbourhood:
    """What stands around one message. `tickets` has at most `MOST` numbers, the nearest first."""

    tickets: dict[int, None] = field(default_factory=dict)
    ids: dict[tuple[str, int], KnownId] = field(default_factory=dict)
    links: dict[Link, None] = field(default_factory=dict)


@dataclass
class _Graph:
    """Open references between tickets, as far as they have been read."""

    door: dict[int, str] = field(default_factory=dict)
    flood: set[int] = field(default_factory=set)
    edges: dict[int, set[int]] = field(default_factory=dict)
    ids: dict[int, list[KnownId]] = field(default_factory=dict)
    links: dict[int, list[Link]] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)

    def place(self, row: Row[Any]) -> None:
        self.door[row.ticket] = row.door
        if row.flood:
            self.flood.add(row.ticket)

    def join(self, one: int, other: int) -> None:
        if one != other:
            self.edges.setdefault(one, set()).add(other)
            self.edges.setdefault(other, set()).add(one)


def neighbourhoods(connection: Connection, asks: Collection[Ask]) -> dict[Ask, Neighbourhood]:
    """For each asked message the tickets that hold its keys or wait for them, and all that open references tie to
    those at the same door. A flood ticket ties nothing together."""
    keys = {key for ask in asks for key in ask.keys}
    if not keys:
        return {ask: Neighbourhood() for ask in asks}
    graph = _Graph()
    holders = _HOLDERS.rows(connection, keys)
    waiters = _WAITERS.rows(connection, keys)
    for row in (*holders, *waiters):
        graph.place(row)
    found = {ask: _nearest(ask, holders, waiters) for ask in asks}
    frontier = {number for around in found.values() for number in around.tickets}
    for _ in range(_LEVELS):
        frontier -= graph.read | graph.flood
        if not frontier or len(graph.read) > MOST * max(1, len(asks)):
            break
        frontier = _expand(connection, graph, frontier)
    for ask, around in found.items():
        _reach(ask, around, graph)
    return found


def _nearest(ask: Ask, holders: Iterable[Row[Any]], waiters: Iterable[Row[Any]]) -> Neighbourhood:
    around = Neighbourhood()
    numbers: set[int] = set()
    for row in holders:
        if row.message_id in ask.keys and (row.door == ask.door or row.own):
            around.ids[row.message_id, row.ticket] = KnownId(row.message_id, row.ticket, row.own)
            numbers.add(row.ticket)
    for row in waiters:
        if row.ref in ask.keys and row.door == ask.door:
            around.links[Link(row.ref, row.ticket, row.author)] = None
            numbers.add(row.ticket)
    around.tickets = dict.fromkeys(sorted(numbers)[:MOST])
    return around


def _expand(connection: Connection, graph: _Graph, frontier: set[int]) -> set[int]:
    """Reads the open references from, to and beside the frontier; gives the tickets at their other ends."""
    graph.read |= frontier
    from_here = _LINKS_FROM.rows(connection, frontier)
    refs = {row.ref for row in from_here}
    beside = _WAITERS.rows(connection, refs)
    holders = _HOLDERS.rows(connection, refs)
    to_here = _LINKS_TO.rows(connection, frontier)
    by_ref: dict[str, set[int]] = {}
    for row in (*from_here, *beside, *holders):
        graph.place(row)
    for row in (*from_here, *beside):
        by_ref.setdefault(row.ref, set()).add(row.ticket)
        graph.links.setdefault(row.ticket, []).append(Link(row.ref, row.ticket, row.author))
    for row in holders:
        by_ref.setdefault(row.message_id, set()).add(row.ticket)
        graph.ids.setdefault(row.ticket, []).append(KnownId(row.message_id, row.ticket, row.own))
    for row in to_here:
        graph.place(row)
        graph.join(row.holder, row.ticket)
        graph.links.setdefault(row.ticket, []).append(Link(row.ref, row.ticket, row.author))
        graph.ids.setdefault(row.holder, []).append(KnownId(row.ref, row.holder, row.own))
    for numbers in by_ref.values():
        for number in numbers & frontier:
            for other in numbers:
                graph.join(number, other)
    return {other for number in frontier for other in graph.edges.get(number, ())}


def _reach(ask: Ask, around: Neighbourhood, graph: _Graph) -> None:
    """Walks from the nearest tickets along the graph, inside the door, lowest numbers of each level first."""
    level = list(around.tickets)
    while level and len(around.tickets) < MOST:
        beyond = {
            other
            for number in level
            if graph.door.get(number) == ask.door and number not in graph.flood
            for other in graph.edges.get(number, ())
            if graph.door.get(other) == ask.door and other not in around.tickets
        }
        level = sorted(beyond)[: MOST - len(around.tickets)]
        around.tickets.update(dict.fromkeys(level))
    for number in around.tickets:
        around.links.update(dict.fromkeys(graph.links.get(number, ())))
        around.ids.update({(known.message_id, number): known for known in graph.ids.get(number, ())})
