"""From one read message and what the store knows to everything that follows. Same input, same decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.confirm import decide_confirmation
from gateway.desk.customer import decide_customer
from gateway.desk.feedback import decide_survey, survey_ticket
from gateway.desk.record import decide_record
from gateway.desk.rulebook import Rulebook
from gateway.desk.staff import decide_staff, staff_ticket
from gateway.model import Decision, Facts, Outcome, Purpose, TokenCheck


def doors_of(rulebook: Rulebook, recipients: Sequence[str], fallback: str) -> tuple[str, ...]:
    """The doors a message came to: each department it names, or "" for a general address.

    `recipients` are envelope and header addresses with our signatures taken off; `fallback` is the address of the
    mailbox it was found in, for mail that names none of ours (Bcc).
    """
    named = [door for address in recipients if (door := rulebook.door_of(address)) is not None]
    if not named and fallback:
        door = rulebook.door_of(fallback)
        named = [door] if door is not None else []
    departments = tuple(dict.fromkeys(door for door in named if door))
    return departments or ("",)


def decide(case: Case, context: DeskContext) -> Decision:
    """All outcomes, changes and notices of one message."""
    facts = case.facts[case.doors[0]]
    draft = Draft(next_number=case.next_number or max(f.next_number for f in case.facts.values()))
    once = _once(case, context, facts)
    if all(_seen(case, door) for door in case.doors) or (once is not None and _seen_anywhere(case)):
        for door in case.doors:
            draft.verdict(door, Outcome.DUPLICATE, None, "the same message has had its outcome")
    elif once is not None:
        once(draft)
    else:
        _at_each_door(case, context, draft)
    return draft.decision(context.rulebook.digest)


def _once(case: Case, context: DeskContext, facts: Facts) -> Callable[[Draft], None] | None:
    """What is decided once for the whole mail, however many doors it names; None: each door decides."""
    if not case.reading.is_work:
        return lambda draft: decide_record(case, context, draft)
    if (check := _confirmation(case)) is not None:
        return lambda draft: decide_confirmation(case, context, check, draft)
    if not case.intake.quiet and (found := survey_ticket(case, facts)) is not None:
        return lambda draft: decide_survey(case, context, *found, draft)
    if (ticket := staff_ticket(case, context, facts)) is not None:
        return lambda draft: decide_staff(case, context, ticket, draft)
    return None


def _seen(case: Case, door: str) -> bool:
    """A repeat at this door. A confirmed or released mail is the same one coming back on purpose."""
    return door in case.facts[door].seen_doors and not case.intake.confirmed and not case.intake.released


def _seen_anywhere(case: Case) -> bool:
    seen = any(facts.seen_doors for facts in case.facts.values())
    return seen and not case.intake.confirmed and not case.intake.released


def _at_each_door(case: Case, context: DeskContext, draft: Draft) -> None:
    for door in case.doors:
        if _seen(case, door):
            draft.verdict(door, Outcome.DUPLICATE, None, "the same message has had its outcome here")
        else:
            decide_customer(case, context, door, draft)
    if any(verdict.outcome is Outcome.QUARANTINED for verdict in draft.verdicts):
        _put_aside(case, draft)


def _put_aside(case: Case, draft: Draft) -> None:
    """Held at one door, held at all: it is let out whole, and nothing that it did already may happen again."""
    why = next(verdict.reasons for verdict in draft.verdicts if verdict.outcome is Outcome.QUARANTINED)
    draft.begin_again()
    for door in case.doors:
        draft.verdict(door, Outcome.QUARANTINED, None, *why)


def _confirmation(case: Case) -> TokenCheck | None:
    """A mail to the single-use address of a staged mail, by the agent to whom it was given."""
    return next((c for c in case.reading.tokens if c.token.purpose is Purpose.CONFIRM and c.own), None)
