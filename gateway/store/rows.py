"""The rows of one group, table by table, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from gateway.model import (
    BreachTarget,
    Commit,
    MeetTarget,
    OutMail,
    Participant,
    SetTarget,
    address_key,
)
from gateway.store import schema
from gateway.store.facts import base_key
from gateway.store.merge import add_participants, drop_inside
from gateway.store.sets import execute_many, insert_rows, or_nothing, upsert

TargetChange = SetTarget | MeetTarget | BreachTarget

_PLAIN = (schema.entry, schema.event, schema.survey, schema.bounce, schema.decision)
_ONCE = (schema.thread_id, schema.thread_link)


class Rows:
    """Collects rows; `write` sends each table's with one executemany and starts anew."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._clear()

    def _clear(self) -> None:
        self._tickets: dict[int, dict[str, Any]] = {}
        self._changes: dict[int, dict[str, Any]] = {}
        self._inserts: dict[str, list[dict[str, Any]]] = {}
        self._people: list[dict[str, Any]] = []
        self._contacts: dict[str, dict[str, Any]] = {}
        self._targets: dict[int, list[TargetChange]] = {}
        self._rethread: set[int] = set()
        self._staged: list[dict[str, Any]] = []
        self._released: list[dict[str, Any]] = []
        self._sightings: list[dict[str, Any]] = []
        self._settled: list[dict[str, Any]] = []

    # --- collecting -------------------------------------------------------------------------------------------------

    def new_ticket(self, number: int, row: dict[str, Any]) -> None:
        self._tickets[number] = row

    def set_ticket(self, number: int, columns: Mapping[str, Any]) -> None:
        new = self._tickets.get(number)
        if new is not None:
            new.update(columns)
        elif columns:
            self._changes.setdefault(number, {}).update(columns)

    def add(self, table: sa.Table, **row: Any) -> None:
        self._inserts.setdefault(table.name, []).append(row)

    def event(self, ticket: int, kind: str, actor: str, data: dict[str, Any], commit: Commit) -> None:
        self.add(
            schema.event,
            ticket=ticket,
            intake_id=commit.intake_id,
            kind=kind,
            actor=actor,
            data=data,
            at=commit.at,
        )

    def rethread(self, ticket: int, *, anew: bool) -> None:
        """The ticket got ids or, `anew`, references: those that are now inside are to go. One that is being opened has
        none but these."""
        if anew or ticket not in self._tickets:
            self._rethread.add(ticket)

    def person(self, ticket: int, person: Participant) -> None:
        self._people.append(
            {
                "ticket": ticket,
                "key": address_key(person.address),
                "address": person.address,
                "name": person.name,
                "verified": person.verified,
                "role": person.role,
            }
        )

    def target(self, ticket: int, change: TargetChange) -> None:
        self._targets.setdefault(ticket, []).append(change)

    def contact_row(self, key: str, name: str = "", language: str = "", known: bool = False) -> None:
        """What is learned of an address; what comes last counts, but for what it leaves open (`_learning`)."""
        row = self._contacts.setdefault(key, {"address": key, "name": "", "language": "", "known": False})
        row["name"], row["language"] = name or row["name"], language or row["language"]
        row["known"] = known or row["known"]

    def contact(self, mail: OutMail) -> None:
        """Who was written to: by a person of ours, or automatically (the caps look them up by base key)."""
        if mail.staff:
            return
        if mail.automatic:
            self.contact_row(base_key(mail.recipient))
        else:
            self.contact_row(address_key(mail.recipient), known=True)

    def stage(self, intake_id: int, ticket: int, agent: str, at: datetime) -> None:
        self._staged.append({"intake_id": intake_id, "ticket": ticket, "agent": agent, "released": False, "at": at})

    def release(self, intake_id: int) -> None:
        self._released.append({"of": intake_id})

    def sight(self, digest: str, door: str, intake_id: int, source: str, at: datetime) -> None:
        self._sightings.append({"digest": digest, "door": door, "intake_id": intake_id, "source": source, "at": at})

    def settle(self, intake_id: int, state: str, digest: str, reason: str, at: datetime) -> None:
        self._settled.append({"of": intake_id, "to": state, "digest_": digest, "why": reason, "done": at})

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self) -> None:
        connection = self._connection
        insert_rows(connection, schema.ticket, list(self._tickets.values()))
        self._write_changes()
        for table in _PLAIN:
            insert_rows(connection, table, self._inserts.get(table.name, ()))
        for table in _ONCE:
            upsert(connection, table, or_nothing, self._inserts.get(table.name, ()))
        drop_inside(connection, sorted(self._rethread))
        add_participants(connection, self._people)
        upsert(connection, schema.contact, _learning, list(self._contacts.values()))
        self._write_targets()
        self._write_staged()
        upsert(connection, schema.seen, _seeing, self._sightings)
        if self._settled:
            execute_many(connection, _SETTLE, self._settled)
        self._clear()

    def _write_changes(self) -> None:
        """One UPDATE for each distinct set of columns; every ticket is in one of them."""
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for number, columns in self._changes.items():
            alike.setdefault(tuple(sorted(columns)), []).append({"of": number, **columns})
        for names, rows in alike.items():
            execute_many(self._connection, _setting(names), rows)

    def _write_targets(self) -> None:
        """In the order in which one ticket's were given; those of different tickets go together."""
        pending = list(self._targets.values())
        while pending:
            now = [changes[0] for changes in pending]
            tickets = [ticket for ticket, changes in self._targets.items() if changes]
            pairs = list(zip(tickets, now, strict=True))
            self._set_targets([(ticket, c) for ticket, c in pairs if isinstance(c, SetTarget)])
            self._mark_targets(_MEET, [pair for pair in pairs if isinstance(pair[1], MeetTarget)])
            self._mark_targets(_BREACH, [pair for pair in pairs if isinstance(pair[1], BreachTarget)])
            for changes in pending:
                changes.pop(0)
            pending = [changes for changes in pending if changes]

    def _set_targets(self, changes: list[tuple[int, SetTarget]]) -> None:
        rows = [
            {"ticket": ticket, "kind": change.kind, "due": change.due, "met_at": None, "breached_at": None}
            for ticket, change in changes
        ]
        upsert(self._connection, schema.target, _promising, rows)

    def _mark_targets(self, update: sa.Update, changes: list[tuple[int, Any]]) -> None:
        """The first time stands: a tick may run twice."""
        if changes:
            rows = [{"of": ticket, "which": change.kind, "when": change.at} for ticket, change in changes]
            execute_many(self._connection, update, rows)

    def _write_staged(self) -> None:
        upsert(self._connection, schema.staged, _staging, self._staged)
        if self._released:
            self._connection.execute(_RELEASE_STAGED, self._released)
            self._connection.execute(_RELEASE_ENTRY, self._released)
            self._connection.execute(_RELEASE_INTAKE, self._released)


