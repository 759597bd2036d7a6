"""A mail that will not be delivered is told to those who can do something, once (RELIABILITY G7)."""

from __future__ import annotations

from datetime import datetime

from gateway.desk.case import DeskContext, Draft
from gateway.desk.notice import Writer, staff_of
from gateway.model import Decision, TicketFacts, Undelivered


def undelivered(failure: Undelivered, ticket: TicketFacts, context: DeskContext, now: datetime) -> Decision:
    """One notice to the assignee or the department; a failed staff mail is told to the others of the department."""
    draft = Draft(next_number=0)
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, now)
    told = staff_of(context, writer.department, "" if failure.staff else ticket.assignee, failure.recipient.lower())
    draft.event(
        ticket.number, "undelivered", "gateway", recipient=failure.recipient, reply=failure.reply, mail=failure.kind
    )
    words = next((entry.body for entry in reversed(ticket.recent) if entry.direction == "out"), "")
    for to in told:
        draft.notices.append(
            writer.to_staff(
                "undelivered",
                failure.cause,
                to,
                {
                    "recipient": failure.recipient,
                    "reply": failure.reply,
                    "text": words[:2000] if failure.kind == "answer" else "",
                    "gave_up": not failure.reply.startswith("5"),
                },
                thread=ticket.thread_ids,
            )
        )
    return draft.decision(context.rulebook.digest)
