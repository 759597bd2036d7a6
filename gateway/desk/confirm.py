"""Agents' mail below E3: kept whole and never dropped, until one reply from the agent's own mailbox releases it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.desk.case import Case, DeskContext, Draft, entry_from
from gateway.desk.notice import Writer
from gateway.desk.phrases import hint
from gateway.desk.place import resolve
from gateway.model import Mailbox, Outcome, Purpose, Release, Stage, StagedMail, TicketFacts, TokenCheck

MOST_ASKED = 5  # questions in a row on one ticket: whoever forges an agent's mails must not fill the agent's mailbox


def stage(case: Case, ticket: TicketFacts, writer: Writer, door: str, draft: Draft) -> None:
    """Keeps the mail and asks at the mailbox on record, not at whatever the From line spells."""
    message, agent = case.reading.message, case.author_key
    draft.changes.append(Stage(case.intake.id, ticket.number, agent))
    draft.changes.append(entry_from(case, ticket.number, door, "staged", public=False, held=True, unverified=True))
    draft.event(ticket.number, "staged", agent, evidence=case.reading.evidence_reason)
    why = hint(f"confirm-{int(case.reading.evidence)}", writer.department.staff_language)
    values = {"text": case.reading.new_text, "why": why}
    draft.verdict(door, Outcome.STAGED, ticket.number, case.reading.evidence_reason)
    last = ticket.recent[-MOST_ASKED:]
    if len(last) == MOST_ASKED and all(e.kind == "staged" and e.author and e.author.key == agent for e in last):
        draft.event(ticket.number, "not-asked", "gateway", reason=f"{MOST_ASKED} staged mails in a row")
        return
    _ask(writer, agent, case.intake.id, f"intake:{case.intake.id}", values, message.message_id, draft)


def _ask(
    writer: Writer, agent: str, staged: int, cause: str, values: Mapping[str, object], message_id: str, draft: Draft
) -> None:
    draft.notices.append(
        writer.to_staff(
            "confirm",
            cause,
            Mailbox(agent, writer.agent_name(agent)),
            values,
            purpose=Purpose.CONFIRM,
            number=staged,
            thread=(message_id,) if message_id else (),
        )
    )


def decide_confirmation(case: Case, context: DeskContext, check: TokenCheck, draft: Draft) -> None:
    """One outcome for a reply to the question. Its words go nowhere; automatic mail never confirms."""
    door = case.doors[0]
    staged = case.facts[door].staged
    if not case.reading.may_answer:
        draft.verdict(door, Outcome.AUTOMATIC, staged.ticket if staged else None, "automatic mail confirms nothing")
    elif staged is None or staged.agent != case.author_key or staged.intake_id != check.token.number:
        draft.verdict(door, Outcome.NOTED, None, "a confirmation of nothing that waits")
    elif staged.released:
        draft.verdict(door, Outcome.NOTED, staged.ticket, "confirmed before")
    elif check.expired:
        _ask_again(case, context, staged, draft)
    else:
        draft.changes.append(Release(staged.intake_id))
        draft.event(staged.ticket, "confirmed", case.author_key, intake=staged.intake_id)
        draft.verdict(door, Outcome.NOTED, staged.ticket, "confirmed the staged mail")


def _ask_again(case: Case, context: DeskContext, staged: StagedMail, draft: Draft) -> None:
    """Only the authority expires, not the mail."""
    door = case.doors[0]
    ticket = resolve(case.facts[door], staged.ticket)
    if ticket is None:
        draft.verdict(door, Outcome.NOTED, None, "a confirmation of nothing that waits")
        return
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, case.now)
    kept = [e for e in ticket.recent if e.kind == "staged" and e.author is not None and e.author.key == staged.agent]
    values: dict[str, object] = {"text": kept[-1].body if kept else "", "why": ""}
    message_id = case.reading.message.message_id
    _ask(writer, staged.agent, staged.intake_id, f"intake:{case.intake.id}", values, message_id, draft)
    draft.event(ticket.number, "asked-again", staged.agent, intake=staged.intake_id)
    draft.verdict(door, Outcome.NOTED, ticket.number, "the question had expired and is asked again")
