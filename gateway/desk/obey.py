"""Carrying out what an agent's mail says: answer, note, commands. Everything has been checked before."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.desk.caps import refusal
from gateway.desk.case import Case, DeskContext, Draft, entry_from
from gateway.desk.command import Command, Commands
from gateway.desk.notice import Writer, cut_line, history
from gateway.desk.people import OUT, note_readers, receivers
from gateway.desk.place import best_token
from gateway.desk.promise import FIRST_RESPONSE
from gateway.model import (
    AddParticipants,
    Attachment,
    Entry,
    KnownId,
    Mailbox,
    MailKind,
    MeetTarget,
    Participant,
    Purpose,
    Standing,
    Status,
    ThreadKeys,
    TicketFacts,
    address_key,
)

SURVEY_DAYS = 7
# they name the agent's own mailbox, and sign a text that the customer does not get as it was signed
_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
_MACHINES = frozenset({MailKind.MACHINE, MailKind.LIST, MailKind.AUTO_REPLY})
_CARDS = frozenset({"text/vcard", "text/x-vcard", "text/directory"})


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
    def internal(self) -> bool:
        """A note: by its command, or because it answers a colleague's note. Nothing of it goes to the customer."""
        check = best_token(self.case.reading.tokens)
        return self.named("note") is not None or (check is not None and check.token.purpose is Purpose.NOTE)

    @property
    def files(self) -> tuple[Attachment, ...]:
        """What is attached on purpose: no pictures of a signature, no signature files."""
        attached = self.case.reading.message.attachments
        return tuple(one for one in attached if not one.inline and one.type.lower() not in _SIGNATURES)

    @property
    def public(self) -> bool:
        """Whether words or files of this mail go to the customer."""
        return not self.internal and bool(self.parsed.text or self.files)


def obey(orders: Orders, draft: Draft) -> None:
    """Writes everything that follows into the draft."""
    draft.touch(orders.ticket)
    answered = _receivers(orders, draft)
    if orders.public:
        _answer(orders, answered, draft)
    elif orders.parsed.text or (orders.internal and orders.files):
        _note(orders, draft)
    _assign(orders, draft)
    _state(orders, draft)


def _receivers(orders: Orders, draft: Draft) -> list[Mailbox]:
    """The requester and the verified participants, after #cc and #uncc."""
    ticket = orders.ticket
    people = {address_key(person.address): person for person in ticket.participants}
    for item in orders.parsed.commands:
        if item.name in ("cc", "uncc"):
            included = item.name == "cc"
            person = Participant(item.argument, "", included, "cc" if included else OUT)
            people[address_key(item.argument)] = person
            draft.changes.append(AddParticipants(ticket.number, (person,)))
            draft.event(ticket.number, item.name, orders.actor, address=item.argument)
    return list(receivers(orders.context, ticket.requester, people.values()).values())


def _answer(orders: Orders, answered: list[Mailbox], draft: Draft) -> None:
    case, ticket = orders.case, orders.ticket
    message = case.reading.message
    text = _public_text(orders)
    draft.changes.append(_entry(orders, "out", "answer", text, public=True))
    if message.message_id:
        draft.changes.append(ThreadKeys(ticket.number, (KnownId(message.message_id, ticket.number),), ()))
    for to in answered:
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
                attachments=_public_files(orders),
            )
        )
    draft.changes.append(MeetTarget(ticket.number, FIRST_RESPONSE, case.now))
    values: dict[str, object] = {"answered": True}
    agents = {agent.address.lower() for agent in orders.writer.department.agents}
    # a manager who steps in does not take the ticket away from those who work on it
    if not ticket.assignee and orders.named("assign") is None and orders.actor in agents:
        values["assignee"] = orders.actor
    draft.touch(ticket, values)  # type: ignore[arg-type]  # the two value types are among those allowed
    draft.event(ticket.number, "answered", orders.actor, to=[box.address for box in answered])


