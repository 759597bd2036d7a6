"""A promise that was not kept goes to the management inboxes, once (laws 10 and 3; CAPABILITIES F2)."""

from __future__ import annotations

from datetime import datetime

from gateway.desk import say
from gateway.desk.case import DeskContext, Draft
from gateway.desk.notice import Writer, history
from gateway.desk.phrases import hint
from gateway.desk.promise import FIRST_RESPONSE, first_response
from gateway.model import BreachTarget, Decision, DueTarget, Mailbox, Purpose, SetTarget


def escalate(target: DueTarget, context: DeskContext, now: datetime) -> Decision:
    """One breach: the mark, the history and one mail to each manager."""
    ticket = target.ticket
    draft = Draft(next_number=0)
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, now)
    department = writer.department
    language = department.staff_language
    receivers = department.managers or department.leads or tuple(agent.address for agent in department.agents)
    draft.touch(ticket)
    draft.changes.append(BreachTarget(ticket.number, target.kind, now))
    draft.event(ticket.number, "escalated", "clock", target=target.kind, due=target.due.isoformat(), to=list(receivers))
    for address in receivers:
        draft.notices.append(
            writer.to_staff(
                "escalation",
                f"{target.kind}:{int(target.due.timestamp())}",
                Mailbox(address),
                {
                    "customer_name": ticket.requester.name if ticket.requester else "",
                    "customer_address": ticket.requester.address if ticket.requester else "",
                    "due": say.instant(target.due, department.timezone, language),
                    "late_by": say.late_by(max(0, int((now - target.due).total_seconds())), language),
                    "assignee": writer.name_of(Mailbox(ticket.assignee)) if ticket.assignee else "",
                    "agents": [agent.address for agent in department.agents],
                    "history": history(writer, target.thread),
                },
                purpose=Purpose.ESCALATION,
                thread=ticket.thread_ids,
                mark=hint("overdue", language),
            )
        )
    return draft.decision(context.rulebook.digest)


def promised_anew(target: DueTarget, context: DeskContext, now: datetime) -> Decision | None:
    """For a ticket that is said to have been opened after `now`: the clock was ahead then. Its mail had come by now, so
    the answer is promised from now on at the latest. None where it is due sooner than that already."""
    ticket = target.ticket
    department = context.department(ticket.department)
    promise = first_response(context.rulebook, department, ticket.priority, now, ticket.language)
    if target.kind != FIRST_RESPONSE or promise.due >= target.due:
        return None
    draft = Draft(next_number=0)
    draft.touch(ticket)
    draft.changes.append(SetTarget(ticket.number, target.kind, promise.due))
    draft.event(
        ticket.number,
        "promised",
        "clock",
        target=target.kind,
        due=promise.due.isoformat(),
        before=target.due.isoformat(),
        why="the clock was ahead when the ticket was opened",
    )
    return draft.decision(context.rulebook.digest)
