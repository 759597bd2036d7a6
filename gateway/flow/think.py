"""One message from its octets to its decision: read, understand, ask the store once, decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.desk.case import AgentWords, Case
from gateway.desk.decide import decide, doors_of
from gateway.desk.form import as_customer
from gateway.desk.incomplete import as_work
from gateway.desk.join import BOUND
from gateway.desk.notice import CUT_MARK
from gateway.flow.current import Current
from gateway.mail.agent_reply import agent_answer
from gateway.mail.token import bare_address
from gateway.mail.understand import understand
from gateway.model import Decision, Facts, Intake, Json, Message, NewTicket, Purpose, Reading, address_key
from gateway.options import Caps
from gateway.store.facts import FactsQuery


@dataclass(frozen=True, slots=True)
class Thought:
    """A message understood, with what is to be asked of the store for each door."""

    intake: Intake
    reading: Reading
    doors: tuple[str, ...]
    queries: tuple[FactsQuery, ...]

    @property
    def keys(self) -> frozenset[str]:
        """What two messages of one group must not share: the second waits for the next group."""
        message = self.reading.message
        ids = (message.message_id, self.reading.conversation, *message.references, *message.in_reply_to)
        numbers = [str(check.token.number) for check in self.reading.tokens]
        numbers += [str(self.reading.tag)] if self.reading.tag is not None else []
        author = message.author.key if message.author else ""
        return frozenset({*ids, *(f"#{n}" for n in numbers), f"by {author}", message.digest} - {"", "by "})


def understand_intake(intake: Intake, message: Message, current: Current, now: datetime) -> Thought:
    """Everything that needs no store."""
    understood = understand(message, intake, current.read_context(now))
    reading = as_customer(as_work(understood, intake), current.rulebook)
    recipients = [bare_address(address) for address in intake.envelope.rcpt_to]
    recipients += [bare_address(box.address) for box in (*message.to, *message.cc)]
    caps = current.fixed.caps
    fallback = (current.fixed.mailbox_addresses or {}).get(intake.envelope.mailbox, "")
    doors = doors_of(current.rulebook, recipients, fallback)
    return Thought(intake, reading, doors, tuple(_query(intake, reading, door, now, caps) for door in doors))


def _query(intake: Intake, reading: Reading, door: str, now: datetime, caps: Caps) -> FactsQuery:
    message = reading.message
    tokens = [check.token for check in reading.tokens]
    numbers = {token.number for token in tokens if token.purpose is not Purpose.CONFIRM}
    if reading.tag is not None:
        numbers.add(reading.tag)
    refs = dict.fromkeys((*message.references, *message.in_reply_to))
    if message.report is not None and message.report.original_message_id:
        refs[message.report.original_message_id] = None
    refs |= dict.fromkeys((reading.conversation,) if reading.conversation else ())
    if message.message_id:
        refs[BOUND + message.message_id] = None  # who refers to it and looks like another matter
    return FactsQuery(
        intake_id=intake.id,
        digest=message.digest,
        door=door,
        author=message.author.key if message.author else "",
        own_id=message.message_id,
        refs=tuple(ref for ref in refs if ref != message.message_id),
        ticket_numbers=tuple(sorted(numbers)),
        staged_intake=next((token.number for token in tokens if token.purpose is Purpose.CONFIRM), None),
        now=now,
        strict_repeat=not message.message_id,
        source=intake.source.value,
        caps=caps,
    )


def decide_thought(
    thought: Thought, facts: Sequence[Facts], current: Current, now: datetime, next_number: int
) -> tuple[Decision, int]:
    """The decision and how many ticket numbers from `next_number` on it took."""
    decision = decide(case_of(thought, facts, current, now, next_number), current.desk_context)
    return decision, sum(1 for change in decision.changes if isinstance(change, NewTicket))


def case_of(thought: Thought, facts: Sequence[Facts], current: Current, now: datetime, next_number: int) -> Case:
    """What is decided upon."""
    known = dict(zip(thought.doors, facts, strict=True))
    agent = _agent_words(thought, current)
    return Case(thought.intake, thought.reading, thought.doors, known, now, agent, next_number)


def _agent_words(thought: Thought, current: Current) -> AgentWords | None:
    """An agent's mail cut at our own line, refused when anything internal is left in it (law 6)."""
    author = thought.reading.message.author
    book = current.rulebook
    if author is None or not (book.is_agent(author.address) or book.is_manager(author.address)):
        return None
    message = thought.reading.message
    secrets = [box.address for box in (*message.to, *message.cc) if bare_address(box.address) != box.address]
    secrets += [address for address in thought.intake.envelope.rcpt_to if bare_address(address) != address]
    secrets.append(CUT_MARK)
    words = agent_answer(message, CUT_MARK, tuple(dict.fromkeys(secrets)))
    return AgentWords(words.text, words.trouble)


def snapshot(thought: Thought, facts: Sequence[Facts]) -> dict[str, Json]:
    """The facts a decision rested on, small enough to keep with it."""
    reading = thought.reading
    tickets = sorted({number for f in facts for number in f.tickets})
    return {
        "doors": list(thought.doors),
        "author": address_key(reading.message.author.address) if reading.message.author else "",
        "kind": reading.kind.value,
        "evidence": int(reading.evidence),
        "evidence_reason": reading.evidence_reason,
        "reason": reading.reason,
        "language": reading.language,
        "tag": reading.tag,
        "tokens": [f"{c.token.purpose.value}{c.token.number} {'own' if c.own else 'other'}" for c in reading.tokens],
        "tickets": [
            {"number": n, "version": t.version, "status": t.status.value}
            for n in tickets
            if (t := next((f.tickets[n] for f in facts if n in f.tickets), None)) is not None
        ],
        "sent_to_author_24h": max((len(f.sent) for f in facts), default=0),
    }
