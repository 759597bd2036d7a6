"""A mail that will not be delivered is told to those who can do something, once (RELIABILITY G7)."""

from __future__ import annotations

from datetime import datetime

from gateway.desk.case import DeskContext, Draft
from gateway.desk.notice import Writer
from gateway.desk.people import staff_of
from gateway.model import BounceSeen, Decision, Mailbox, Notice, TicketFacts, Undelivered


def undelivered(failure: Undelivered, ticket: TicketFacts, context: DeskContext, now: datetime) -> Decision:
    """One notice to the assignee or the department; a failed staff mail is told to the others of the department.

    That an acknowledgement did not arrive is told too: the customer waits for a promise they never read.
    """
    draft = Draft(next_number=0)
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, now)
    told = _told(failure, ticket, context, writer)
    if _hard(failure):
        draft.changes.append(BounceSeen(failure.recipient, True, now))
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
                null_sender=True,
            )
        )
    return draft.decision(context.rulebook.digest)


def _told(failure: Undelivered, ticket: TicketFacts, context: DeskContext, writer: Writer) -> list[Mailbox]:
    failed = failure.recipient.lower()
    told = staff_of(context, writer.department, "" if failure.staff else ticket.assignee, failed)
    return [box for box in told if box.key != failed]


def _hard(failure: Undelivered) -> bool:
    """Refused for good because of the address, not of what the mail holds (5.7: policy; RFC 3463 §3.8)."""
    return not failure.staff and failure.reply.startswith("5") and " 5.7." not in f" {failure.reply[3:]}"


def unwritable(notice: Notice, reason: str, context: DeskContext, now: datetime) -> list[Notice]:
    """Tells the department of an answer whose receiver's address cannot stand in a mail: they think it has gone out."""
    if notice.kind != "answer":
        return []
    writer = Writer(context, notice.ticket, notice.department, notice.subject, now)
    values = {
        "recipient": notice.to.address,
        "reply": reason,
        "text": str(notice.values.get("text", ""))[:2000],
        "gave_up": False,
    }
    return [
        writer.to_staff("undelivered", f"unwritable:{notice.cause}", to, values)
        for to in staff_of(context, writer.department, "")
    ]
