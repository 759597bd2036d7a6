"""Carrying out what an agent's mail says: answer, note, commands. Everything has been checked before."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from gateway.desk.caps import refusal
from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.command import Command, Commands
from gateway.desk.notice import Writer, cut_line, history, staff_of
from gateway.desk.promise import FIRST_RESPONSE
from gateway.model import (
    AddParticipants,
    Entry,
    KnownId,
    Mailbox,
    MeetTarget,
    Participant,
    Purpose,
    Status,
    ThreadKeys,
    TicketFacts,
    address_key,
)

SURVEY_DAYS = 7


@dataclass(frozen=True, slots=True)
class Orders:
    """One agent's mail, read and found good."""

    case: Case
    context: DeskContext
    ticket: TicketFacts
    writer: Writer
    parsed: Commands

    def named(self, name: str) -> Command | None:
        return next((item for item in self.parsed.commands if item.name == name), None)

    @property
    def actor(self) -> str:
        return self.case.author_key

    @property
    def public(self) -> bool:
        """Whether words or files of this mail go to the customer."""
        has = bool(self.parsed.text) or (bool(self.case.reading.message.attachments) and not self.parsed.commands)
        return has and self.named("note") is None


def obey(orders: Orders, draft: Draft) -> None:
    """Writes everything that follows into the draft."""
    draft.touch(orders.ticket)
    receivers = _receivers(orders, draft)
    if orders.public:
        _answer(orders, receivers, draft)
    elif orders.parsed.text:
        _note(orders, draft)
    _assign(orders, draft)
    _state(orders, draft)


def _receivers(orders: Orders, draft: Draft) -> list[Mailbox]:
    """The requester and the verified participants, after #cc and #uncc."""
    ticket = orders.ticket
    people = {address_key(p.address): Mailbox(p.address, p.name) for p in ticket.participants if p.verified}
    if ticket.requester is not None:
        people = {ticket.requester.key: ticket.requester} | people
    for item in orders.parsed.commands:
        if item.name not in ("cc", "uncc"):
            continue
        key = address_key(item.argument)
        included = item.name == "cc"
        draft.changes.append(AddParticipants(ticket.number, (Participant(item.argument, "", included, "cc"),)))
        draft.event(ticket.number, item.name, orders.actor, address=item.argument)
        if included:
            people.setdefault(key, Mailbox(item.argument))
        elif ticket.requester is None or key != ticket.requester.key:
            people.pop(key, None)
    return [
        box for key, box in people.items() if not orders.context.rulebook.is_agent(key) or _is_requester(ticket, key)
    ]


def _is_requester(ticket: TicketFacts, key: str) -> bool:
    return ticket.requester is not None and ticket.requester.key == key


def _answer(orders: Orders, receivers: list[Mailbox], draft: Draft) -> None:
    case, ticket = orders.case, orders.ticket
    message = case.reading.message
    text = _public_text(orders)
    draft.changes.append(_entry(orders, "out", "answer", public=True))
    if message.message_id:
        draft.changes.append(ThreadKeys(ticket.number, (KnownId(message.message_id, ticket.number),), ()))
    for to in receivers:
        draft.notices.append(
            orders.writer.to_customer(
                "answer",
                f"intake:{case.intake.id}",
                to,
                ticket.language,
                {
                    "text": text,
                    "agent_name": orders.context.rulebook.agent_name(orders.actor),
                    "closing": orders.named("close") is not None,
                    "greet": True,
                },
                auto="",
                thread=ticket.thread_ids,
                attachments=message.attachments,
            )
        )
    draft.changes.append(MeetTarget(ticket.number, FIRST_RESPONSE, case.now))
    values: dict[str, object] = {"answered": True}
    if not ticket.assignee and orders.named("assign") is None:
        values["assignee"] = orders.actor
    draft.touch(ticket, values)  # type: ignore[arg-type]  # the two value types are among those allowed
    draft.event(ticket.number, "answered", orders.actor, to=[box.address for box in receivers])


