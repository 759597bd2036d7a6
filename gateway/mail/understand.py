"""All that the postmaster's wing says about one message, in one value."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.mail.bounce_text import completed, read_words
from gateway.mail.classify import OwnMail, classify
from gateway.mail.identify import identify
from gateway.mail.language import guess, guess_author
from gateway.mail.reply import Separated, is_answer, separate
from gateway.mail.thread import conversation, find_tag, find_tokens, own_references, starts_anew
from gateway.mail.token import check_message_id, party_matches
from gateway.model import Intake, MailKind, Message, Reading, TokenCheck
from gateway.options import Keys

_FAILURES = frozenset({MailKind.BOUNCE, MailKind.DELAY})


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What reading needs to know of the desk. `today`: days since 2020-01-01 UTC (`token.day_of`)."""

    keys: Keys
    prefix: str
    domain: str
    authserv_ids: frozenset[str]
    own: OwnMail
    today: int


def understand(message: Message, intake: Intake, context: ReadContext) -> Reading:
    """The reading of one message. Pure: the same arguments give the same value."""
    envelope = intake.envelope
    tokens = find_tokens(message, envelope, context.today, context.keys)
    classified = classify(message, envelope, context.own)
    if classified.kind in _FAILURES:
        delayed = classified.kind is MailKind.DELAY
        message = replace(message, report=completed(message.report, read_words(message), delayed))
        tokens = _with_returned(tokens, message, context)
    evidence, why = identify(message, envelope, intake.source, tokens, context.authserv_ids, intake.confirmed)
    parts = separate(message)
    own_words = _own_words(message, parts)
    tag = find_tag(message.subject, context.prefix)
    index, begins = conversation(message)
    return Reading(
        message=message,
        kind=classified.kind,
        may_answer=classified.may_answer,
        is_work=classified.is_work,
        reason=classified.reason,
        evidence=evidence,
        evidence_reason=why,
        language=guess_author(own_words) or guess(f"{message.subject}\n{own_words}"),
        new_text=own_words,
        tokens=tokens,
        tag=tag,
        own_ids=own_references(message, context.domain),
        bounced=_bounced(message, tokens, context.keys),
        new_topic=classified.kind is MailKind.PERSON and starts_anew(message, own_words, parts.quoted_text),
        conversation=index,
        begins=begins,
    )


def _with_returned(tokens: tuple[TokenCheck, ...], message: Message, context: ReadContext) -> tuple[TokenCheck, ...]:
    """The signature in the Message-ID of the mail that came back, as well: relays may rewrite the envelope sender."""
    returned = message.report.original_message_id if message.report else ""
    check = check_message_id(returned, "", context.today, context.keys) if returned else None
    return tuple(dict.fromkeys((*tokens, check))) if check else tokens


def _bounced(message: Message, tokens: tuple[TokenCheck, ...], keys: Keys) -> tuple[str, ...]:
    """Whoever holds one signature of ours can report its own address as dead, not another's."""
    recipients = message.report.recipients[:50] if message.report else ()
    return tuple(one for one in recipients if any(party_matches(check.token, one, keys) for check in tokens))


def _own_words(message: Message, parts: Separated) -> str:
    """What is new in an answer; a first mail with its signature, which says how to reach the customer."""
    if parts.signature and not is_answer(message):
        return f"{parts.new_text}\n\n{parts.signature}"
    return parts.new_text
