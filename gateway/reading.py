"""All that is understood of one mail as one record: what `gateway read` prints. docs/reading.md says what it means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.mail.classify import OwnMail
from gateway.mail.html_safe import safe_html
from gateway.mail.limits import scan
from gateway.mail.minimal import read_minimal
from gateway.mail.parse import Unreadable, read_message
from gateway.mail.protection import protection
from gateway.mail.reply import separate
from gateway.mail.understand import ReadContext, understand
from gateway.model import Attachment, Envelope, Intake, Mailbox, MailKind, Message, Reading, Source
from gateway.model.incoming import DeliveryReport
from gateway.options import Keys, ReadLimits

Record = dict[str, Any]

_FAILURES = frozenset({MailKind.BOUNCE, MailKind.DELAY})
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when it came is not known here, and nothing in a record depends on it
_NO_AUTOMATON = frozenset({MailKind.PERSON, MailKind.LIST, MailKind.OWN})


def read_mail(
    raw: bytes, limits: ReadLimits, authserv_ids: frozenset[str] = frozenset(), *, html: bool = False
) -> Record:
    """The record of one mail, read as the desk reads it, but with no desk around it.

    `authserv_ids`: hosts whose Authentication-Results are believed. `html`: with the HTML that may be shown.
    Mail over a limit is not parsed: its record holds what the minimal reader sees, and the limit under `quarantine`.
    Raises what a fault in our own code raises.
    """
    over = scan(raw, limits).over
    if over:
        return set_aside(raw, limits, over)
    try:
        message = read_message(raw, limits, scanned=True)
    except Unreadable as fault:
        message = read_minimal(raw, limits, str(fault))
    record = _record(message, _understood(message, authserv_ids))
    return record | {"safe_html": safe_html(message.html)} if html else record


def set_aside(raw: bytes, limits: ReadLimits, why: str) -> Record:
    """The record of a mail that may not be parsed, or that ended the child that tried."""
    record = _record(read_minimal(raw, limits, why), None)
    return record | {"quarantine": why}


def _understood(message: Message, authserv_ids: frozenset[str]) -> Reading:
    """As mail out of a mailbox: the envelope is unknown, Return-Path speaks for it."""
    envelope = Envelope(vouched=bool(authserv_ids))
    intake = Intake(0, Source.IMAP, envelope, b"", _NEVER)
    own = OwnMail(addresses=frozenset(), domain="")
    return understand(message, intake, ReadContext(Keys(()), "", "", authserv_ids, own, 0))


def _record(message: Message, reading: Reading | None) -> Record:
    return {
        "message_id": message.message_id or None,
        "in_reply_to": list(message.in_reply_to),
        "references": list(message.references),
        "thread_index": message.header("thread-index") or None,
        "from": _mailbox(message.shown_from or message.author),
        "author": message.author.address if message.author else None,
        "sender_evidence": _evidence(reading),
        "reply_to": [_mailbox(box) for box in message.reply_to],
        "to": [_mailbox(box) for box in message.to],
        "cc": [_mailbox(box) for box in message.cc],
        "subject": message.subject,
        "date": message.date.isoformat() if message.date else None,
        **_kind(reading),
        "text": message.text,
        "html_text": message.html_text if message.html else None,
        **_parts_of_text(message, reading),
        "attachments": [_attachment(part) for part in message.attachments],
        "protection": protection(message.text, message.attachments) or None,
        "size": message.size,
        "defects": list(message.defects),
        "quarantine": None,
    }


def _mailbox(box: Mailbox | None) -> Record | None:
    return None if box is None else {"name": box.name, "address": box.address}


def _evidence(reading: Reading | None) -> Record | None:
    return None if reading is None else {"level": f"E{int(reading.evidence)}", "why": reading.evidence_reason}


def _kind(reading: Reading | None) -> Record:
    """All None for a mail that was not judged."""
    if reading is None:
        names = ("language", "kind", "kind_reason", "auto_reason", "may_answer", "is_work", "bounce")
        return dict.fromkeys(names)
    return {
        "language": reading.language or None,
        "kind": reading.kind.value,
        "kind_reason": reading.reason,
        "auto_reason": None if reading.kind in _NO_AUTOMATON else reading.reason,
        "may_answer": reading.may_answer,
        "is_work": reading.is_work,
        "bounce": _bounce(reading.message.report) if reading.kind in _FAILURES else None,
    }


def _bounce(report: DeliveryReport | None) -> Record:
    return {
        "recipients": list(report.recipients) if report else [],
        "status": report.status or None if report else None,
        "permanent": report is None or report.permanent,
        "our_message_id": report.original_message_id or None if report else None,
    }


def _parts_of_text(message: Message, reading: Reading | None) -> Record:
    """A mail that was not judged is shown whole."""
    if reading is None:
        return {"new_text": message.text, "quoted_text": "", "signature": "", "forwarded": None}
    parts = separate(message)
    passed_on = parts.forwarded
    return {
        "new_text": parts.new_text,
        "quoted_text": parts.quoted_text,
        "signature": parts.signature,
        "forwarded": {"from": passed_on.sender, "date": passed_on.date, "subject": passed_on.subject}
        if passed_on
        else None,
    }


def _attachment(part: Attachment) -> Record:
    return {
        "path": part.path,
        "name": part.name,
        "type": part.type,
        "size": len(part.content),
        "inline": part.inline,
        "content_id": part.content_id or None,
    }