def _public_text(orders: Orders) -> str:
    """The agent's words; colleagues' own addresses (as in a signature) become the department's (law 6)."""
    text, book = orders.parsed.text, orders.context.rulebook
    shown = book.address_of(orders.writer.department.name)
    private = _private(orders)
    text = _unsigned(text, {book.agent_name(orders.actor).casefold(), *private} - {""})
    for address in private:
        text = re.sub(rf"(?<![\w.+-]){re.escape(address)}(?![\w-])", shown, text, flags=re.IGNORECASE)
    return text


def _unsigned(text: str, own: set[str]) -> str:
    """Without last lines that are the agent's bare name or address: the closing signs with the name."""
    lines = text.splitlines()
    for _ in range(3):
        if len(lines) < 2 or lines[-1].strip(" -–—<>,.").casefold() not in own:
            break
        lines = lines[:-1]
        while lines and not lines[-1].strip():
            lines.pop()
    return "\n".join(lines)


def _private(orders: Orders) -> list[str]:
    """Addresses of people of ours, the longest first; those of this ticket's own participants are no secret."""
    book, ticket = orders.context.rulebook, orders.ticket
    people = set(book.observers)
    for department in book.departments.values():
        people |= {*(agent.address for agent in department.agents), *department.leads, *department.managers}
    known = {address_key(p.address) for p in ticket.participants} | (
        {ticket.requester.key} if ticket.requester else set()
    )
    return sorted(
        (one for one in people if "@" in one and address_key(one) not in known), key=lambda one: (-len(one), one)
    )


def _public_files(orders: Orders) -> tuple[Attachment, ...]:
    """What the customer gets: all but signature files and cards that name a colleague's own address."""
    private = [address.lower().encode() for address in _private(orders)]
    attached = orders.case.reading.message.attachments
    return tuple(
        one
        for one in attached
        if one.type.lower() not in _SIGNATURES
        and not (one.type.lower() in _CARDS and any(address in one.content.lower() for address in private))
    )


def _note(orders: Orders, draft: Draft) -> None:
    """An internal note; those who would be told of the customer's mail, and who wrote notes before, get a copy."""
    draft.changes.append(_entry(orders, "note", "note", orders.parsed.text, public=False))
    draft.event(orders.ticket.number, "noted", orders.actor)
    for to in note_readers(orders.context, orders.writer.department, orders.ticket, orders.actor):
        draft.notices.append(
            orders.writer.to_staff(
                "note-copy",
                f"intake:{orders.case.intake.id}",
                to,
                {
                    "author": orders.context.rulebook.agent_name(orders.actor) or orders.actor,
                    "text": orders.parsed.text,
                },
                purpose=Purpose.NOTE,
                thread=orders.ticket.thread_ids,
                attachments=orders.case.reading.message.attachments,
            )
        )


def _entry(orders: Orders, direction: str, kind: str, body: str, *, public: bool) -> Entry:
    return entry_from(
        orders.case,
        orders.ticket.number,
        orders.case.doors[0],
        kind,
        public=public,
        direction=direction,
        body=body,
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
    body = "\n\n".join(
        f"{item['who']} · {item['when']}\n{item['text']}" for item in history(orders.writer, ticket.recent)
    )
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
    to = ticket.requester
    if to is None or not ticket.survey or ticket.flood:
        return
    # what the facts tell of caps is about the agent who wrote
    facts = orders.case.facts[orders.case.doors[0]]
    standing = facts.requesters.get(to.key, Standing())
    facts = replace(facts, sent=standing.sent, muted=standing.muted)
    why = refusal(facts, orders.context.caps, orders.case.now, "survey", "")
    if not why and _is_machine(ticket, to):
        why = "the requester is no person"
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


def _is_machine(ticket: TicketFacts, to: Mailbox) -> bool:
    """Whether all that the requester has lately written was automatic: such mail is not answered by machine."""
    wrote = [
        entry.kind for entry in ticket.recent if entry.direction == "in" and entry.author and entry.author.key == to.key
    ]
    return bool(wrote) and all(kind in _MACHINES for kind in wrote)
