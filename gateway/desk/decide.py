"""From one read message and what the store knows to everything that follows. Same input, same decision."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.desk.case import Case, DeskContext, Draft
from gateway.desk.customer import decide_customer
from gateway.desk.feedback import decide_survey, survey_ticket
from gateway.desk.record import decide_record
from gateway.desk.rulebook import Rulebook
from gateway.desk.staff import decide_staff, staff_ticket
from gateway.model import Decision, Outcome, Purpose, Release, TokenCheck


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
    draft = Draft(next_number=max(f.next_number for f in case.facts.values()))
    if all(_seen(case, door) for door in case.doors):
        for door in case.doors:
            draft.verdict(door, Outcome.DUPLICATE, None, "the same message has had its outcome")
    elif (check := _confirmation(case)) is not None:
        _confirm(case, check, draft)
    elif not case.reading.is_work:
        decide_record(case, context, draft)
    elif (found := survey_ticket(case, facts)) is not None:
        decide_survey(case, context, *found, draft)
    elif (ticket := staff_ticket(case, context, facts)) is not None:
        decide_staff(case, context, ticket, draft)
    else:
        _at_each_door(case, context, draft)
    return draft.decision(context.rulebook.digest)


def _seen(case: Case, door: str) -> bool:
    """A repeat at this door. A confirmed or released mail is the same one coming back on purpose."""
    return door in case.facts[door].seen_doors and not case.intake.confirmed and not case.intake.released


def _at_each_door(case: Case, context: DeskContext, draft: Draft) -> None:
    for door in case.doors:
        if _seen(case, door):
            draft.verdict(door, Outcome.DUPLICATE, None, "the same message has had its outcome here")
        else:
            decide_customer(case, context, door, draft)


def _confirmation(case: Case) -> TokenCheck | None:
    """A person's reply to the single-use address of a staged mail; automatic mail never confirms."""
    if not case.reading.may_answer:
        return None
    return next(
        (c for c in case.reading.tokens if c.token.purpose is Purpose.CONFIRM and c.own and not c.expired), None
    )


def _confirm(case: Case, check: TokenCheck, draft: Draft) -> None:
    door = case.doors[0]
    staged = case.facts[door].staged
    if staged is None or staged.agent != case.author_key or staged.intake_id != check.token.number:
        draft.verdict(door, Outcome.NOTED, None, "a confirmation of nothing that waits")
        return
    if staged.released:
        draft.verdict(door, Outcome.NOTED, staged.ticket, "confirmed before")
        return
    draft.changes.append(Release(staged.intake_id))
    draft.event(staged.ticket, "confirmed", case.author_key, intake=staged.intake_id)
    draft.verdict(door, Outcome.NOTED, staged.ticket, "confirmed the staged mail")
