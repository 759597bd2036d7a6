"""What the rules say at one door of a message, and what that changes on a ticket it was added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.promise import FIRST_RESPONSE, first_response
from gateway.desk.route import DEPARTMENT, Routed, route
from gateway.model import Json, SetTarget, Status, TicketFacts


def routed_at(case: Case, context: DeskContext, door: str, on: str, ticket: TicketFacts | None = None) -> Routed:
    """What the rules say. A mail to several departments goes to each of them: there no rule sends it elsewhere, or one
    department would get it twice and another not at all. `ticket`: the one it replies on."""
    routed = route(context.rulebook, case.reading, case.intake.envelope, door, on, ticket)
    if ticket is None and door and len(case.doors) > 1 and routed.department != door:
        return replace(routed, department=door, set_by={**routed.set_by, "department": "door"})
    return routed


def ruled_values(
    routed: Routed, ticket: TicketFacts, context: DeskContext, now: Mapping[str, object]
) -> dict[str, Json]:
    """Columns of the ticket that the rules set for a mail on it; `now` are those that change for other reasons. Tags
    are added, the class only becomes more urgent: a second mail does not undo what the first one called for."""
    values: dict[str, Json] = {}
    if routed.tags != ticket.tags:
        values["tags"] = list(routed.tags)
    if routed.language in context.desk.languages and routed.language != ticket.language:
        values["language"] = routed.language
    if routed.set_by.get("survey") != DEPARTMENT and routed.survey != ticket.survey:
        values["survey"] = routed.survey
    priority = str(now.get("priority", ticket.priority))
    if "priority" in routed.set_by and more_urgent(context, routed.priority, priority):
        values["priority"] = routed.priority
    return values


def more_urgent(context: DeskContext, one: str, other: str) -> bool:
    """Whether a class stands before another; a class that is no longer in the rulebook stands last."""
    classes = context.rulebook.priorities
    return one in classes and (other not in classes or classes.index(one) < classes.index(other))


def hasten(case: Case, context: DeskContext, ticket: TicketFacts, priority: str, draft: Draft) -> None:
    """The ticket's class has become more urgent: its first answer is due sooner, counted from this mail."""
    draft.event(ticket.number, "priority", "rules", to=priority, before=ticket.priority)
    if ticket.answered or ticket.status is Status.CLOSED or case.intake.quiet:
        return
    book, department = context.rulebook, context.department(ticket.department)
    before = first_response(book, department, ticket.priority, ticket.created_at, ticket.language)
    after = first_response(book, department, priority, case.now, ticket.language)
    if after.due < before.due:
        draft.changes.append(SetTarget(ticket.number, FIRST_RESPONSE, after.due))
