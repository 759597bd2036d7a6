"""A mail that will not be delivered is told to those who can do something, once."""

from __future__ import annotations

import re
from datetime import datetime

from gateway.desk.case import DeskContext, Draft
from gateway.desk.notice import Writer
from gateway.desk.people import staff_of
from gateway.model import BounceSeen, Decision, Mailbox, Notice, TicketFacts, Undelivered

_STATUS = re.compile(r"(?<![\d.])5\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_TOO_LARGE = re.compile(r"(?<![\d.])5\.(?:3\.4|2\.3)(?![\d.])|^552 .*\b(?:size|large|big)\b", re.IGNORECASE)


def undelivered(failure: Undelivered, ticket: TicketFacts, context: DeskContext, now: datetime) -> Decision:
    """One notice to the assignee or the department; a failed staff mail is told to the others of the department.

    That an acknowledgement did not arrive is told too: the customer waits for a promise they never read.
    """
    draft = Draft(next_number=0)
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, now)
    told = _told(failure, ticket, context, writer)
    if not failure.staff and failure.reply.startswith("5") and of_the_address(failure.reply):
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
                    "because": because(failure.reply),
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


def because(reply: str) -> str:
    """Why a mail will not be delivered, from the last answer to it: the notice says what can be done about it."""
    if reply.startswith("4"):
        return "gave-up"
    if not reply.startswith("5"):
        return "no-relay"
    return "too-large" if too_large(reply) else "refused"


def too_large(said: str) -> bool:
    """Whether a server refused a mail for its size (RFC 3463 §3.3, §3.4; RFC 1870)."""
    return bool(_TOO_LARGE.search(said))


def of_the_address(reply: str) -> bool:
    """Whether a final refusal says that nothing will ever arrive there (RFC 3463 §3.2, §3.3): not of what this mail
    holds or how large it is, of policy, of a full mailbox."""
    found = _STATUS.search(reply)
    if found is None:
        return not reply.startswith(("552", "554"))
    return (found[1], found[2]) in {("0", "0"), ("2", "0"), ("2", "1")} or found[1] == "1"


def unwritable(notice: Notice, reason: str, context: DeskContext, now: datetime) -> list[Notice]:
    """Tells the department of an answer whose receiver's address cannot stand in a mail: they think it has gone out."""
    if notice.kind != "answer":
        return []
    writer = Writer(context, notice.ticket, notice.department, notice.subject, now)
    values = {
        "recipient": notice.to.address,
        "reply": reason,
        "text": str(notice.values.get("text", ""))[:2000],
        "because": "refused",
    }
    return [
        writer.to_staff("undelivered", f"unwritable:{notice.cause}", to, values)
        for to in staff_of(context, writer.department, "")
    ]
