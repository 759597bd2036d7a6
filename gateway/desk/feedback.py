"""The answer to a survey. "No" opens the ticket again and tells the agents (CAPABILITIES I1, I2)."""

from __future__ import annotations

from gateway.desk.caps import refusal
from gateway.desk.case import Case, DeskContext, Draft, entry_from
from gateway.desk.notice import Writer, agent_notices
from gateway.desk.people import staff_of
from gateway.desk.place import best_token, resolve
from gateway.desk.survey import Answer, read_answer
from gateway.model import Entry, Facts, KnownId, Outcome, Purpose, Status, SurveyAnswer, ThreadKeys, TicketFacts


def survey_ticket(case: Case, facts: Facts) -> tuple[TicketFacts, Answer] | None:
    """The ticket whose survey this mail answers in words that can be read; None: an ordinary mail."""
    check = best_token(case.reading.tokens)
    if check is None or check.token.purpose is not Purpose.SURVEY or not check.own or not case.reading.may_answer:
        return None
    ticket = resolve(facts, check.token.number)
    answer = read_answer(case.reading.new_text)
    return (ticket, answer) if ticket is not None and answer.understood else None


def decide_survey(case: Case, context: DeskContext, ticket: TicketFacts, answer: Answer, draft: Draft) -> None:
    """Records the answer; thanks; reopens where something is left."""
    door = case.doors[0]
    draft.touch(ticket, {"survey_open": False})
    draft.changes.append(SurveyAnswer(ticket.number, answer.worked, answer.more_needed, answer.comment))
    draft.changes.append(_entry(case, ticket, door))
    if case.reading.message.message_id:
        own = KnownId(case.reading.message.message_id, ticket.number)
        draft.changes.append(ThreadKeys(ticket.number, (own,), ()))
    left_over = answer.worked is False or answer.more_needed is True
    reopened = left_over and ticket.status is Status.CLOSED
    draft.event(ticket.number, "survey", case.author_key, worked=answer.worked, more_needed=answer.more_needed)
    if reopened:
        draft.status(ticket, Status.OPEN, case.now)
        draft.event(ticket.number, "reopened", case.author_key, why="survey")
    writer = Writer(context, ticket.number, ticket.department, ticket.subject, case.now)
    if left_over or _says_more(case, answer):
        told = staff_of(context, writer.department, ticket.assignee, case.author_key)
        what = "survey-no" if left_over else "survey-words"
        draft.notices += agent_notices(writer, case, what, told, ticket, {})
    if ticket.survey_open:  # thanked once a closing: a robot that answers everything gets no second one
        _thank(case, context, ticket, answer, reopened, writer, draft)
    draft.verdict(door, Outcome.SURVEYED, ticket.number, f"worked={answer.worked} more_needed={answer.more_needed}")


def _says_more(case: Case, answer: Answer) -> bool:
    """Whether there is something for a person to read beside "yes": a wish after the thanks must not be lost."""
    words = answer.comment.split()
    han = sum(1 for char in answer.comment if "\u3400" <= char <= "\u9fff")
    return (
        bool(case.reading.message.attachments)
        or len(words) >= 6
        or han >= 10
        or "?" in answer.comment.replace("？", "?")
    )


def _thank(
    case: Case, context: DeskContext, ticket: TicketFacts, answer: Answer, reopened: bool, writer: Writer, draft: Draft
) -> None:
    author = case.author
    why = refusal(case.facts[case.doors[0]], context.caps, case.now, "survey-thanks", "")
    if author is None or why:
        return
    message_id = case.reading.message.message_id
    draft.notices.append(
        writer.to_customer(
            "survey-thanks",
            f"intake:{case.intake.id}",
            author,
            ticket.language,
            {"worked": answer.worked, "reopened": reopened},
            auto="auto-replied",
            thread=(*ticket.thread_ids, *((message_id,) if message_id else ())),
            days=3,
        )
    )


def _entry(case: Case, ticket: TicketFacts, door: str) -> Entry:
    return entry_from(case, ticket.number, door, "survey-answer", public=True)
