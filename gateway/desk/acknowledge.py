"""The acknowledgement: to the author alone, once a ticket, only where an automatic answer may go (RFC 3834)."""

from __future__ import annotations

import re

from gateway.desk.caps import ACKNOWLEDGEMENT, refusal
from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.notice import Writer, bare_subject, shown_name
from gateway.desk.promise import Promise
from gateway.model import Facts, TicketFacts

_FOREIGN_TAG = re.compile(r"\[[^\[\]]{0,40}[0-9][^\[\]]{0,40}\]")
ACK_DAYS = 3  # a queue that stood longer does not send stale promises


def acknowledge(
    case: Case,
    context: DeskContext,
    facts: Facts,
    number: int,
    department: str,
    language: str,
    promise: Promise | None,
    draft: Draft,
    ticket: TicketFacts | None = None,
    another_matter: bool = False,
) -> None:
    """Writes the acknowledgement, or the reason why there is none, into the draft. `another_matter`: the
    author answered a mail of another ticket by its headers alone. Its tag is not named: a mail names one ticket."""
    why = _why_not(case, context, facts, ticket, draft)
    if why:
        draft.event(number, "not-acknowledged", "gateway", reason=why)
        return
    author = case.author
    assert author is not None  # noqa: S101 - _why_not has refused a missing author
    subject = bare_subject(case.reading.message.subject, context.desk.prefix)
    trusted = (case.proven or facts.known_correspondent) and ticket is None
    writer = Writer(context, number, department, subject, case.now)
    tag = context.tag(number)
    message_id = case.reading.message.message_id
    # ids of ours in it were given to somebody: they are not handed on to whoever From names
    known = tuple(ref for ref in case.reading.message.references if ref not in case.reading.own_ids)
    thread = (*known, *((message_id,) if message_id else ()))
    draft.notices.append(
        writer.to_customer(
            ACKNOWLEDGEMENT,
            f"intake:{case.intake.id}",
            author,
            language,
            {
                "subject": subject if trusted else "",
                "promise": promise.words if promise else "",
                "due": promise.due_words if promise else "",
                "hours": promise.hours if promise else "",
                "urgent": promise.urgent if promise else False,
                "another_matter": another_matter,
            },
            # a From line proves nothing: a stranger's words are not sent to whoever it names
            subject=f"Re: {subject} [{tag}]"
            if trusted and subject
            else f"[{tag}] {shown_name(writer.department, language)}",
            auto="auto-replied",
            thread=thread,
            days=ACK_DAYS,
            topic=_topic(subject),
        )
    )


def _why_not(case: Case, context: DeskContext, facts: Facts, ticket: TicketFacts | None, draft: Draft) -> str:
    if case.intake.quiet:
        return "first import of a mailbox"
    if case.author is None:
        return "no author who can be answered"
    if not case.reading.may_answer:
        return case.reading.reason
    if ticket is not None and case.author_key in ticket.acknowledged:
        return "acknowledged before"
    if facts.seen_doors or any(notice.kind == ACKNOWLEDGEMENT for notice in draft.notices):
        return "acknowledged at another department"
    subject = bare_subject(case.reading.message.subject, context.desk.prefix)
    return refusal(facts, context.caps, case.now, ACKNOWLEDGEMENT, _topic(subject))


def _topic(subject: str) -> str:
    """What "the same subject" means for the caps: another desk's tag counts as little as our own, or two desks that
    lose each other's marks would answer each new number."""
    return " ".join(_FOREIGN_TAG.sub(" ", subject).lower().split())
