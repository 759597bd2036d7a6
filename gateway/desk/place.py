"""Where one message goes: an explicit ticket (signed address, tag), its thread, or a ticket of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from gateway.desk.case import Case, DeskContext
from gateway.desk.join import Newcomer, close_thread, members, related
from gateway.desk.people import is_ours, is_staff
from gateway.desk.topic import same_matter
from gateway.model import Evidence, Facts, FirstKey, Purpose, Status, TicketFacts, TokenCheck

REOPEN_DAYS = 30


@dataclass(frozen=True, slots=True)
class Place:
    """The answer. `tickets` are all that become one (empty: a new ticket); `how` is the reason in words."""

    how: str
    tickets: tuple[TicketFacts, ...] = ()
    member: bool = False  # the author may add to it
    stranger: bool = False  # holds a token that was given to somebody else
    linked: bool = False  # joined by its references: they count for later arrivals
    related: int | None = None
    continues: int | None = None  # a closed ticket too old to reopen
    refs: tuple[str, ...] = field(default=())
    anew: int | None = None  # the ticket that the mail answers by its headers, though it begins another matter


def newcomer(case: Case, context: DeskContext, door: str) -> Newcomer:
    known: Newcomer | None = case.worked_out.get(door)
    if known is None:
        known = case.worked_out[door] = _newcomer(case, context, door)
    return known


def _newcomer(case: Case, context: DeskContext, door: str) -> Newcomer:
    message = case.reading.message
    own_id = message.message_id
    refs = tuple(dict.fromkeys(ref for ref in (*message.references, *message.in_reply_to) if ref != own_id))
    talk = (case.reading.conversation,) if case.reading.conversation else ()
    begins = talk if case.reading.begins else ()
    refs += () if begins or case.reading.new_topic else talk
    shown = tuple(
        box.key
        for box in (*message.to, *message.cc)
        if not is_ours(context, box.address) and not is_staff(context, box.address)
    )
    return Newcomer(
        own_id,
        refs,
        case.author_key,
        case.reading.evidence,
        shown[:10],
        door,
        subject=message.subject,
        begins=begins,
        bound=case.reading.new_topic,
    )


def first_key(case: Case, new: Newcomer) -> FirstKey:
    """The order of this message in its thread, whatever the order of arrival."""
    date = case.reading.message.date
    return FirstKey(
        sum(ref != case.reading.conversation for ref in new.refs),
        date.isoformat() if date else "9999",
        case.reading.message.digest,
    )


def resolve(facts: Facts, number: int | None) -> TicketFacts | None:
    """The ticket a number stands for, merges followed."""
    for _ in range(8):
        ticket = facts.tickets.get(number) if number is not None else None
        if ticket is None or ticket.merged_into is None:
            return ticket
        number = ticket.merged_into
    return None


def best_token(tokens: tuple[TokenCheck, ...]) -> TokenCheck | None:
    """One's own before another's, signed addresses before signed references; expired ones count as none, and so does
    the address of a confirmation: it names a staged mail, not a ticket."""
    good = [check for check in tokens if not check.expired and check.token.purpose is not Purpose.CONFIRM]
    return min(good, key=lambda check: (not check.own, check.where != "recipient"), default=None)


def place(case: Case, context: DeskContext, door: str, facts: Facts) -> Place:
    """Decides once, from facts alone."""
    new = newcomer(case, context, door)
    by_token = _by_token(case, facts)
    if by_token is not None:
        return _begun_anew(by_token, new) or _reopenable(by_token, case)
    numbers = close_thread(new, facts)
    tagged = resolve(facts, case.reading.tag)
    if numbers:
        tickets = tuple(facts.tickets[number] for number in numbers)
        if tagged is not None and tagged.number not in numbers and case.author_key in members(tagged):
            return Place(
                f"references and tag disagree ({context.tag(numbers[0])}, {context.tag(tagged.number)})",
                related=tagged.number,
            )
        found = Place("references", tickets, member=True, linked=True, refs=new.open_refs)
        return _reopenable(found, case)
    if tagged is not None and not tagged.flood:
        if case.author_key in members(tagged):
            return _reopenable(Place("tag in the subject", (tagged,), member=True), case)
        return Place("a stranger's tag is only a hint", related=tagged.number, linked=True, refs=new.open_refs)
    near = related(new, facts, ())
    if new.bound and near is not None and case.author_key in members(facts.tickets[near]):
        return Place(_ANEW, anew=near, linked=True, refs=new.open_refs)
    return Place("nothing to join", related=near, linked=True, refs=new.open_refs)


_ANEW = "another subject, no prefix and no quote: a matter of its own"


def _begun_anew(found: Place, new: Newcomer) -> Place | None:
    """A participant who takes an old mail of ours for its address alone."""
    ticket = found.tickets[0]
    if not (new.bound and found.member) or same_matter(new.subject, ticket.subject):
        return None
    return Place(_ANEW, anew=ticket.number, linked=True, refs=new.open_refs)


def _by_token(case: Case, facts: Facts) -> Place | None:
    check = best_token(case.reading.tokens)
    if check is None:
        return None
    ticket = resolve(facts, check.token.number)
    if ticket is None:
        return None
    # an own token alone makes no member: the neutral acknowledgement to a stranger carries one, too
    member = case.author_key in members(ticket)
    words = "signed reply address" if check.where == "recipient" else "signed Message-ID"
    return Place(words, (ticket,), member=member, stranger=not member)


def _reopenable(found: Place, case: Case) -> Place:
    """A ticket closed for more than 30 days is continued by a new one."""
    limit = case.now - timedelta(days=REOPEN_DAYS)
    fresh = tuple(t for t in found.tickets if t.status is not Status.CLOSED or (t.closed_at or case.now) >= limit)
    if fresh:
        return Place(found.how, fresh, found.member, found.stranger, found.linked, found.related, None, found.refs)
    return Place("its ticket was closed too long ago", continues=found.tickets[0].number, linked=True, refs=found.refs)


def unverified(case: Case, found: Place) -> bool:
    """Whether an added mail is marked: only a From line speaks for it, or the token was somebody else's."""
    return found.stranger or case.reading.evidence == Evidence.E0


def open_refs(found: Place, facts: Facts) -> tuple[str, ...]:
    """References that lead out of the tickets joined: kept, so that late parents find their children."""
    inside = {known.message_id for known in facts.ids if known.ticket in {t.number for t in found.tickets}}
    return tuple(ref for ref in found.refs if ref not in inside)
