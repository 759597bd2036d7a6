"""Who is who on a ticket: whom an answer goes to, and who of the staff is told."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.desk.case import DeskContext
from gateway.desk.rulebook import Department
from gateway.model import Entry, Mailbox, Participant, TicketFacts, address_key

OUT = "out"  # role of one whom an agent has left out (#uncc): no answers, no say, until #cc


def is_staff(context: DeskContext, address: str) -> bool:
    """Listed as an agent, a lead (one of the agents) or a management inbox of any department."""
    return context.rulebook.is_agent(address) or context.rulebook.is_manager(address)


def is_ours(context: DeskContext, address: str) -> bool:
    """One of the desk's own addresses, signed or not."""
    local, at, domain = address_key(address).rpartition("@")
    bare = f"{local.split('+', 1)[0]}{at}{domain}"
    ours = context.rulebook.all_addresses()
    return bare in ours or address_key(address) in ours or bare == address_key(context.desk.bounce_address)


def receivers(
    context: DeskContext, requester: Mailbox | None, participants: Iterable[Participant]
) -> dict[str, Mailbox]:
    """Whom an answer goes to, by key: the requester, and the verified participants from outside."""
    people = {requester.key: requester} if requester is not None else {}
    for person in participants:
        key = address_key(person.address)
        if person.verified and person.role != OUT and not is_staff(context, key) and not is_ours(context, key):
            people.setdefault(key, Mailbox(person.address, person.name))
    return people


def staff_of(context: DeskContext, department: Department, assignee: str, besides: str = "") -> list[Mailbox]:
    """Who is told of a customer's mail: the assignee, else the department's agents, else its leads and managers.

    `besides` is left out as long as anybody remains: a matter nobody is told of is lost.
    """
    if assignee and is_staff(context, assignee) and assignee != besides:
        return [Mailbox(assignee, context.rulebook.agent_name(assignee))]
    agents = [Mailbox(agent.address, agent.name) for agent in department.agents]
    others = [Mailbox(address) for address in dict.fromkeys((*department.leads, *department.managers))]
    for group in (agents, others):
        told = [box for box in group if box.key != besides]
        if told:
            return told
    return agents or others


def with_named(told: list[Mailbox], named: Iterable[str]) -> list[Mailbox]:
    """Those told, and whom the rules name beside them; nobody twice."""
    known = {box.key for box in told}
    return [*told, *(Mailbox(address) for address in dict.fromkeys(named) if address_key(address) not in known)]


def note_readers(context: DeskContext, department: Department, ticket: TicketFacts, author: str) -> list[Mailbox]:
    """Who gets a copy of an internal note: those told of the customer's mail, and whoever wrote a note before."""
    told = {box.key: box for box in staff_of(context, department, ticket.assignee, author)}
    for box in _note_writers(ticket.recent):
        if is_staff(context, box.key):
            told.setdefault(box.key, Mailbox(box.key, context.rulebook.agent_name(box.key)))
    told.pop(author, None)
    return list(told.values())


def _note_writers(entries: Iterable[Entry]) -> list[Mailbox]:
    return [entry.author for entry in entries if entry.direction == "note" and entry.author is not None]
