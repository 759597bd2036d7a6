"""One more message on a ticket: what is written, what changes, who is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.desk.acknowledge import acknowledge
from gateway.desk.case import Case, DeskContext, Draft, entry_from
from gateway.desk.incomplete import incomplete
from gateway.desk.notice import Writer, agent_notices, bare_subject
from gateway.desk.people import OUT, receivers, staff_of, with_named
from gateway.desk.phrases import hint
from gateway.desk.place import Place, first_key, newcomer, open_refs, unverified
from gateway.desk.promise import FIRST_RESPONSE, first_response
from gateway.desk.route import Routed
from gateway.desk.routed import hasten, routed_at, ruled_values
from gateway.desk.rulebook import Department
from gateway.model import (
    AddParticipants,
    Change,
    Contact,
    Entry,
    Evidence,
    Facts,
    FirstKey,
    Json,
    KnownId,
    Link,
    Mailbox,
    MeetTarget,
    Merge,
    Outcome,
    Participant,
    SetTarget,
    Status,
    ThreadKeys,
    TicketFacts,
    address_key,
)

MAX_CC = 10


def add_to(case: Case, context: DeskContext, door: str, facts: Facts, found: Place, draft: Draft) -> None:
    """Joins the message to `found.tickets`, which become one: the lowest number."""
    winner, *losers = sorted(found.tickets, key=lambda ticket: ticket.number)
    if _is_there(case, facts, found, winner, draft):
        draft.verdict(door, Outcome.DUPLICATE, winner.number, "it came to another door and is on its ticket")
        return
    held = found.stranger and not case.reading.may_answer
    tags = tuple(dict.fromkeys(tag for ticket in (winner, *losers) for tag in ticket.tags))
    routed = routed_at(case, context, door, "reply", replace(winner, tags=tags))
    draft.rules.append(routed.fired)
    if routed.quarantine and not case.intake.released:
        draft.verdict(door, Outcome.QUARANTINED, None, f"rule {routed.set_by.get('quarantine', '')}")
        return
    for loser in losers:
        draft.changes.append(Merge(loser.number, winner.number, loser.version, winner.version))
        draft.event(winner.number, "merged", "gateway", from_ticket=context.tag(loser.number), how=found.how)
    draft.changes.append(entry_of(case, context, door, winner.number, found, routed, held=held))
    draft.changes += keys_of(case, facts, winner.number, found)
    people = participants_of(case, context, door, winner) if found.member else ()
    draft.changes += [AddParticipants(winner.number, people)] if people else []
    values = _first_values(case, context, door, found, winner)
    values |= _carried(winner, losers)
    # who may not speak on the ticket changes nothing of it: rules about such mail only tell people
    ruled = ruled_values(routed, winner, context, values) if found.member else {}
    draft.touch(winner, {**values, **ruled})
    if "priority" in ruled:
        hasten(case, context, winner, routed.priority, draft)
    what = _status(case, found, winner, losers, held, draft)
    _answered_already(case, winner, losers, draft)
    draft.event(
        winner.number, "message", case.author_key or "unknown", how=found.how, evidence=case.reading.evidence_reason
    )
    outcome = Outcome.HELD if held else Outcome.JOINED
    draft.verdict(door, outcome, winner.number, found.how, case.reading.reason, case.reading.evidence_reason)
    if case.intake.quiet:
        return
    values |= ruled
    department, priority = values.get("department", winner.department), values.get("priority", winner.priority)
    about = Told(winner, people, str(department), str(priority), routed.notify)
    _tell(case, context, about, found, what, held, draft)
    if found.stranger and not held:
        acknowledge(
            case,
            context,
            facts,
            winner.number,
            winner.department,
            context.language(context.department(winner.department), case.reading.language, winner.language),
            None,
            draft,
            winner,
        )


def _status(case: Case, found: Place, winner: TicketFacts, losers: list[TicketFacts], held: bool, draft: Draft) -> str:
    """Moves the ticket's state; an unverified or held mail never reopens. Returns what the agents are told."""
    states = {ticket.status for ticket in (winner, *losers)}
    if winner.status is Status.CLOSED and states - {Status.CLOSED}:
        draft.status(winner, Status.OPEN, case.now)
        return "reply"
    if winner.status is Status.CLOSED and not held and not unverified(case, found) and case.reading.may_answer:
        draft.status(winner, Status.OPEN, case.now)
        draft.event(winner.number, "reopened", case.author_key)
        return "reopened"
    if winner.status is Status.WAITING and not held:
        draft.status(winner, Status.OPEN, case.now)
    return "reply"


