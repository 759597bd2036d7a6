"""From a decision to the finished octets of its mails, and to the commit that holds both."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway import log
from gateway.desk.undelivered import unwritable
from gateway.flow.current import Current
from gateway.flow.think import Thought
from gateway.mail.compose import compose
from gateway.mail.mime import Content, content
from gateway.mail.render import Rendered
from gateway.model import Commit, Decision, Event, Json, Notice, OutMail

Words = list[Rendered | None]


@dataclass(frozen=True, slots=True)
class Written:
    """The mails of a decision, and events for those to whom none can be written."""

    mails: tuple[OutMail, ...]
    events: tuple[Event, ...]


def words_of(decision: Decision, current: Current) -> Words:
    """What each notice says. None: the same as the one before, so that what several agents are told is rendered and
    encoded once."""
    notices = decision.notices
    return [
        None if place and _same_words(notices[place - 1], notice) else _rendered(notice, current)
        for place, notice in enumerate(notices)
    ]


def encoded(decision: Decision, words: Words) -> list[Content]:
    """The same as octets, one for each notice."""
    entities: list[Content] = []
    for notice, said in zip(decision.notices, words, strict=True):
        entities.append(entities[-1] if said is None else content(said.text, said.html, notice.attachments))
    return entities


def write_mails(
    decision: Decision, current: Current, now: datetime, entities: Sequence[Content] | None = None
) -> Written:
    """Every notice of the decision, composed; rendered and encoded, too, where `entities` are not given. An address
    that cannot stand in a mail costs that mail alone: the ticket tells of it, and where it was an agent's answer, so
    does a notice."""
    mails, events = [], []
    context = current.compose_context(now)
    if entities is None:
        entities = encoded(decision, words_of(decision, current))
    waiting = deque(zip(decision.notices, entities, strict=True))
    while waiting:
        notice, entity = waiting.popleft()
        try:
            mails.append(compose(notice, entity, context))
        except ValueError as error:
            log.fault("compose", f"{notice.kind} for ticket {notice.ticket}: {error}")
            data: dict[str, Json] = {"mail": notice.kind, "recipient": notice.to.address, "reason": str(error)}
            events.append(Event(notice.ticket, "unwritable", "gateway", data))
            for other in unwritable(notice, str(error), current.desk_context, now):
                said = _rendered(other, current)
                waiting.append((other, content(said.text, said.html, other.attachments)))
    return Written(tuple(mails), tuple(events))


def _same_words(one: Notice, other: Notice) -> bool:
    return (
        one.kind == other.kind
        and one.language == other.language
        and one.department == other.department
        and (one.values is other.values or one.values == other.values)
        and one.attachments == other.attachments
    )


def _rendered(notice: Notice, current: Current) -> Rendered:
    rendered = current.templates.render(notice.kind, notice.language, notice.department, notice.values)
    if rendered.trouble:
        log.template_trouble(notice.kind, notice.language, rendered.trouble)
        current.failed[notice.kind] = rendered.trouble
    return rendered


def commit_of(
    decision: Decision,
    current: Current,
    now: datetime,
    *,
    thought: Thought | None = None,
    took: int = 0,
    facts: Mapping[str, Json] | None = None,
    entities: Sequence[Content] | None = None,
) -> Commit:
    """What the store is asked to write: the decision and its mails. Without a thought: a tick."""
    written = write_mails(decision, current, now, entities)
    return Commit(
        intake_id=thought.intake.id if thought else None,
        digest=thought.reading.message.digest if thought else "",
        decision=replace(decision, changes=(*decision.changes, *written.events)) if written.events else decision,
        mails=written.mails,
        at=now,
        facts=facts or {},
        took_number=took,
        strict_repeat=thought is not None and not thought.reading.message.message_id,
        source=thought.intake.source.value if thought else "",
    )
