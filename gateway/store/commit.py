"""Writes a group of decisions: one executemany for each table, whatever the number of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import (
    AddParticipants,
    BounceSeen,
    BreachTarget,
    Change,
    Commit,
    Contact,
    Entry,
    Event,
    FirstKey,
    Json,
    Mailbox,
    MeetTarget,
    Merge,
    NewTicket,
    Outcome,
    Release,
    SetTarget,
    Stage,
    Stale,
    SurveyAnswer,
    ThreadKeys,
    TicketChange,
    address_key,
)
from gateway.store import schema
from gateway.store.admit import Scope, View, scope_of, view_of
from gateway.store.blobs import Packed, put
from gateway.store.errors import StoreRefused
from gateway.store.facts import base_key
from gateway.store.merge import move
from gateway.store.outbox_rows import Mails, OutboxRef
from gateway.store.rows import Rows
from gateway.store.sets import execute_many

_FIXED = frozenset({"number", "version", "opened_by", "created_at", "merged_into"})
_SET_NEXT = sa.update(schema.ticket_number).values(next=sa.bindparam("to", type_=sa.BigInteger))
_SETTABLE = frozenset(column.name for column in schema.ticket.c) - _FIXED


@dataclass(frozen=True, slots=True)
class Ready:
    """A decision whose mail bodies are packed, in the order of its mails."""

    commit: Commit
    bodies: tuple[Packed, ...]


def write_commits(connection: Connection, jobs: Sequence[Ready]) -> list[tuple[OutboxRef, ...] | Stale | StoreRefused]:
    """The rows of outgoing mail that each decision added, or why it was not written at all."""
    scopes = [scope_of(job.commit) for job in jobs]
    view = view_of(connection, scopes)
    plan = _Plan(connection, view)
    outcomes: list[Stale | StoreRefused | None] = []
    for place, (job, scope) in enumerate(zip(jobs, scopes, strict=True)):
        try:
            values = _checked(job.commit)
            view.admit(scope)
        except (Stale, StoreRefused) as error:
            outcomes.append(error.with_traceback(None))  # it would lead back here, to itself and all octets of the job
            continue
        plan.add(place, job, scope, values)
        outcomes.append(None)
    refs = plan.finish()
    return [outcome or tuple(refs.get(place, ())) for place, outcome in enumerate(outcomes)]


def _checked(commit: Commit) -> dict[int, dict[str, Any]]:
    """Ticket columns to be set, by ticket; StoreRefused for a column that is none."""
    values: dict[int, dict[str, Any]] = {}
    for change in commit.decision.changes:
        if isinstance(change, TicketChange):
            wrong = change.values.keys() - _SETTABLE
            if wrong:
                raise StoreRefused(f"a ticket has no {', '.join(sorted(wrong))}")
            values.setdefault(change.number, {}).update(_columns(change.values))
    return values


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if isinstance(columns.get("first"), FirstKey):
        columns["first"] = list(columns["first"].order)
    if isinstance(columns.get("requester"), Mailbox):
        box = columns["requester"]
        columns |= {"requester": box.address, "requester_name": box.name}
    return columns


class _Plan:
    """Collects the rows of admitted decisions. A merge writes what was collected before it, then moves rows."""

    def __init__(self, connection: Connection, view: View) -> None:
        self._connection = connection
        self._view = view
        self._rows = Rows(connection)
        self._mails = Mails(connection)
        self._first_number = view.next_number
        self._refs: dict[int, list[OutboxRef]] = {}

    def add(self, place: int, job: Ready, scope: Scope, values: Mapping[int, Mapping[str, Any]]) -> None:
        commit = job.commit
        for change in commit.decision.changes:
            if isinstance(change, NewTicket):
                self._rows.new_ticket(change.number, _ticket_row(change, commit))
        for number, columns in values.items():
            merged = number not in scope.opened and self._view.head(number) != number
            kept = {k: v for k, v in columns.items() if not (merged and k in ("status", "closed_at"))}
            self._rows.set_ticket(number, kept)
        for number in scope.touched:
            self._rows.set_ticket(number, {"version": self._view.tickets[number].version})
        for change in commit.decision.changes:
            if isinstance(change, Merge):
                self._flush()
                move(self._connection, change.loser, self._view.head(change.winner))
            else:
                self._change(commit, change)
        self._outcome(scope)
        for mail, body in zip(commit.mails, job.bodies, strict=True):
            self._mails.add(place, mail, self._view.head(mail.ticket), body, commit.at)

    def finish(self) -> dict[int, list[OutboxRef]]:
        self._flush()
        if self._view.next_number != self._first_number:
            execute_many(self._connection, _SET_NEXT, [{"to": self._view.next_number}])
        return self._refs

    def _flush(self) -> None:
        put(self._connection, self._mails.bodies())
        for place, ref, mail in self._mails.write():
            self._refs.setdefault(place, []).append(ref)
            if ref.ticket in self._view.tickets and ref.message_id:
                self._rows.add(schema.thread_id, message_id=ref.message_id, ticket=ref.ticket, own=True)
            self._rows.contact(mail)
        self._rows.write()

    def _change(self, commit: Commit, change: Change) -> None:
        ticket = self._view.head(getattr(change, "ticket", 0))
        match change:
            case Entry():
                self._rows.add(schema.entry, **_entry_row(change, ticket, commit))
            case ThreadKeys() if ticket:
                for known in change.ids:
                    self._rows.add(schema.thread_id, message_id=known.message_id, ticket=ticket, own=known.own)
                for link in change.links:
                    self._rows.add(schema.thread_link, ref=link.ref, ticket=ticket, author=link.author)
                self._rows.rethread(ticket, anew=bool(change.links))
            case AddParticipants() if ticket:
                for person in change.participants:
                    self._rows.person(ticket, person)
            case Event():
                self._rows.event(ticket, change.kind, change.actor, dict(change.data), commit)
            case SetTarget() | MeetTarget() | BreachTarget():
                self._rows.target(ticket, change)
            case _:
                self._rest(commit, change, ticket)

    def _rest(self, commit: Commit, change: Change, ticket: int) -> None:
        match change:
            case SurveyAnswer():
                self._rows.add(
                    schema.survey,
                    ticket=ticket,
                    worked=change.worked,
                    more_needed=change.more_needed,
                    comment=change.comment,
                    at=commit.at,
                )
            case BounceSeen():
                key = address_key(change.address)
                self._rows.add(schema.bounce, address=key, permanent=change.permanent, at=change.at)
            case Stage():
                self._rows.stage(change.intake_id, ticket, change.agent, commit.at)
            case Release():
                self._rows.release(change.intake_id)
            case Contact():
                self._rows.contact_row(address_key(change.address), change.name, change.language)

    def _outcome(self, scope: Scope) -> None:
        """The decision on record with its reasons (law 8), the digest as seen, and the intake row as done."""
        commit = scope.commit
        shared = {
            "intake_id": commit.intake_id,
            "rules": list(commit.decision.rules),
            "facts": dict(commit.facts),
            "rulebook": commit.decision.rulebook,
            "at": commit.at,
        }
        for verdict in commit.decision.verdicts:
            self._rows.add(
                schema.decision,
                door=verdict.door,
                outcome=verdict.outcome.value,
                ticket=verdict.ticket,
                reasons=list(verdict.reasons),
                **shared,
            )
        if commit.intake_id is None:
            if not commit.decision.verdicts:
                for number in sorted(scope.touched | {mail.ticket for mail in commit.mails if mail.ticket}):
                    self._rows.add(schema.decision, door="", outcome="tick", ticket=number, reasons=[], **shared)
            return
        for door in scope.sighted:
            self._rows.sight(commit.digest, door, commit.intake_id, commit.source, commit.at)
        aside = any(verdict.outcome is Outcome.QUARANTINED for verdict in commit.decision.verdicts)
        reason = next((why for verdict in commit.decision.verdicts for why in verdict.reasons), "")
        state = "quarantined" if aside else "done"
        self._rows.settle(commit.intake_id, state, commit.digest, reason if aside else "", commit.at)


def _ticket_row(new: NewTicket, commit: Commit) -> dict[str, Any]:
    return {
        "number": new.number,
        "version": 1,
        "status": new.status.value,
        "door": new.door,
        "department": new.department,
        "subject": new.subject,
        "requester": new.requester.address if new.requester else None,
        "requester_name": new.requester.name if new.requester else "",
        "language": new.language,
        "priority": new.priority,
        "tags": list(new.tags),
        "assignee": "",
        "answered": False,
        "department_fixed": False,
        "survey": new.survey,
        "survey_open": False,
        "flood": new.flood,
        "opened_by": base_key(new.requester.address) if new.requester else "",
        "created_at": commit.at,
        "closed_at": None,
        "first": _order(new.first),
        "merged_into": None,
        "related": new.related,
    }


def _entry_row(entry: Entry, ticket: int, commit: Commit) -> dict[str, Any]:
    return {
        "ticket": ticket,
        "intake_id": commit.intake_id,
        "direction": entry.direction,
        "kind": entry.kind,
        "author": entry.author.address if entry.author else None,
        "author_name": entry.author.name if entry.author else "",
        "public": entry.public,
        "held": entry.held,
        "unverified": entry.unverified,
        "body": entry.body,
        "message_id": entry.message_id,
        "at": entry.at,
        "door": entry.door,
        "digest": entry.digest,
        "evidence": int(entry.evidence),
        "subject": entry.subject,
        "attachments": [list(one) for one in entry.attachments],
        "routed": dict(entry.routed),
        "first": _order(entry.first),
    }


def _order(first: FirstKey | None) -> Json:
    return None if first is None else list(first.order)
