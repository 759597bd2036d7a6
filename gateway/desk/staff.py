"""An agent's or manager's mail on a ticket (RELIABILITY 4.2; laws 6 and 7).

At E3 (or E2 where the department accepts it) commands are obeyed and the words go to the customer. Below that the mail
is staged whole and the agent is asked to confirm. What is doubtful goes back to the agent with the reason.
"""

from __future__ import annotations

from gateway.desk import command
from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.notice import Writer
from gateway.desk.obey import Orders, obey
from gateway.desk.phrases import hint
from gateway.desk.place import best_token, resolve
from gateway.model import (
    Entry,
    Evidence,
    Facts,
    Outcome,
    Purpose,
    Stage,
    TicketFacts,
)

STAFF_PURPOSES = (Purpose.AGENT, Purpose.ESCALATION, Purpose.NOTE)


def staff_ticket(case: Case, context: DeskContext, facts: Facts) -> TicketFacts | None:
    """The ticket on which the author writes as staff; None: they write as anybody does."""
    author = case.author_key
    if not author or not (context.rulebook.is_agent(author) or context.rulebook.is_manager(author)):
        return None
    check = best_token(case.reading.tokens)
    if check is not None and check.token.purpose in (*STAFF_PURPOSES, Purpose.REPLY):
        if check.token.purpose is Purpose.REPLY and check.own:
            return None  # they are the customer of this one
        return resolve(facts, check.token.number)
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
    if case.reading.evidence < enough:
        _stage(case, ticket, writer, door, draft)
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
    names = {item.name for item in parsed.commands}
    if not _may_act(case, context, ticket, names):
        return "not-yours", ticket.assignee, "#take"
    trouble = case.agent.trouble if case.agent else ""
    if trouble and not (trouble == "empty" and (names or case.reading.message.attachments)):
        return trouble, "", ""
    if not parsed.text and not names and not case.reading.message.attachments:
        return "empty", "", ""
    unknown = _unknown_colleague(context, ticket, parsed)
    if unknown:
        return "unknown-command", f"#assign {unknown}", ""
    closing = next((item for item in parsed.commands if item.name == "close"), None)
    writes = bool(parsed.text) and "note" not in names
    if closing is not None and not closing.argument and not ticket.answered and not writes:
        return "closed-without-answer", "#close", "#close withdrawn | duplicate | machine"
    if writes and ticket.requester is None:
        return "no-ticket", "", ""
    return None


def _may_act(case: Case, context: DeskContext, ticket: TicketFacts, names: set[str]) -> bool:
    """Inside the own department; a colleague's ticket only as lead or manager, or after #take (CAPABILITIES A3)."""
    department = context.department(ticket.department)
    author = case.author_key
    superiors = {address.lower() for address in (*department.leads, *department.managers)}
    if author in superiors:
        return True
    if author not in {agent.address.lower() for agent in department.agents}:
        return False
    return not ticket.assignee or ticket.assignee.lower() == author or "take" in names or names == {"note"}


def _unknown_colleague(context: DeskContext, ticket: TicketFacts, parsed: command.Commands) -> str:
    department = context.department(ticket.department)
    known = {agent.address.lower() for agent in department.agents} | {a.lower() for a in department.leads}
    return next(
        (c.argument for c in parsed.commands if c.name == "assign" and c.argument.lower() not in known),
        "",
    )


def _stage(case: Case, ticket: TicketFacts, writer: Writer, door: str, draft: Draft) -> None:
    """Kept whole and never dropped; one reply from the agent's own mailbox releases it."""
    author = case.author
    assert author is not None  # noqa: S101 - staff_ticket has read it
    message = case.reading.message
    draft.changes.append(Stage(case.intake.id, ticket.number, author.key))
    draft.changes.append(
        Entry(
            ticket=ticket.number,
            direction="in",
            kind="staged",
            author=author,
            public=False,
            held=True,
            unverified=True,
            body=case.reading.new_text,
            message_id=message.message_id,
            at=case.intake.at,
            door=door,
            digest=message.digest,
            evidence=int(case.reading.evidence),
            subject=message.subject,
        )
    )
    why = hint(f"confirm-{int(case.reading.evidence)}", writer.department.staff_language)
    draft.event(ticket.number, "staged", author.key, evidence=case.reading.evidence_reason)
    draft.notices.append(
        writer.to_staff(
            "confirm",
            f"intake:{case.intake.id}",
            author,
            {"text": case.reading.new_text, "why": why},
            purpose=Purpose.CONFIRM,
            number=case.intake.id,
            thread=(message.message_id,) if message.message_id else (),
        )
    )
    draft.verdict(door, Outcome.STAGED, ticket.number, case.reading.evidence_reason)


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
    author = case.author
    assert author is not None  # noqa: S101 - staff_ticket has read it
    message = case.reading.message
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
                "text": case.agent.text if case.agent and case.agent.text else case.reading.new_text,
                "commands": [{"name": name, "help": words.get(language, words["en"])} for name, words in command.HELP],
            },
            thread=(message.message_id,) if message.message_id else (),
            auto="auto-replied",
        )
    )
    draft.event(ticket.number, "returned", author.key, reason=code, detail=detail)
    draft.verdict(door, Outcome.RETURNED, ticket.number, code, detail)
