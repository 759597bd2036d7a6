"""Automatic answers: absence notes and acknowledgements. A person who writes about holidays stays a person.

What may be recorded instead of ticketed, from the surest sign to the weakest:
- `Automatic reply: …`, in the words of a mail system and with the colon, whoever sends it.
- `Auto reply …` with any sign of automatic mail.
- `Out of office …` with a sign of an automatic *answer*: newsletters speak of vacations too.
- A sign of an automatic answer, and a text that opens with an absence or says that the mail was received.
- Any sign of automatic mail, in answer to a mail, and "your request has been received".
- Without any such sign: a subject that says nothing but the absence, or an answer that calls itself automatic; and the
  text opens as such notes do and asks nothing.
"""

from __future__ import annotations

import re

from gateway.mail.auto_phrases import LIKELY_PREFIXES, PLAIN_PREFIXES
from gateway.mail.auto_words import (
    ABSENCE_SUBJECTS,
    ABSENCE_UNTIL,
    ABSENCE_WORDS,
    RECEIVED_WORDS,
    SELF_DECLARED,
    SELF_HINTS,
)
from gateway.mail.folding import plain
from gateway.mail.marks import Marks
from gateway.mail.phrases import REPLY_PREFIXES
from gateway.model import MailKind, Message

_MARKS = ":-–—.。]】)"
_ENDS = _MARKS + "!！,，(（[【 "
_LIKELY = (*PLAIN_PREFIXES, *LIKELY_PREFIXES)
_REPLIES = frozenset(map(plain, REPLY_PREFIXES))
_BODY = 700  # characters; such notes say it at once
_ABSENT = ("absen", "abwesen", "office", "vang mat", "休假", "外出", "부재", "ausencia", "afwezig", "nieobecn", "fuori")
_NOTES = re.compile(
    r"^(?:auto: )?[^:?]{2,80} (?:is|will be|ist|est|esta|e|jest|ar) (?:currently )?"
    r"(?:out of the office|away|ausser haus|absente?\b|fuera de la oficina|fuori ufficio|nieobecn)[^?]{0,60}$"
)
_RECEIVED = re.compile(r"(?:has been|was|have|vua|da|已|受け|bien|haben|hemos|получен|принят|foi|ricevut|ontvangen)")

Found = tuple[MailKind, str]


def automatic_answer(message: Message, marks: Marks) -> Found | None:
    """OUT_OF_OFFICE or AUTO_REPLY with the reason, None for anything else."""
    subject = marks.subject
    if marks.automatic:
        subject = _without_reply_prefixes(subject)
    head, colon, _ = subject.partition(":")
    head = head.strip("[]【】<>*() ")
    if colon and head in PLAIN_PREFIXES:
        return _which(f"subject begins {head!r}", _Opening(message), any(word in head for word in _ABSENT))
    if marks.automatic:
        return _marked(subject, _Opening(message), marks)
    return _unmarked(subject, message, marks)


class _Opening:
    """The first lines, folded, each question asked at most once."""

    def __init__(self, message: Message) -> None:
        self.text = plain(message.text[:_BODY])

    @property
    def absence(self) -> str:
        match = ABSENCE_WORDS.search(self.text)
        return f"the text says {match.group()[:60]!r}" if match else ""

    @property
    def received(self) -> str:
        match = RECEIVED_WORDS.search(self.text)
        return f"the text says {match.group()[:60]!r}" if match else ""

    @property
    def declared(self) -> str:
        if not any(hint in self.text for hint in _HINTS):
            return ""
        match = SELF_DECLARED.search(self.text)
        return f"the text says {match.group()[:60]!r}" if match else ""

    @property
    def asks(self) -> bool:
        return "?" in self.text or "？" in self.text


_HINTS = tuple(map(plain, SELF_HINTS))


def _which(reason: str, opening: _Opening, absent: bool = False) -> Found:
    """An absence, unless the text speaks of a mail received and of no absence."""
    if absent or opening.absence or not opening.received:
        return MailKind.OUT_OF_OFFICE, reason
    return MailKind.AUTO_REPLY, reason


def _marked(subject: str, opening: _Opening, marks: Marks) -> Found | None:
    found = _begins(subject, _LIKELY, _ENDS)
    if found and not marks.bulk:
        return _which(f"subject begins {found!r}, and {marks.automatic}", opening)
    answer = marks.replied or ("null reverse-path" if marks.null_sender else "")
    weak = found or _absent(subject, anything_after=True)
    if weak and (answer or (opening.absence and not marks.bulk)):
        return MailKind.OUT_OF_OFFICE, f"subject begins {weak!r}, and {answer or opening.absence}"
    if answer:
        return _answered(answer, opening, marks)
    words = opening.received if marks.answers_something and not marks.bulk else ""
    if words and _RECEIVED.search(words):
        return MailKind.AUTO_REPLY, f"{marks.automatic}, in answer to a mail, and {words}"
    return None


def _answered(answer: str, opening: _Opening, marks: Marks) -> Found | None:
    if opening.absence:
        return MailKind.OUT_OF_OFFICE, f"{answer}, and {opening.absence}"
    words = opening.declared or opening.received
    if words and not marks.bulk and (marks.replied or marks.answers_something or not opening.asks):
        return MailKind.AUTO_REPLY, f"{answer}, and {words}"
    return None


def _unmarked(subject: str, message: Message, marks: Marks) -> Found | None:
    found = _begins(subject, _LIKELY, _MARKS) or _absent(subject, anything_after=False)
    if not found and marks.answers_something:
        found = _absent(subject, until=True)
    notes = None if found or len(subject) > 160 else _NOTES.match(subject)
    if not (found or notes or marks.answers_something) or "?" in subject:
        return None
    if not found and not notes and not _hinted(message.text[:_BODY]):
        return None
    opening = _Opening(message)
    if opening.asks and not opening.declared:
        return None
    if found or notes:
        words = opening.absence or (opening.declared and opening.received)
        return _which(f"subject begins {found or subject[:60]!r}, and {words}", opening) if words else None
    words = opening.declared
    if words and (opening.absence or opening.received):
        return _which(f"in answer to a mail, and {words}", opening)
    return None


def _hinted(text: str) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in SELF_HINTS)


def _absent(subject: str, anything_after: bool = False, until: bool = False) -> str:
    """The absence that a subject is, or begins with before a mark (or a blank, or a time)."""
    text = subject.strip("[]【】<>*!.・ ")
    match = ABSENCE_SUBJECTS.match(text)
    if not match:
        return ""
    rest = text[match.end() :]
    ends = _ENDS if anything_after else _MARKS
    if not rest or rest.lstrip()[:1] in ends or (anything_after and rest[0] in _ENDS):
        return match.group()
    return match.group() if until and ABSENCE_UNTIL.match(rest) else ""


def _begins(subject: str, phrases: tuple[str, ...], ends: str) -> str:
    """The phrase that a subject is, or begins with before one of `ends`."""
    text = subject.strip("[]【】<>* ")
    if not text.startswith(phrases):
        return ""
    for phrase in phrases:
        if text.startswith(phrase) and (len(text) == len(phrase) or text[len(phrase) :].strip()[:1] in ends):
            return phrase
        if " " in ends and text.startswith(phrase + " "):
            return phrase
    return ""


def _without_reply_prefixes(subject: str) -> str:
    for _ in range(3):
        prefix, colon, rest = subject.partition(":")
        if not colon or prefix.strip() not in _REPLIES:
            break
        subject = rest.strip()
    return subject
