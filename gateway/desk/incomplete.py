"""Mail that is not here whole, said to the agents in words. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from gateway.desk.case import Case
from gateway.desk.phrases import hint
from gateway.model import Intake, Message, Reading, Source

_NOTE = "x-gateway-note"  # the IMAP edge puts it above the first line of what it could get of a mail
_MEANT = {"too-large": "too-large", "no-body": "no-body", "unreadable": "not-given"}


def as_work(reading: Reading, intake: Intake) -> Reading:
    """A polled mail of which not even a sender could be got: somebody has to look into the mailbox."""
    message = reading.message
    if reading.is_work or message.author or message.shown_from or not _note(message, intake)[0]:
        return reading
    return replace(reading, is_work=True, reason="a mail that the mailbox did not give")


def incomplete(case: Case, language: str) -> list[str]:
    """Why some of the mail is missing: the mailbox did not give it, or no parser could read it."""
    hints = []
    kind, size = _note(case.reading.message, case.intake)
    if kind in _MEANT:
        hints.append(hint(_MEANT[kind], language, mailbox=case.intake.envelope.mailbox, size=size))
    if any(defect.startswith("minimal:") for defect in case.reading.message.defects):
        hints.append(hint("unreadable", language))
    return hints


def _note(message: Message, intake: Intake) -> tuple[str, str]:
    """What the edge noted, and the size of the whole in MB. Only the first header of a polled mail is the edge's own:
    further down, or from elsewhere, anybody could have written it."""
    headers = message.headers
    if intake.source is not Source.IMAP or not headers or headers[0][0] != _NOTE:
        return "", ""
    kind, _, rest = headers[0][1].partition(";")
    size = re.match(r" ?size=([0-9]{1,15})(?:;|\Z)", rest)
    return kind.strip(), f"{int(size[1]) / 1024**2:.1f} MB" if size else "?"
