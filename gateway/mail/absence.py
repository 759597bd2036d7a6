"""Out-of-office notes. A person who writes about holidays stays a person."""

from __future__ import annotations

from gateway.mail.auto_phrases import ABSENCE_WORDS, LIKELY_PREFIXES, PLAIN_PREFIXES, WEAK_PREFIXES
from gateway.mail.marks import Marks
from gateway.mail.phrases import REPLY_PREFIXES
from gateway.mail.quoting import folded
from gateway.model import Message

_MARKS = ":-–—.。]】)"
_ENDS = _MARKS + "!！,，(（[【 "
_LIKELY = (*PLAIN_PREFIXES, *LIKELY_PREFIXES)
_PREFIXES = (*_LIKELY, *WEAK_PREFIXES)
_BODY = 600  # characters; absence notes say it at once


def absence(message: Message, marks: Marks) -> str:
    """Why this is an absence note, or "".

    - `Automatic reply: …`, in the words of a mail system and with the colon, is enough.
    - `Auto reply …` needs any sign of automatic mail.
    - `Out of office …` needs a sign of an automatic *answer*: newsletters speak of vacations too.
    - Without any such sign the subject must say nothing else, and the text open as absence notes do and ask nothing.
    """
    subject = " ".join(folded(message.subject).replace("：", ":").split())
    if marks.automatic:
        subject = _without_reply_prefixes(subject)
    head, colon, _ = subject.partition(":")
    if colon and head.strip("[]【】() ") in PLAIN_PREFIXES:
        return f"subject begins {head.strip()!r}"
    if marks.automatic:
        return _marked(subject, _opening(message), marks)
    found = _begins(subject, _PREFIXES, _MARKS)
    if not found or "?" in subject or any(mark in message.text[:_BODY] for mark in "?？"):
        return ""
    words = _opening(message)
    return f"subject begins {found!r}, and {words}" if words else ""


def _marked(subject: str, words: str, marks: Marks) -> str:
    found = _begins(subject, _LIKELY, _ENDS)
    if found and not marks.bulk:
        return f"subject begins {found!r}, and {marks.automatic}"
    answer = marks.replied or ("null reverse-path" if marks.null_sender else "")
    weak = found or _begins(subject, WEAK_PREFIXES, _ENDS)
    if weak and (answer or (words and not marks.bulk)):
        return f"subject begins {weak!r}, and {answer or words}"
    return f"{answer}, and {words}" if answer and words else ""


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
        if not colon or prefix.strip() not in REPLY_PREFIXES:
            break
        subject = rest.strip()
    return subject


def _opening(message: Message) -> str:
    """The words of absence in the first lines, or ""."""
    opening = " ".join(folded(message.text[:_BODY]).replace("’", "'").split())
    found = next((words for words in ABSENCE_WORDS if words in opening), "")
    return f"the text says {found!r}" if found else ""