def _is_there(case: Case, facts: Facts, found: Place, winner: TicketFacts, draft: Draft) -> bool:
    """Whether this message is on the ticket already: by another door of the same mail, or of a copy seen before."""
    digest = case.reading.message.digest
    if any(isinstance(c, Entry) and (c.ticket, c.digest) == (winner.number, digest) for c in draft.changes):
        return True
    before = not found.linked or any(entry.digest == digest for entry in winner.recent)
    return bool(facts.seen_doors) and before and not case.intake.released


def _carried(winner: TicketFacts, losers: list[TicketFacts]) -> dict[str, Json]:
    """What a merge must not lose: who has it in hand, that it was answered, that a person has chosen its department."""
    values: dict[str, Json] = {}
    assignee = next((loser.assignee for loser in losers if loser.assignee), "")
    if assignee and not winner.assignee:
        values["assignee"] = assignee
    if not winner.answered and any(loser.answered for loser in losers):
        values["answered"] = True
    if not winner.department_fixed and any(loser.department_fixed for loser in losers):
        values["department_fixed"] = True
    return values


def _answered_already(case: Case, winner: TicketFacts, losers: list[TicketFacts], draft: Draft) -> None:
    """The thread had its first answer on the ticket that goes: nobody is to be alarmed about it."""
    if not winner.answered and any(loser.answered for loser in losers):
        draft.changes.append(MeetTarget(winner.number, FIRST_RESPONSE, case.now))


def _first_values(
    case: Case, context: DeskContext, door: str, found: Place, winner: TicketFacts
) -> dict[str, Json | FirstKey]:
    """Requester and department follow the canonical first message, unless a person has it in hand."""
    if not found.linked:
        return {}
    own = first_key(case, newcomer(case, context, door))
    firsts = [
        (t.first, t.requester, t.subject, (t.department, t.priority, t.survey))
        for t in found.tickets
        if t.first is not None
    ]
    message = case.reading.message
    routed = routed_at(case, context, door, "new")
    place = (routed.department, routed.priority, routed.survey)
    firsts.append((own, message.author or message.shown_from, message.subject, place))
    first, requester, subject, place = min(firsts, key=lambda item: item[0].order)
    if winner.first is not None and first.order >= winner.first.order:
        return {}
    values: dict[str, Json | FirstKey] = {"first": first, "subject": subject}
    same = requester is not None and winner.requester is not None and requester.key == winner.requester.key
    if requester is not None and (same or case.reading.evidence >= Evidence.E1):
        values |= {"requester": requester.address, "requester_name": requester.name}
    if not winner.department_fixed and not winner.answered and not winner.assignee:
        values |= dict(zip(("department", "priority", "survey"), place, strict=True))
    return values


@dataclass(frozen=True, slots=True)
class Told:
    """What the agents' copy is made of: the ticket, who comes with this mail, and where it belongs now."""

    ticket: TicketFacts
    people: tuple[Participant, ...]
    department: str
    priority: str
    notify: tuple[str, ...] = ()  # whom the rules name

    @property
    def moved(self) -> bool:
        return self.department != self.ticket.department


def _tell(case: Case, context: DeskContext, about: Told, found: Place, what: str, held: bool, draft: Draft) -> None:
    ticket = about.ticket
    writer = Writer(context, ticket.number, about.department, ticket.subject, case.now)
    extra: dict[str, object] = {
        "hints": hints_of(case, context, writer.department, found, held),
        **shown_receivers(case, context, ticket.requester, (*ticket.participants, *about.people)),
    }
    if about.moved:
        # these agents have not heard of it: to them it is new, and their department's promise counts
        language = writer.department.staff_language
        promise = first_response(context.rulebook, writer.department, about.priority, ticket.created_at, language)
        draft.changes.append(SetTarget(ticket.number, FIRST_RESPONSE, promise.due))
        draft.event(ticket.number, "moved", "rules", to=about.department, before=ticket.department)
        extra["due"] = promise.due_words
    told = with_named(staff_of(context, writer.department, ticket.assignee, case.author_key), about.notify)
    draft.notices += agent_notices(writer, case, "new" if about.moved else what, told, ticket, extra)


