"""The rows of one group, table by table, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
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
from gateway.store.sets import insert_for, insert_rows

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
        self._contacts: list[dict[str, Any]] = []
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

    def rethread(self, ticket: int) -> None:
        """The ticket got ids or references: those that are now inside are to go."""
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
        self._contacts.append({"address": key, "name": name, "language": language, "known": known})

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
            rows = self._inserts.get(table.name)
            if rows:
                connection.execute(insert_for(connection, table).on_conflict_do_nothing(), rows)
        drop_inside(connection, sorted(self._rethread))
        if self._people:
            add_participants(connection, self._people)
        self._write_contacts()
        self._write_targets()
        self._write_staged()
        self._write_sightings()
        self._write_settled()
        self._clear()

    def _write_changes(self) -> None:
        """One UPDATE for each distinct set of columns; every ticket is in one of them."""
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for number, columns in self._changes.items():
            alike.setdefault(tuple(sorted(columns)), []).append({"of": number, **columns})
        for names, rows in alike.items():
            update = sa.update(schema.ticket).where(schema.ticket.c.number == sa.bindparam("of"))
            self._connection.execute(
                update.values({name: sa.bindparam(name, type_=schema.ticket.c[name].type) for name in names}), rows
            )

    def _write_contacts(self) -> None:
        if not self._contacts:
            return
        insert = insert_for(self._connection, schema.contact)
        old, new = schema.contact.c, insert.excluded
        self._connection.execute(
            insert.on_conflict_do_update(
                index_elements=["address"],
                set_={
                    "name": sa.case((new.name != "", new.name), else_=old.name),
                    "language": sa.case((new.language != "", new.language), else_=old.language),
                    "known": sa.or_(old.known, new.known),
                },
            ),
            self._contacts,
        )

    def _write_targets(self) -> None:
        """In the order in which one ticket's were given; those of different tickets go together."""
        pending = list(self._targets.values())
        while pending:
            now = [changes[0] for changes in pending]
            tickets = [ticket for ticket, changes in self._targets.items() if changes]
            self._set_targets([(t, c) for t, c in zip(tickets, now, strict=True) if isinstance(c, SetTarget)])
            self._mark_targets(
                "met_at", [(t, c) for t, c in zip(tickets, now, strict=True) if isinstance(c, MeetTarget)]
            )
            breaches = [(t, c) for t, c in zip(tickets, now, strict=True) if isinstance(c, BreachTarget)]
            self._mark_targets("breached_at", breaches)
            for changes in pending:
                changes.pop(0)
            pending = [changes for changes in pending if changes]

    def _set_targets(self, changes: list[tuple[int, SetTarget]]) -> None:
        """A new due time is a new promise; the same due time keeps what is known of it."""
        if not changes:
            return
        insert = insert_for(self._connection, schema.target)
        old, new = schema.target.c, insert.excluded
        same = old.due == new.due
        self._connection.execute(
            insert.on_conflict_do_update(
                index_elements=["ticket", "kind"],
                set_={
                    "due": new.due,
                    "met_at": sa.case((same, old.met_at), else_=sa.null()),
                    "breached_at": sa.case((same, old.breached_at), else_=sa.null()),
                },
            ),
            [
                {"ticket": ticket, "kind": change.kind, "due": change.due, "met_at": None, "breached_at": None}
                for ticket, change in changes
            ],
        )

    def _mark_targets(self, column: str, changes: list[tuple[int, Any]]) -> None:
        """The first time stands: a tick may run twice."""
        if not changes:
            return
        t = schema.target.c
        update = sa.update(schema.target).where(
            t.ticket == sa.bindparam("of"), t.kind == sa.bindparam("which"), t[column].is_(None)
        )
        self._connection.execute(
            update.values({column: sa.bindparam("when", type_=schema.Instant)}),
            [{"of": ticket, "which": change.kind, "when": change.at} for ticket, change in changes],
        )

    def _write_staged(self) -> None:
        if self._staged:
            insert = insert_for(self._connection, schema.staged)
            fresh = {name: insert.excluded[name] for name in ("ticket", "agent", "released", "at")}
            self._connection.execute(
                insert.on_conflict_do_update(index_elements=["intake_id"], set_=fresh), self._staged
            )
        if self._released:
            of: sa.BindParameter[int] = sa.bindparam("of")
            staged, intake = schema.staged, schema.intake
            self._connection.execute(
                sa.update(staged).where(staged.c.intake_id == of).values(released=True), self._released
            )
            again = {"state": "waiting", "confirmed": True, "attempts": 0, "done_at": None}
            self._connection.execute(sa.update(intake).where(intake.c.id == of).values(again), self._released)

    def _write_sightings(self) -> None:
        if not self._sightings:
            return
        insert = insert_for(self._connection, schema.seen)
        fresh = {name: insert.excluded[name] for name in ("intake_id", "source", "at")}
        self._connection.execute(
            insert.on_conflict_do_update(index_elements=["digest", "door"], set_=fresh), self._sightings
        )

    def _write_settled(self) -> None:
        if not self._settled:
            return
        i = schema.intake.c
        self._connection.execute(
            sa.update(schema.intake)
            .where(i.id == sa.bindparam("of"))
            .values(
                state=sa.bindparam("to"),
                digest=sa.bindparam("digest_"),
                reason=sa.bindparam("why"),
                done_at=sa.bindparam("done", type_=schema.Instant),
            ),
            self._settled,
        )
