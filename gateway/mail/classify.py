"""What a message is, and the two questions asked apart: may it be answered automatically, and is it work?

RFC 3834 (automatic responses), RFC 3464 (delivery reports), RFC 8098 (receipts), RFC 5965 (feedback), RFC 5546
(calendar answers). Recording instead of ticketing needs a sign that a person does not leave by chance; silence needs
only a doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.mail.absence import automatic_answer
from gateway.mail.auto_phrases import READ_PREFIXES, READ_WORDS
from gateway.mail.bounce import delivery_failure
from gateway.mail.folding import plain
from gateway.mail.marks import (
    Marks,
    calendar_reply,
    is_machine_address,
    list_id,
    read_marks,
    recipients,
    report_type,
)
from gateway.mail.token import bare_address, looks_alarm, looks_own
from gateway.model import Envelope, MailKind, Message, address_key


@dataclass(frozen=True, slots=True)
class OwnMail:
    """What the desk calls its own. `list_ids` are mailing groups in front of it, without angle brackets; `bounce`, one
    of `addresses`, is the key of the address that alarms come from."""

    addresses: frozenset[str]
    domain: str
    list_ids: frozenset[str] = frozenset()
    spam_threshold: float = 5.0
    bounce: str = ""


@dataclass(frozen=True, slots=True)
class Classified:
    """`reason` says what `kind`, `may_answer` and `is_work` rest on."""

    kind: MailKind
    may_answer: bool
    is_work: bool
    reason: str


def classify(message: Message, envelope: Envelope, own: OwnMail) -> Classified:
    """Kind and both answers. Nothing here is evidence: a forged mark only costs the forger an acknowledgement."""
    case = _Case(message, envelope, own, read_marks(message, envelope, own.list_ids, own.spam_threshold))
    for rule in (
        _own,
        _report,
        _failure,
        _receipt,
        _calendar,
        _automatic_answer,
        _at_bounce_address,
        _alarm_answer,
        _nobody,
    ):
        found = rule(case)
        if found:
            return found
    return _work(message, case.marks)


@dataclass(frozen=True, slots=True)
class _Case:
    message: Message
    envelope: Envelope
    own: OwnMail
    marks: Marks


def _recorded(kind: MailKind, reason: str) -> Classified:
    return Classified(kind, False, False, reason)


def _own(case: _Case) -> Classified | None:
    message, own = case.message, case.own
    sender = message.author or message.shown_from
    if sender and address_key(bare_address(sender.address)) in own.addresses:
        return _recorded(MailKind.OWN, "From is one of our own addresses")
    if looks_own(message.message_id, own.domain):
        return _recorded(MailKind.OWN, "Message-ID is of our own making")
    return None


def _report(case: _Case) -> Classified | None:
    message, marks = case.message, case.marks
    kind = report_type(message)
    if kind == "disposition-notification":
        return _recorded(MailKind.RECEIPT, "disposition notification (RFC 8098)")
    if kind == "feedback-report":
        return _recorded(MailKind.FEEDBACK, "feedback report (RFC 5965)")
    trusted = kind == "delivery-status" or marks.null_sender or marks.mailer
    if message.report is None or not trusted:
        if kind == "delivery-status":
            return _recorded(MailKind.BOUNCE, "delivery report without fields (RFC 3464)")
        return None
    action, status = message.report.action, message.report.status
    if action == "delayed" or (not action and status.startswith("4")):
        return _recorded(MailKind.DELAY, "delivery report: delayed (RFC 3464)")
    if action in ("delivered", "relayed", "expanded") or (not action and status.startswith("2")):
        return _recorded(MailKind.RECEIPT, f"delivery report: {action or status} (RFC 3464)")
    return _recorded(MailKind.BOUNCE, f"delivery report: {action or 'failed'} {status}".rstrip() + " (RFC 3464)")


def _failure(case: _Case) -> Classified | None:
    found = delivery_failure(case.message, case.marks)
    return _recorded(*found) if found else None


def _receipt(case: _Case) -> Classified | None:
    prefix, colon, _ = case.message.subject.replace("：", ":").partition(":")
    if not colon or plain(prefix[:40]) not in READ_PREFIXES:
        return None
    text = plain(case.message.text[:1000])
    words = next((words for words in READ_WORDS if words in text), "")
    return (
        _recorded(MailKind.RECEIPT, f"subject begins {prefix[:40]!r}, and the text says {words!r}") if words else None
    )


def _calendar(case: _Case) -> Classified | None:
    return _recorded(MailKind.CALENDAR, "calendar reply (RFC 5546)") if calendar_reply(case.message) else None


def _automatic_answer(case: _Case) -> Classified | None:
    marks = case.marks
    found = automatic_answer(case.message, marks)
    if found:
        return _recorded(*found)
    if not marks.replied:
        return None
    if marks.answers_something:
        return _recorded(MailKind.AUTO_REPLY, f"{marks.replied}, in answer to a mail")
    return Classified(MailKind.AUTO_REPLY, False, True, f"{marks.replied}, but it answers no mail: work")


def _at_bounce_address(case: _Case) -> Classified | None:
    if case.marks.bounce_recipient and (case.marks.null_sender or case.marks.mailer):
        return _recorded(MailKind.BOUNCE, "a mailer's answer to our bounce address")
    return None


def _alarm_answer(case: _Case) -> Classified | None:
    """What answers an alarm, and goes to the address it came from alone, is for nobody: no ticket, no mail back."""
    message, own = case.message, case.own
    if not any(looks_alarm(one, own.domain) for one in (*message.in_reply_to, *message.references)):
        return None
    ours = {address_key(bare_address(one)) for one in recipients(message, case.envelope)} & own.addresses
    return _recorded(MailKind.AUTO_REPLY, "an answer to an alarm of our own") if ours == {own.bounce} else None


def _nobody(case: _Case) -> Classified | None:
    """Nobody to answer. Without a From there is nobody at all; one that names no address is odd, and still work."""
    message, marks = case.message, case.marks
    if not marks.no_sender:
        return None
    if message.header("from") and (message.text.strip() or message.attachments):
        kind = MailKind.MACHINE if marks.automatic else MailKind.PERSON
        return Classified(kind, False, True, "From names no address")
    return _recorded(MailKind.MACHINE, "no From address")


def _work(message: Message, marks: Marks) -> Classified:
    sender = message.author or message.shown_from
    if marks.on_list:
        return Classified(MailKind.LIST, False, True, marks.on_list)
    if marks.machine:
        return Classified(MailKind.MACHINE, False, True, marks.machine)
    if sender and is_machine_address(sender.address):
        return Classified(MailKind.MACHINE, False, True, f"sender {sender.address.rpartition('@')[0][:64]}@")
    if marks.null_sender:
        return Classified(MailKind.MACHINE, False, True, "null reverse-path with ordinary text")
    if marks.silent:
        return Classified(MailKind.PERSON, False, True, marks.silent)
    return Classified(MailKind.PERSON, True, True, f"own group {list_id(message)}" if marks.own_list else "a person")
