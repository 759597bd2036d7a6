"""Is it a bounce or a delay? Reports (RFC 3464) first, then mails that carry none or one that says nothing: older
mailers, QQ, filters. By who sent them, then by what they say.

People write "mail delivery failed" about their own troubles, and pass bounces on. So words count only
- from a mailer's address, or at a VERP address of ours: in the subject, or in the text where that names an address or
  a code as well;
- from a null reverse-path: at the beginning of the subject, or where the text is telling;
- from a sender who calls himself a mailer, or from none at all: at the beginning of the subject and of the text, with
  codes or the mail that came back, without a greeting and without a question;
- from anybody: where the text begins as only mail systems begin and a mail is returned, and the subject answers and
  forwards nothing.
"""

from __future__ import annotations

import re
from enum import IntEnum

from gateway.mail.bounce_phrases import DELAY_SUBJECTS, DELAY_WORDS, FAILURE_SUBJECTS, FAILURE_WORDS, OPENINGS
from gateway.mail.bounce_text import Words, read_words
from gateway.mail.folding import phrases, plain
from gateway.mail.marks import Marks
from gateway.mail.reply import is_forward, is_reply
from gateway.model import MailKind, Message

_OPENING = 3000  # characters
_FIRST = 120
_SHORT = 200
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
    source, trust = _source(marks)
    if not source:
        return _by_itself(message, subject)
    case = _Case(message, subject, trust)
    if marks.failed_recipients:
        return (MailKind.DELAY if case.delayed else MailKind.BOUNCE), f"{source}, and X-Failed-Recipients"
    where = case.failure
    if not where:
        return None
    kind = MailKind.DELAY if case.delayed else MailKind.BOUNCE
    return kind, f"{source}, and the {where} speaks of {'delay' if kind is MailKind.DELAY else 'failure'}"


class _Trust(IntEnum):
    """How much of the proof is who sent it."""

    NAME = 0  # a name that anybody may give himself
    NULL = 1  # the null reverse-path: web forms use it as well
    MAILER = 2


def _source(marks: Marks) -> tuple[str, _Trust]:
    """Who may speak of failures, "" for nobody."""
    if marks.mailer:
        return "a mailer's address", _Trust.MAILER
    if marks.bounce_recipient:
        return "to our bounce address", _Trust.MAILER
    if marks.null_sender:
        return "null reverse-path", _Trust.NULL
    if marks.mailer_name:
        return f"sender {marks.mailer_name!r}", _Trust.NAME
    return ("no From address" if marks.no_sender else ""), _Trust.NAME


class _Case:
    """The subject and the opening of one mail, read no further than needed."""

    def __init__(self, message: Message, subject: str, trust: _Trust) -> None:
        self._message, self._subject, self._trust = message, subject, trust
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
        first = _FAILURES.match(self._subject) is not None or self._subject.startswith(DELAY_SUBJECTS)
        if self._trust is _Trust.NAME:
            return "subject" if first and self._is_report else ""
        told = first or _FAILURES.search(self._subject) or any(words in self._subject for words in DELAY_SUBJECTS)
        if (told and self._trust is _Trust.MAILER) or first:
            return "subject"
        if told or _SAID.search(self.opening) or any(words in self.opening for words in _WORDS):
            words = read_words(self._message)
            telling = (words.telling if told else _named(words)) or self._at_once
            return ("subject" if told else "text") if telling else ""
        return ""

    @property
    def _is_report(self) -> bool:
        """The text reports a failure at once, greets nobody, asks nothing, and has codes or the mail that came back."""
        if "?" in self.opening[:_SHORT] or self.opening.startswith(_GREETINGS):
            return False
        says = self.opening.startswith(OPENINGS) or any(words in self.opening[:_SHORT] for words in FAILURE_WORDS)
        return says and _named(read_words(self._message))

    @property
    def _at_once(self) -> bool:
        """It begins with the failure; a person greets first, and a form with a name."""
        if self.opening.startswith(OPENINGS):
            return True
        if self.opening.startswith(_GREETINGS):
            return False
        line = plain(self._message.text[:_OPENING].lstrip().partition("\n")[0])
        if self._trust is not _Trust.MAILER and "@" not in line:
            return False
        return any(words in line[:_SHORT] for words in FAILURE_WORDS)


_GREETINGS = phrases(
    """
    hello | hi | hey | dear | good morning | good afternoon | chào | xin chào | kính | thưa | anh | chị | em | shop |
    您好 | 你好 | 尊敬的 | 亲爱的 | お世話 | こんにちは | 안녕 | hallo | guten | sehr geehrte | liebe |
    bonjour | hola | buenos |
    buenas | olá | bom dia | boa tarde | buongiorno | salve | gentile | здравствуйте | добрый | goedemorgen |
    beste | geachte |
    dzień dobry | witam | szanowni | hej | god morgon | merhaba | sayın
    """
)


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
    kind = MailKind.DELAY if _Case(message, subject, _Trust.NAME).delayed else MailKind.BOUNCE
    return kind, "the text begins as a mail system's report"