def _public_text(orders: Orders) -> str:
    """The agent's words; colleagues' own addresses (as in a signature) become the department's (law 6)."""
    text, book = orders.parsed.text, orders.context.rulebook
    shown = book.address_of(orders.writer.department.name)
    for department in book.departments.values():
        for address in (*(agent.address for agent in department.agents), *department.leads, *department.managers):
            text = re.sub(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", shown, text, flags=re.IGNORECASE)
    return text


def _note(orders: Orders, draft: Draft) -> None:
    """An internal note; the colleagues who would be told of the customer's mail get a copy."""
    draft.changes.append(_entry(orders, "note", "note", public=False))
    draft.event(orders.ticket.number, "noted", orders.actor)
    for to in staff_of(orders.context, orders.writer.department, orders.ticket.assignee, orders.actor):
        draft.notices.append(
            orders.writer.to_staff(
                "note-copy",
                f"intake:{orders.case.intake.id}",
                to,
                {
                    "author": orders.context.rulebook.agent_name(orders.actor) or orders.actor,
                    "text": orders.parsed.text,
                },
                thread=orders.ticket.thread_ids,
                attachments=orders.case.reading.message.attachments,
            )
        )


def _entry(orders: Orders, direction: str, kind: str, *, public: bool) -> Entry:
    message = orders.case.reading.message
    return Entry(
        ticket=orders.ticket.number,
        direction=direction,
        kind=kind,
        author=orders.case.author,
        public=public,
        held=False,
        unverified=False,
        body=orders.parsed.text,
        message_id=message.message_id,
        at=orders.case.intake.at,
        door=orders.case.doors[0],
        digest=message.digest,
        evidence=int(orders.case.reading.evidence),
        subject=orders.ticket.subject,
        attachments=tuple((a.name, a.type, len(a.content)) for a in message.attachments),
    )


def _assign(orders: Orders, draft: Draft) -> None:
    ticket, given = orders.ticket, orders.named("assign")
    if orders.named("take") is not None:
        draft.touch(ticket, {"assignee": orders.actor})
        draft.event(ticket.number, "taken", orders.actor, before=ticket.assignee)
    if given is None:
        return
    to = address_key(given.argument)
    draft.touch(ticket, {"assignee": to})
    draft.event(ticket.number, "assigned", orders.actor, to=to, before=ticket.assignee)
    if to == orders.actor:
        return
    body = "\n\n".join(f"{item['who']} · {item['when']}\n{item['text']}" for item in history(ticket.recent))
    draft.notices.append(
        orders.writer.to_staff(
            "assigned",
            f"intake:{orders.case.intake.id}",
            Mailbox(to, orders.context.rulebook.agent_name(to)),
            {"by": orders.context.rulebook.agent_name(orders.actor) or orders.actor, "body": body},
            thread=ticket.thread_ids,
        )
    )


def _state(orders: Orders, draft: Draft) -> None:
    ticket, now, closing = orders.ticket, orders.case.now, orders.named("close")
    if closing is not None:
        draft.status(ticket, Status.CLOSED, now)
        draft.event(ticket.number, "closed", orders.actor, reason=closing.argument)
        if not closing.argument:
            _survey(orders, draft)
        draft.changes.append(MeetTarget(ticket.number, FIRST_RESPONSE, now))
    elif orders.named("wait") is not None:
        draft.status(ticket, Status.WAITING, now)
        draft.event(ticket.number, "waiting", orders.actor)
    elif orders.public or (ticket.status is Status.NEW and orders.parsed.commands):
        draft.status(ticket, Status.OPEN, now)


def _survey(orders: Orders, draft: Draft) -> None:
    """Two questions, answered by reply; once a closing."""
    ticket = orders.ticket
    facts = orders.case.facts[orders.case.doors[0]]
    to = ticket.requester
    if to is None or not orders.writer.department.survey or ticket.flood:
        return
    why = refusal(facts, orders.context.caps, orders.case.now, "survey", "")
    if why:
        draft.event(ticket.number, "no-survey", "gateway", reason=why)
        return
    draft.notices.append(
        orders.writer.to_customer(
            "survey",
            f"intake:{orders.case.intake.id}",
            to,
            ticket.language,
            {"subject": orders.writer.subject, "cut": cut_line(ticket.language)},
            purpose=Purpose.SURVEY,
            thread=ticket.thread_ids,
            days=SURVEY_DAYS,
        )
    )
    draft.touch(ticket, {"survey_open": True})
    draft.event(ticket.number, "survey-sent", "gateway", until=(orders.case.now + timedelta(days=30)).isoformat())
