"""An agent's or manager's mail on a ticket (laws 6 and 7).

At E3 (or E2 where the department accepts it) commands are obeyed and the words go to the customer. Below that the mail
is staged whole and the agent is asked to confirm. What is doubtful goes back to the agent with the reason.
"""

from __future__ import annotations

from gateway.desk import command
from gateway.desk.case import Case, DeskContext, Draft, entry_from
from gateway.desk.confirm import stage
from gateway.desk.notice import Writer
from gateway.desk.obey import Orders, obey
from gateway.desk.people import is_ours, is_staff
from gateway.desk.place import best_token, resolve
from gateway.model import (
    Evidence,
    Facts,
    Mailbox,
    Outcome,
    Purpose,
    TicketFacts,
)

STAFF_PURPOSES = (Purpose.AGENT, Purpose.ESCALATION, Purpose.NOTE)


def staff_ticket(case: Case, context: DeskContext, facts: Facts) -> TicketFacts | None:
    """The ticket on which the author writes as staff; None: they write as anybody does."""
    author = case.author_key
    if not author or not is_staff(context, author):
        return None
    check = best_token(case.reading.tokens)
    if check is not None and check.token.purpose in (*STAFF_PURPOSES, Purpose.REPLY):
        if check.token.purpose is Purpose.REPLY and check.own:
            return None  # they are the customer of this one
        if (ticket := resolve(facts, check.token.number)) is not None:
            return ticket
    named = {known.ticket for known in facts.ids if known.message_id in case.reading.message.references}
    named |= {known.ticket for known in facts.ids if known.message_id in case.reading.message.in_reply_to}
    tickets = [ticket for number in sorted(named) if (ticket := resolve(facts, number)) is not None]
    tickets += [ticket] if (ticket := resolve(facts, case.reading.tag)) is not None else []
    return next((t for t in tickets if t.requester is None or t.requester.key != author), None)


def decide_staff(case: Case, context: DeskContext, ticket: TicketFacts, draft: Draft) -> None:
    """One outcome for an agent's mail on `ticket`."""
    door = case.doors[0]
    department = context.department(ticket.department)
    enough = Evidence.E2 if department.accept_e2 else Evidence.E3
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, case.now)
    if case.intake.quiet:
        _import(case, ticket, door, draft)
        return
    if case.reading.evidence < enough:
        stage(case, ticket, writer, door, draft)
        return
    words = case.agent
    parsed = command.parse(words.text if words else "")
    refused = _refusal(case, context, ticket, parsed)
    if refused:
        code, detail, suggestion = refused
        _return(case, ticket, writer, door, draft, code, detail, suggestion)
        return
    orders = Orders(case, context, ticket, writer, parsed)
    obey(orders, draft)
    answered = bool(orders.public)
    draft.verdict(door, Outcome.ANSWERED if answered else Outcome.NOTED, ticket.number, case.reading.evidence_reason)


def _refusal(
    case: Case, context: DeskContext, ticket: TicketFacts, parsed: command.Commands
) -> tuple[str, str, str] | None:
    """Code, detail and suggestion of what stops this mail whole; None: nothing does."""
    if parsed.problems:
        language = context.department(ticket.department).staff_language
        detail = "\n".join(f"{problem.written}: {command.explain(problem, language)}" for problem in parsed.problems)
        return "unknown-command", detail, next((p.suggestion for p in parsed.problems if p.suggestion), "")
    orders = Orders(case, context, ticket, Writer(context, ticket.number, ticket.department, "", case.now), parsed)
    return _not_theirs(orders) or _not_sendable(orders) or _not_possible(orders)