# --- what every kept message writes --------------------------------------------------------------------------------


def entry_of(
    case: Case, context: DeskContext, door: str, number: int, found: Place, routed: Routed, *, held: bool = False
) -> Entry:
    """The message as it is shown: what is new in it; the whole stays in intake."""
    return entry_from(
        case,
        number,
        door,
        case.reading.kind.value,
        public=True,
        held=held,
        unverified=bool(found.tickets) and unverified(case, found),
        routed={"department": routed.department, "priority": routed.priority},
        first=first_key(case, newcomer(case, context, door)),
    )


def keys_of(case: Case, facts: Facts, number: int, found: Place) -> list[Change]:
    message_id = case.reading.message.message_id
    begun = case.reading.conversation if case.reading.begins else ""
    ids = tuple(KnownId(one, number) for one in (message_id, begun) if one)
    links: tuple[Link, ...] = ()
    if found.linked and case.author_key:
        links = tuple(Link(ref, number, case.author_key) for ref in open_refs(found, facts))
    return [ThreadKeys(number, ids, links)] if ids or links else []


def participants_of(
    case: Case, context: DeskContext, door: str, ticket: TicketFacts | None = None
) -> tuple[Participant, ...]:
    """The author, and those in copy: with evidence they take part, without it they are suggestions. Whom an agent has
    left out stays out. Without a ticket (it is being opened) the author is the requester."""
    author = case.author or (case.reading.message.shown_from if ticket is None else None)
    people = []
    if author is not None:
        role = "requester" if ticket is None else "author"
        people.append(Participant(author.address, author.name, case.proven, role))
    boxes: dict[str, Mailbox] = {box.key: box for box in (*case.reading.message.to, *case.reading.message.cc)}
    people += [
        Participant(boxes[key].address, boxes[key].name, case.proven, "cc")
        for key in dict.fromkeys(newcomer(case, context, door).shown_to)
        if key != case.author_key
    ][:MAX_CC]
    out = {address_key(p.address) for p in ticket.participants if p.role == OUT} if ticket else set()
    return tuple(person for person in people if address_key(person.address) not in out)


def shown_receivers(
    case: Case, context: DeskContext, requester: Mailbox | None, people: tuple[Participant, ...]
) -> dict[str, object]:
    """For the agent's copy: to whom an answer goes beside the writer, and who was named but gets nothing (13)."""
    got = receivers(context, requester, people)
    others = {address_key(p.address): p.address for p in people if p.role in ("cc", OUT)}
    return {
        "also_to": [box.address for key, box in got.items() if key != case.author_key],
        "not_included": [address for key, address in others.items() if key not in got],
    }


def contact_of(case: Case, language: str) -> list[Change]:
    if case.author is None or not case.reading.language:
        return []
    return [Contact(case.author.address, case.author.name, language)]


def hints_of(case: Case, context: DeskContext, department: Department, found: Place, held: bool = False) -> list[str]:
    """What an agent should know of this mail beside its text."""
    language = department.staff_language
    hints = []
    if own := _own_subject(case, context, found):
        hints.append(hint("subject", language, subject=own))
    if found.related is not None:
        hints.append(hint("related", language, tag=context.tag(found.related)))
    if found.anew is not None:
        hints.append(hint("anew", language, tag=context.tag(found.anew)))
    if found.continues is not None:
        hints.append(hint("old", language, tag=context.tag(found.continues)))
    if held:
        hints.append(hint("held", language))
    elif found.stranger:
        hints.append(hint("stranger", language))
    elif found.tickets and unverified(case, found):
        hints.append(hint("unverified", language))
    return hints + incomplete(case, language)


def _own_subject(case: Case, context: DeskContext, found: Place) -> str:
    """The subject of a mail on a ticket that its writer has put there anew, without a reply mark or tag: it may be all
    that the mail says. Else ""."""
    subject = " ".join(case.reading.message.subject.split())
    if not found.tickets or bare_subject(subject, context.desk.prefix) != subject:
        return ""
    return "" if bare_subject(found.tickets[0].subject, context.desk.prefix).lower() == subject.lower() else subject
