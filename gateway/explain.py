"""`gateway explain`: the whole path on one mail, with no effect on anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.build import rules_from
from gateway.desk.place import place
from gateway.desk.routed import routed_at
from gateway.edge.child import ChildFailed, ReadingChild
from gateway.flow.current import Current
from gateway.flow.think import Thought, case_of, decide_thought, understand_intake
from gateway.flow.write import write_mails
from gateway.mail.limits import scan
from gateway.mail.parse import Unreadable, read_message, read_minimal
from gateway.mail.wire import unpack
from gateway.model import Envelope, Event, Facts, Intake, Mailbox, Message, Outcome, OutMail, Source, Verdict
from gateway.settings import Settings, borrowed_keys
from gateway.store.store import Store, open_store

_ROUTED = frozenset({Outcome.TICKETED, Outcome.JOINED, Outcome.HELD, Outcome.QUARANTINED})  # the others ask no rule


@dataclass(frozen=True, slots=True)
class Question:
    """A mail and how it is supposed to have come. `fresh`: as if nothing had come before it."""

    raw: bytes
    recipients: tuple[str, ...] = ()
    mail_from: str | None = None
    auth_user: str | None = None
    rules_dir: Path | None = None
    fresh: bool = False


def explain_mail(settings: Settings, question: Question) -> dict[str, Any]:
    """What would become of the mail now, with every rule tried and the mails that would go out. Writes nothing.

    Raises FolderProblem, RulebookErrors, TemplateErrors, SettingsError, and what a store that is there but cannot be
    read raises. Shape: `outcomes`, `reading`, `rules` (one a door that asks them), `events`, `mails`.
    """
    if question.rules_dir is not None:
        settings = replace(settings, rules_dir=question.rules_dir)
    current = rules_from(settings, keys=borrowed_keys(settings.state_dir))
    now = datetime.now(UTC)
    try:
        message = _read(question.raw, current)
    except ChildFailed as error:
        return _unread(str(error))
    thought = understand_intake(_intake(question, now), message, current, now)
    facts = [Facts() for _ in thought.queries] if question.fresh else _facts(settings, thought)
    number = max((f.next_number for f in facts), default=1)
    decision, _ = decide_thought(thought, facts, current, now, number)
    return {
        "outcomes": [_outcome(verdict, current) for verdict in decision.verdicts],
        "reading": _reading(thought),
        "rules": _traces(current, thought, facts, decision.verdicts, now),
        "events": [
            {"ticket": c.ticket, "kind": c.kind, "actor": c.actor, **dict(c.data)}
            for c in decision.changes
            if isinstance(c, Event)
        ],
        "mails": [_mail(mail, current) for mail in write_mails(decision, current, now).mails],
    }


def _unread(reason: str) -> dict[str, Any]:
    outcome = {"door": "", "outcome": Outcome.QUARANTINED.value, "ticket": None, "tag": None, "reasons": [reason]}
    return {"outcomes": [outcome], "reading": None, "rules": [], "events": [], "mails": []}


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
    """As the daemon does: unusual mail in a child that can be killed. Raises ChildFailed: it would be put aside."""
    limits = current.fixed.limits
    found = scan(raw, limits)
    if found.over:
        raise ChildFailed(found.over)
    try:
        if not found.unusual:
            return read_message(raw, limits)
        child = ReadingChild(limits, unpack)
        try:
            return child.read(raw)
        finally:
            child.close()
    except Unreadable as error:
        return read_minimal(raw, limits, str(error))


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


def _outcome(verdict: Verdict, current: Current) -> dict[str, Any]:
    tag = None if verdict.ticket is None else f"{current.fixed.desk.prefix}-{verdict.ticket}"
    return {
        "door": verdict.door,
        "outcome": verdict.outcome.value,
        "ticket": verdict.ticket,
        "tag": tag,
        "reasons": list(verdict.reasons),
    }


def _reading(thought: Thought) -> dict[str, Any]:
    reading, message = thought.reading, thought.reading.message
    return {
        "from": message.author.address if message.author else None,
        "shown_from": message.shown_from.address if message.shown_from else None,
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


def _traces(
    current: Current, thought: Thought, facts: Sequence[Facts], verdicts: Sequence[Verdict], now: datetime
) -> list[dict[str, Any]]:
    """The rules at each door that asked them, as the decision did."""
    case, context = case_of(thought, facts, current, now, 1), current.desk_context
    traces = []
    for verdict in verdicts:
        if verdict.outcome not in _ROUTED:
            continue
        found = place(case, context, verdict.door, case.facts[verdict.door])
        ticket = min(found.tickets, key=lambda one: one.number, default=None)
        on = "reply" if ticket is not None else "new"
        routed = routed_at(case, context, verdict.door, on, ticket)
        traces.append(
            {
                "door": verdict.door,
                "on": on,
                "department": routed.department,
                "priority": routed.priority,
                "tags": list(routed.tags),
                "notify": list(routed.notify),
                "language": routed.language or None,
                "survey": routed.survey,
                "quarantine": routed.quarantine,
                "set_by": dict(routed.set_by),
                "tried": [
                    {"rule": step.name, "place": step.place, "held": step.held, "why": step.why}
                    for step in routed.trace
                ],
            }
        )
    return traces


def _mail(mail: OutMail, current: Current) -> dict[str, Any]:
    """A mail as its receiver would see it."""
    seen = read_message(mail.header.removesuffix(b"\r\n") + b"\r\n\r\n" + mail.body, current.fixed.limits)
    return {
        "kind": mail.kind,
        "to": mail.recipient,
        "from": _shown(seen.shown_from),
        "reply_to": _shown(next(iter(seen.reply_to), None)),
        "envelope_from": mail.envelope_from,
        "subject": seen.subject,
        "text": seen.text,
        "attachments": [one.name for one in seen.attachments],
    }


def _shown(box: Mailbox | None) -> str | None:
    return None if box is None else f"{box.name} <{box.address}>" if box.name else box.address