def _not_theirs(orders: Orders) -> tuple[str, str, str] | None:
    """Inside the own department; a colleague's ticket only as lead or manager, or after #take (CAPABILITIES A3)."""
    case, ticket = orders.case, orders.ticket
    department, author = orders.context.department(ticket.department), case.author_key
    if any(check.token.purpose is Purpose.CONFIRM for check in case.reading.tokens):
        return "not-for-you", "", ""  # the question whether to send was put to a colleague
    if author in {address.lower() for address in (*department.leads, *department.managers)}:
        return None
    if author not in {agent.address.lower() for agent in department.agents}:
        return "other-department", orders.writer.shown_department, ""
    only_notes = orders.internal and {item.name for item in orders.parsed.commands} <= {"note"}
    if not ticket.assignee or ticket.assignee.lower() == author or orders.named("take") or only_notes:
        return None
    return "not-yours", ticket.assignee, "#take"


def _not_sendable(orders: Orders) -> tuple[str, str, str] | None:
    """What stands in the way of the words and files themselves (law 6: a doubtful mail goes back, never on)."""
    trouble = orders.case.agent.trouble if orders.case.agent else ""
    if trouble and trouble != "empty":
        return trouble, "", ""
    if not orders.parsed.text and not orders.parsed.commands and not orders.files:
        return "empty", "", ""
    if orders.files and not orders.parsed.text and not orders.internal and orders.parsed.commands:
        return "files-without-words", ", ".join(one.name or one.type for one in orders.files), ""
    if orders.public and orders.ticket.requester is None:
        return "no-ticket", "", ""
    return None


def _not_possible(orders: Orders) -> tuple[str, str, str] | None:
    """Orders that cannot be carried out."""
    unknown = _unknown_colleague(orders.context, orders.ticket, orders.parsed)
    if unknown:
        return "impossible-command", f"#assign {unknown}", ""
    wrong = _wrong_copy(orders)
    if wrong:
        return "impossible-command", wrong, ""
    closing = orders.named("close")
    if closing is not None and not closing.argument and not orders.ticket.answered and not orders.public:
        return "closed-without-answer", "#close", "#close withdrawn | duplicate | machine"
    return None


def _unknown_colleague(context: DeskContext, ticket: TicketFacts, parsed: command.Commands) -> str:
    department = context.department(ticket.department)
    known = {agent.address.lower() for agent in department.agents} | {a.lower() for a in department.leads}
    return next(
        (c.argument for c in parsed.commands if c.name == "assign" and c.argument.lower() not in known),
        "",
    )


def _wrong_copy(orders: Orders) -> str:
    """#cc of one of ourselves would come back as a new mail; the requester cannot be left out."""
    requester = orders.ticket.requester
    for item in orders.parsed.commands:
        key = item.argument.lower()
        if item.name == "cc" and (is_ours(orders.context, key) or is_staff(orders.context, key)):
            return f"#cc {item.argument}"
        if item.name == "uncc" and requester is not None and key == requester.key:
            return f"#uncc {item.argument}"
    return ""


def _import(case: Case, ticket: TicketFacts, door: str, draft: Draft) -> None:
    """An agent's old mail, found at the first import of a mailbox: on record, and nothing follows from it again."""
    draft.changes.append(
        entry_from(case, ticket.number, door, "imported", public=False, direction="note", unverified=True)
    )
    draft.verdict(door, Outcome.NOTED, ticket.number, "first import of a mailbox")


def _return(
    case: Case,
    ticket: TicketFacts,
    writer: Writer,
    door: str,
    draft: Draft,
    code: str,
    detail: str,
    suggestion: str,
) -> None:
    message, author = case.reading.message, Mailbox(case.author_key, writer.agent_name(case.author_key))
    language = writer.department.staff_language
    draft.notices.append(
        writer.to_staff(
            "returned",
            f"intake:{case.intake.id}",
            author,
            {
                "reason": code,
                "detail": detail,
                "suggestion": suggestion,
                # a mail of nothing but our own quoted notice has no words to give back
                "text": "" if code == "empty" else (case.agent and case.agent.text) or case.reading.new_text,
                "commands": [{"name": name, "help": words.get(language, words["en"])} for name, words in command.HELP],
            },
            thread=(message.message_id,) if message.message_id else (),
            auto="auto-replied",
        )
    )
    draft.event(ticket.number, "returned", case.author_key, reason=code, detail=detail)
    draft.verdict(door, Outcome.RETURNED, ticket.number, code, detail)
