"""Mail that is no work: bounces, delays, receipts, out-of-office, our own mail coming back. On record, no effect on
state, clock or owner; an undelivered answer is told to the agents (RFC 3464, RFC 3834)."""

from __future__ import annotations

from gateway.desk.case import Case, DeskContext, Draft, entry_from
from gateway.desk.notice import Writer
from gateway.desk.people import is_staff, staff_of
from gateway.desk.place import resolve
from gateway.desk.undelivered import of_the_address, too_large
from gateway.model import (
    BounceSeen,
    Entry,
    Facts,
    Mailbox,
    MailKind,
    Outcome,
    Purpose,
    TicketFacts,
    TokenCheck,
    address_key,
)


def decide_record(case: Case, context: DeskContext, draft: Draft) -> None:
    """One outcome for a mail that wants no ticket."""
    door, reading = case.doors[0], case.reading
    facts = case.facts[door]
    check = _token(case)
    ticket = _ticket(case, facts, check)
    bounced = reading.kind in (MailKind.BOUNCE, MailKind.DELAY)
    outcome = Outcome.BOUNCE if bounced and ticket is not None else Outcome.AUTOMATIC
    draft.verdict(door, outcome, ticket.number if ticket else None, reading.reason)
    if ticket is None:
        return
    draft.changes.append(_entry(case, ticket, door))
    draft.event(ticket.number, reading.kind.value, case.author_key or "mail system", reason=reading.reason)
    # only what our own signature proves may count against an address or reach an agent
    if reading.kind is MailKind.BOUNCE and check is not None:
        _bounced(case, context, ticket, draft)


def _permanent(case: Case) -> bool:
    report = case.reading.message.report
    return report is None or report.permanent


def _said(case: Case) -> str:
    """The words of the server that refused, as the report has them, else its status."""
    report = case.reading.message.report
    return (report.diagnostic or report.status) if report else ""


def _token(case: Case) -> TokenCheck | None:
    """A signature of ours, wherever it stands: the VERP address before all others."""
    checks = sorted(case.reading.tokens, key=lambda c: (c.token.purpose is not Purpose.BOUNCE, c.where != "recipient"))
    return next((check for check in checks if check.token.purpose is not Purpose.CONFIRM), None)


def _ticket(case: Case, facts: Facts, check: TokenCheck | None) -> TicketFacts | None:
    if check is not None:
        return resolve(facts, check.token.number)
    message = case.reading.message
    named = set(message.references) | set(message.in_reply_to)
    if message.report is not None and message.report.original_message_id:
        named.add(message.report.original_message_id)
    known = sorted(known.ticket for known in facts.ids if known.own and known.message_id in named)
    return resolve(facts, known[0]) if known else None


def _bounced(case: Case, context: DeskContext, ticket: TicketFacts, draft: Draft) -> None:
    """Counts against the address our signature was given to, whatever the report names; tells those who can act."""
    report, permanent = case.reading.message.report, _permanent(case)
    bounced = case.reading.bounced
    for address in bounced:
        if not is_staff(context, address):
            draft.changes.append(BounceSeen(address, permanent and of_the_address(_said(case)), case.now))
    if not permanent or case.intake.quiet:
        return
    reported = bounced or (report.recipients if report else ())
    failed = {address_key(address) for address in reported}
    about_staff = any(is_staff(context, address) for address in failed)
    if not about_staff and not ticket.answered:
        return  # an acknowledgement to a forged sender
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, case.now)
    assignee = "" if ticket.assignee in failed else ticket.assignee
    told = [box for box in staff_of(context, writer.department, assignee) if box.key not in failed]
    # a full mailbox of a colleague is said once on a ticket, a customer's each time
    cause = f"bounce:{','.join(sorted(failed))}" if about_staff else f"bounce:{case.reading.message.digest}"
    shown = ", ".join(reported) or (ticket.requester.address if ticket.requester else "")
    _tell(case, writer, told, cause[:200], shown, draft)


def _tell(case: Case, writer: Writer, told: list[Mailbox], cause: str, recipient: str, draft: Draft) -> None:
    for to in told:
        draft.notices.append(
            writer.to_staff(
                "undelivered",
                cause,
                to,
                {
                    "recipient": recipient,
                    "reply": _said(case),
                    "text": case.reading.new_text[:2000],
                    "because": "too-large" if too_large(_said(case)) else "refused",
                },
                null_sender=True,
            )
        )


def _entry(case: Case, ticket: TicketFacts, door: str) -> Entry:
    return entry_from(case, ticket.number, door, case.reading.kind.value, public=False, unverified=True)
