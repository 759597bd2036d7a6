"""`gateway explain`: the whole path on one mail, with no effect on anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.build import rules_from
from gateway.desk.route import route
from gateway.flow.current import Current
from gateway.flow.think import Thought, decide_thought, understand_intake
from gateway.flow.write import write_mails
from gateway.mail.limits import scan
from gateway.mail.parse import Unreadable, read_message, read_minimal
from gateway.model import Envelope, Event, Facts, Intake, Message, Source
from gateway.settings import Settings
from gateway.store.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Question:
    """A mail and how it is supposed to have come."""

    raw: bytes
    recipients: tuple[str, ...] = ()
    mail_from: str | None = None
    auth_user: str | None = None
    rules_dir: Path | None = None


def explain_mail(settings: Settings, question: Question) -> dict[str, Any]:
    """What would become of the mail now, with every rule tried and the mails that would go out."""
    if question.rules_dir is not None:
        settings = replace(settings, rules_dir=question.rules_dir)
    current = rules_from(settings)
    now = datetime.now(UTC)
    over = scan(question.raw, settings.limits)
    if over.over:
        return {"outcomes": [{"outcome": "quarantined", "reasons": [over.over]}]}
    thought = understand_intake(_intake(question, now), _read(question.raw, current), current, now)
    facts = _facts(settings, thought)
    number = max((f.next_number for f in facts), default=1)
    decision, _ = decide_thought(thought, facts, current, now, number)
    mails = write_mails(decision, current, now).mails
    return {
        "reading": _reading(thought),
        "outcomes": [
            {"door": v.door, "outcome": v.outcome.value, "ticket": v.ticket, "reasons": list(v.reasons)}
            for v in decision.verdicts
        ],
        "rules": [_traced(current, thought, door) for door in thought.doors],
        "events": [
            {"ticket": c.ticket, "kind": c.kind, "actor": c.actor, **dict(c.data)}
            for c in decision.changes
            if isinstance(c, Event)
        ],
        "mails": [
            {
                "kind": mail.kind,
                "to": mail.recipient,
                "envelope_from": mail.envelope_from,
                "text": (mail.header + b"\r\n\r\n" + mail.body).decode("utf-8", "replace"),
            }
            for mail in mails
        ],
    }


def _intake(question: Question, now: datetime) -> Intake:
    envelope = Envelope(
        mail_from=question.mail_from,
        rcpt_to=question.recipients,
        auth_user=question.auth_user.lower() if question.auth_user else None,
        vouched=True,
    )
    source = Source.SUBMISSION if question.auth_user else Source.SMTP
    return Intake(0, source, envelope, question.raw, now)


def _read(raw: bytes, current: Current) -> Message:
    try:
        return read_message(raw, current.fixed.limits)
    except Unreadable as error:
        return read_minimal(raw, current.fixed.limits, str(error))


def _facts(settings: Settings, thought: Thought) -> list[Facts]:
    """What the store knows; nothing, where there is no store yet."""
    try:
        store: Store = open_store(settings.database_url, settings.state_dir, lock=False, read_only=True)
    except FileNotFoundError:
        return [Facts() for _ in thought.queries]
    try:
        return list(store.facts_many(thought.queries))
    finally:
        store.close()


def _reading(thought: Thought) -> dict[str, Any]:
    reading, message = thought.reading, thought.reading.message
    return {
        "from": message.author.address if message.author else None,
        "subject": message.subject,
        "message_id": message.message_id,
        "kind": reading.kind.value,
        "may_be_answered": reading.may_answer,
        "is_work": reading.is_work,
        "why": reading.reason,
        "evidence": f"E{int(reading.evidence)}",
        "evidence_reason": reading.evidence_reason,
        "language": reading.language,
        "new_text": reading.new_text,
        "attachments": [{"name": a.name, "type": a.type, "size": len(a.content)} for a in message.attachments],
        "defects": list(message.defects),
    }


def _traced(current: Current, thought: Thought, door: str) -> dict[str, Any]:
    routed = route(current.rulebook, thought.reading, thought.intake.envelope, door, "new")
    return {
        "door": door,
        "department": routed.department,
        "priority": routed.priority,
        "tags": list(routed.tags),
        "set_by": dict(routed.set_by),
        "tried": [
            {"rule": step.name, "place": step.place, "held": step.held, "why": step.why} for step in routed.trace
        ],
    }
