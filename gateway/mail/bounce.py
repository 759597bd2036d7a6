"""Bounces that carry no delivery report: older mailers, QQ, filters. By who sent them, then by what they say."""

from __future__ import annotations

import re

from gateway.mail.auto_phrases import DELAY_SUBJECTS, FAILURE_SUBJECTS, FAILURE_WORDS
from gateway.mail.marks import Marks
from gateway.mail.quoting import folded
from gateway.model import MailKind, Message

_BODY = 3000  # characters
_STATUS = re.compile(r"(?<![\w.])5\d\d[ -]#?5\.\d{1,3}\.\d{1,3}(?![\w.])|\(#5\.\d{1,3}\.\d{1,3}\)|status: ?5\.\d")


def delivery_failure(message: Message, marks: Marks) -> tuple[MailKind, str] | None:
    """BOUNCE or DELAY with the reason, None for anything else.

    Failure words count only from a null reverse-path, a mailer's address, or at a VERP address of ours: people write
    "mail delivery failed" about their own troubles.
    """
    source = _source(marks)
    if not source:
        return None
    if marks.replied and not marks.mailer and not marks.failed_recipients:
        return None  # a vacation answer goes to the reverse-path too (RFC 3834 §4)
    subject = folded(message.subject)
    if any(words in subject for words in DELAY_SUBJECTS):
        return MailKind.DELAY, f"{source}, and the subject speaks of delay"
    if marks.failed_recipients:
        return MailKind.BOUNCE, f"{source}, and X-Failed-Recipients"
    if any(words in subject for words in FAILURE_SUBJECTS):
        return MailKind.BOUNCE, f"{source}, and the subject speaks of failure"
    text = folded(message.text[:_BODY])
    speaks = (marks.mailer or marks.bounce_recipient) and any(words in text for words in FAILURE_WORDS)
    if speaks or _STATUS.search(text):
        return MailKind.BOUNCE, f"{source}, and the text speaks of failure"
    return None


def _source(marks: Marks) -> str:
    if marks.mailer:
        return "a mailer's address"
    if marks.bounce_recipient:
        return "to our bounce address"
    return "null reverse-path" if marks.null_sender else ""