# --- statements, built once -----------------------------------------------------------------------------------------


def _learning(insert: sqlite.Insert) -> sa.Executable:
    old, new = schema.contact.c, insert.excluded
    return insert.on_conflict_do_update(
        index_elements=["address"],
        set_={
            "name": sa.case((new.name != "", new.name), else_=old.name),
            "language": sa.case((new.language != "", new.language), else_=old.language),
            "known": sa.or_(old.known, new.known),
        },
    )


def _seeing(insert: sqlite.Insert) -> sa.Executable:
    fresh = {name: insert.excluded[name] for name in ("intake_id", "source", "at")}
    return insert.on_conflict_do_update(index_elements=["digest", "door"], set_=fresh)


def _promising(insert: sqlite.Insert) -> sa.Executable:
    """A new due time is a new promise; the same due time keeps what is known of it."""
    old, new = schema.target.c, insert.excluded
    same = old.due == new.due
    return insert.on_conflict_do_update(
        index_elements=["ticket", "kind"],
        set_={
            "due": new.due,
            "met_at": sa.case((same, old.met_at), else_=sa.null()),
            "breached_at": sa.case((same, old.breached_at), else_=sa.null()),
        },
    )


def _staging(insert: sqlite.Insert) -> sa.Executable:
    fresh = {name: insert.excluded[name] for name in ("ticket", "agent", "released", "at")}
    return insert.on_conflict_do_update(index_elements=["intake_id"], set_=fresh)


def _marking(column: str) -> sa.Update:
    t = schema.target.c
    update = sa.update(schema.target).where(
        t.ticket == sa.bindparam("of"), t.kind == sa.bindparam("which"), t[column].is_(None)
    )
    return update.values({column: sa.bindparam("when", type_=schema.Instant)})


@cache
def _setting(names: tuple[str, ...]) -> sa.Update:
    update = sa.update(schema.ticket).where(schema.ticket.c.number == sa.bindparam("of"))
    return update.values({name: sa.bindparam(name, type_=schema.ticket.c[name].type) for name in names})


_MEET, _BREACH = _marking("met_at"), _marking("breached_at")
_RELEASE_STAGED = sa.update(schema.staged).where(schema.staged.c.intake_id == sa.bindparam("of")).values(released=True)
# what stood for it while it was held; the history keeps when and why, the mail itself comes again as what it orders
_RELEASE_ENTRY = sa.delete(schema.entry).where(
    schema.entry.c.ticket.in_(sa.select(schema.staged.c.ticket).where(schema.staged.c.intake_id == sa.bindparam("of"))),
    schema.entry.c.intake_id == sa.bindparam("of"),
    schema.entry.c.kind == "staged",
)
_RELEASE_INTAKE = (
    sa.update(schema.intake)
    .where(schema.intake.c.id == sa.bindparam("of"))
    .values(state="waiting", confirmed=True, attempts=0, done_at=None, holder=None)
)
_SETTLE = (
    sa.update(schema.intake)
    .where(schema.intake.c.id == sa.bindparam("of"))
    .values(
        state=sa.bindparam("to"),
        digest=sa.bindparam("digest_"),
        reason=sa.bindparam("why"),
        done_at=sa.bindparam("done", type_=schema.Instant),
        holder=None,
    )
)
