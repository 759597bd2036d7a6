"""Is it a bounce or a delay? Reports (RFC 3464) first, then mails that carry none or one that says nothing: older
mailers, QQ, filters. By who sent them, then by what they say.

People write "mail delivery failed" about their own troubles, and pass bounces on. So words count only
- from a mailer's address, or at a VERP address of ours: in the subject, or in the text where that names an address or
  a code as well;
- from a null reverse-path: at the beginning of the subject, or as above;
- from a sender who calls himself a mailer, or from none at all: in the subject, and the text is telling too;
- from anybody: where the text begins as only mail systems begin and a mail is returned, and the subject answers and
  forwards nothing.
"""

from __future__ import annotations

import re

from gateway.mail.bounce_phrases import DELAY_SUBJECTS, DELAY_WORDS, FAILURE_SUBJECTS, FAILURE_WORDS, OPENINGS
from gateway.mail.bounce_text import Words, read_words
from gateway.mail.folding import plain
from gateway.mail.marks import Marks
from gateway.mail.reply import is_forward, is_reply
from gateway.model import MailKind, Message

_OPENING = 3000  # characters
_FIRST = 120
_AT_ONCE = 80
_LETTERS, _SAME = 8, 3  # so many are folded, and so many of them compared, before all is
_FIRST_LETTERS = frozenset(phrase[:_SAME] for phrase in OPENINGS)
_WORDS = (*FAILURE_WORDS, *DELAY_WORDS)
_SAID = re.compile(
    r"(?<![\w.])[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}(?![\w.])|\(#[45]\.\d{1,3}\.\d{1,3}\)|status: ?[45]\.\d"
)
_DECORATION = re.compile(r"^(?:\[[^\]]{0,40}\]|【[^】]{0,40}】|\*{1,5}|[!<>(\"'-]|\s)+")
_FAILURES = re.compile("|".join(map(re.escape, sorted(FAILURE_SUBJECTS, key=len, reverse=True))))


def delivery_failure(message: Message, marks: Marks) -> tuple[MailKind, str] | None:
    """BOUNCE or DELAY with the reason, None for anything else: a mail without a delivery report."""
    if marks.replied and not marks.mailer and not marks.failed_recipients:
        return None  # a vacation answer goes to the reverse-path too (RFC 3834 §4)
    subject = _DECORATION.sub("", marks.subject)
    source, sure = _source(marks)
    if not source:
        return _by_itself(message, subject)
    case = _Case(message, subject, sure)
    if marks.failed_recipients:
        return (MailKind.DELAY if case.delayed else MailKind.BOUNCE), f"{source}, and X-Failed-Recipients"
    where = case.failure
    if not where:
        return None
    kind = MailKind.DELAY if case.delayed else MailKind.BOUNCE
    return kind, f"{source}, and the {where} speaks of {'delay' if kind is MailKind.DELAY else 'failure'}"


def _source(marks: Marks) -> tuple[str, bool]:
    """Who may speak of failures, and whether that alone is half the proof."""
    if marks.mailer:
        return "a mailer's address", True
    if marks.bounce_recipient:
        return "to our bounce address", True
    if marks.null_sender:
        return "null reverse-path", True
    if marks.mailer_name:
        return f"sender {marks.mailer_name!r}", False
    return ("no From address", False) if marks.no_sender else ("", False)


class _Case:
    """The subject and the opening of one mail, read no further than needed."""

    def __init__(self, message: Message, subject: str, sure: bool) -> None:
        self._message, self._subject, self._sure = message, subject, sure
        self._opening: str | None = None

    @property
    def opening(self) -> str:
        if self._opening is None:
            self._opening = plain(self._message.text[:_OPENING])
        return self._opening

    @property
    def delayed(self) -> bool:
        if any(words in self._subject for words in DELAY_SUBJECTS):
            return True
        if _FAILURES.match(self._subject) and "notification" not in self._subject:
            return False
        return any(words in self.opening for words in DELAY_WORDS)

    @property
    def failure(self) -> str:
        """Where it says so: "subject", "text", or "" for nowhere."""
        found = _FAILURES.search(self._subject)
        late = any(words in self._subject for words in DELAY_SUBJECTS)
        if self._sure and (late or found):
            return "subject"
        if found or late or _SAID.search(self.opening) or any(words in self.opening for words in _WORDS):
            words = read_words(self._message)
            telling = words.telling if found or late else _named(words) or self._at_once
            return ("subject" if found or late else "text") if telling else ""
        return ""

    @property
    def _at_once(self) -> bool:
        """It begins with the failure; a person greets first."""
        return self.opening.startswith(OPENINGS) or any(words in self.opening[:_AT_ONCE] for words in FAILURE_WORDS)


def _named(words: Words) -> bool:
    """A person at a postmaster's address writes of users unknown as well: codes, or a mail that came back, say more."""
    return bool(words.status or words.copied or (words.code and words.recipients))


def _by_itself(message: Message, subject: str) -> tuple[MailKind, str] | None:
    beginning = message.text[:_FIRST].lstrip()
    if plain(beginning[:_LETTERS])[:_SAME] not in _FIRST_LETTERS or not plain(beginning).startswith(OPENINGS):
        return None
    if is_reply(message.subject) or is_forward(message.subject):
        return None
    words = read_words(message)
    told = _FAILURES.match(subject) is not None or subject.startswith(DELAY_SUBJECTS)
    if not (words.copied or (told and _named(words))):
        return None
    kind = MailKind.DELAY if _Case(message, subject, False).delayed else MailKind.BOUNCE
    return kind, "the text begins as a mail system's report"
