"""A mail from outside that opens a ticket, or is handed to `add`."""

from __future__ import annotations

from dataclasses import replace

from gateway.desk import say
from gateway.desk.acknowledge import acknowledge
from gateway.desk.add import add_to, contact_of, entry_of, hints_of, keys_of, participants_of, shown_receivers
from gateway.desk.caps import is_flood
from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.notice import Writer, agent_notices
from gateway.desk.people import staff_of, with_named
from gateway.desk.place import Place, first_key, newcomer, place
from gateway.desk.promise import FIRST_RESPONSE, Promise, first_response
from gateway.desk.route import Routed
from gateway.desk.routed import routed_at
from gateway.model import AddParticipants, Facts, NewTicket, Outcome, SetTarget, Status


def decide_customer(case: Case, context: DeskContext, door: str, draft: Draft) -> None:
    """One outcome for this door, written on the draft."""
    facts = case.facts[door]
    found = place(case, context, door, facts)
    if found.tickets:
        add_to(case, context, door, facts, found, draft)
        return
    routed = routed_at(case, context, door, "new")
    draft.rules.append(routed.fired)
    if routed.quarantine and not case.intake.released:
        draft.verdict(door, Outcome.QUARANTINED, None, f"rule {routed.set_by.get('quarantine', '')}")
    elif is_flood(facts, context.caps) and not case.intake.quiet:
        _flood(case, context, door, facts, routed, draft)
    else:
        _open(case, context, door, facts, found, routed, draft)


def _open(
    case: Case, context: DeskContext, door: str, facts: Facts, found: Place, routed: Routed, draft: Draft
) -> None:
    number = draft.number()
    department = context.department(routed.department)
    language = _language(case, context, facts, routed)
    draft.changes.append(_ticket(case, context, number, door, routed, language, found))
    draft.changes.append(entry_of(case, context, door, number, found, routed))
    draft.changes.append(AddParticipants(number, participants_of(case, context, door)))
    draft.changes += keys_of(case, facts, number, found)
    draft.changes += contact_of(case, language)
    promise = first_response(context.rulebook, department, routed.priority, case.now, language)
    if not case.intake.quiet:
        draft.changes.append(SetTarget(number, FIRST_RESPONSE, promise.due))
    draft.event(
        number,
        "opened",
        case.author_key or "gateway",
        how=found.how,
        department=department.name,
        reading=case.reading.reason,
        evidence=case.reading.evidence_reason,
        due=promise.due.isoformat(),
    )
    draft.verdict(door, Outcome.TICKETED, number, found.how, case.reading.reason, case.reading.evidence_reason)
    if found.anew is not None:
        draft.event(found.anew, "begun-anew", case.author_key, new=context.tag(number))
    acknowledge(
        case, context, facts, number, department.name, language, promise, draft, another_matter=found.anew is not None
    )
    if not case.intake.quiet:
        _tell(case, context, number, routed, found, promise, "new", draft)


def _ticket(
    case: Case, context: DeskContext, number: int, door: str, routed: Routed, language: str, found: Place
) -> NewTicket:
    message = case.reading.message
    return NewTicket(
        number=number,
        door=door,
        department=routed.department,
        subject=message.subject,
        requester=message.author or message.shown_from,
        language=language,
        status=Status.NEW,
        priority=routed.priority,
        tags=routed.tags,
        first=first_key(case, newcomer(case, context, door)),
        related=found.related or found.continues or found.anew,
        survey=routed.survey,
    )


def _language(case: Case, context: DeskContext, facts: Facts, routed: Routed) -> str:
    """What the rules say, what the mail is written in, what this person has written before; else the department's."""
    department = context.department(routed.department)
    return context.language(department, routed.language, case.reading.language, facts.contact_language)


def _tell(
    case: Case,
    context: DeskContext,
    number: int,
    routed: Routed,
    found: Place,
    promise: Promise,
    what: str,
    draft: Draft,
) -> None:
    message = case.reading.message
    writer = Writer(context, number, routed.department, message.subject, case.now)
    added = (c.participants for c in draft.changes if isinstance(c, AddParticipants) and c.ticket == number)
    people = next(added, ())
    told = with_named(staff_of(context, writer.department, "", case.author_key), routed.notify)
    draft.notices += agent_notices(
        writer,
        case,
        what,
        told,
        None,
        {
            "hints": hints_of(case, context, writer.department, found),
            "due": say.instant(promise.due, writer.department.timezone, writer.department.staff_language),
            **shown_receivers(case, context, message.author or message.shown_from, people),
        },
    )


def _flood(case: Case, context: DeskContext, door: str, facts: Facts, routed: Routed, draft: Draft) -> None:
    """One ticket collects what a sender writes beyond the hourly limit: kept and seen, not acknowledged."""
    found = Place("flood: this sender has opened too many tickets within the hour")
    number = facts.flood_ticket
    if number is None or number not in facts.tickets:
        number = draft.number()
        ticket = _ticket(case, context, number, door, routed, _language(case, context, facts, routed), found)
        draft.changes.append(replace(ticket, flood=True))
        draft.changes.append(AddParticipants(number, participants_of(case, context, door)))
        promise = first_response(
            context.rulebook, context.department(routed.department), routed.priority, case.now, ticket.language
        )
        draft.changes.append(SetTarget(number, FIRST_RESPONSE, promise.due))
        _tell(case, context, number, routed, found, promise, "flood", draft)
        outcome = Outcome.TICKETED
    else:
        draft.touch(facts.tickets[number])
        outcome = Outcome.JOINED
    draft.changes.append(entry_of(case, context, door, number, found, routed))
    draft.changes += keys_of(case, facts, number, found)
    draft.event(number, "flood", case.author_key)
    draft.verdict(door, outcome, number, found.how)
