"""What a message says about the ticket it belongs to: signed addresses, signed Message-IDs, a subject tag."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable
from functools import lru_cache

from gateway.mail.phrases import CUT_MARK
from gateway.mail.reply import is_forward, is_reply
from gateway.mail.token import check_address, check_message_id, looks_own
from gateway.model import Envelope, Message, TokenCheck
from gateway.options import Keys

_LONGEST_INDEX = 4000
_INDEX, _INDEX_CHILD = 22, 5  # octets of the first mail's index, and of what each answer adds
_SHORTEST_TOPIC, _SHORTEST_TEXT = 4, 20
_TAGGED = re.compile(r"[\[#(【][^\])】]{0,30}[0-9]|\b[A-Z]{2,10}-[0-9]+")


def find_tokens(message: Message, envelope: Envelope, today: int, keys: Keys) -> tuple[TokenCheck, ...]:
    """Verified tokens, each once: recipients first (envelope, To, Cc), then In-Reply-To and References.

    Fields that a relay adds (Delivered-To and its kin) are never read: they name whoever the mail was sent on to.
    """
    author = message.author.address if message.author else ""
    recipients = (*envelope.rcpt_to, *(box.address for box in (*message.to, *message.cc)))
    found = [check_address(address, author, today, keys) for address in _each_once(recipients) if "+" in address]
    found += [check_message_id(reference, author, today, keys) for reference in _references(message)]
    return tuple(dict.fromkeys(check for check in found if check))


def find_tag(subject: str, prefix: str) -> int | None:
    """The ticket number of `PREFIX-123` in a subject, bracketed or bare; None if two different ones stand there."""
    numbers = {int(match.group(1)) for match in _tag_form(prefix).finditer(subject) if _is_bounded(subject, match)}
    number = numbers.pop() if len(numbers) == 1 else 0
    return number or None


def own_references(message: Message, domain: str) -> tuple[str, ...]:
    """The Message-IDs in In-Reply-To and References that have our form and domain, verified or not."""
    return tuple(reference for reference in _references(message) if looks_own(reference, domain))


def conversation(message: Message) -> tuple[str, bool]:
    """Outlook's conversation in the form of a Message-ID, and whether this mail is its first; ("", False) without one.

    Thread-Index (MS-OXOMSG 2.2.1.3): 22 octets that all mails of a conversation share, 16 of them random, and 5 more
    for each answer. It survives where clients and relays drop or rewrite Message-IDs.
    """
    value = message.header("thread-index").strip()
    if not 28 <= len(value) <= _LONGEST_INDEX:
        return "", False
    try:
        octets = b64decode("".join(value.split()), validate=True)
    except (NotBase64, ValueError):
        return "", False
    if len(octets) < _INDEX or (len(octets) - _INDEX) % _INDEX_CHILD or not any(octets[6:_INDEX]):
        return "", False
    return f"<{octets[6:_INDEX].hex()}@thread-index.invalid>", len(octets) == _INDEX


def starts_anew(message: Message, new_text: str, quoted_text: str) -> bool:
    """Whether somebody took an old mail for its address alone: it refers to older mail, but its subject has no prefix
    and no tag of any kind, nothing is quoted, and there is a text of some length.

    That the subjects differ as well is for the desk to see: this is no verdict.
    """
    subject = message.subject.strip()
    if not (message.in_reply_to or message.references) or len(subject) < _SHORTEST_TOPIC or quoted_text:
        return False
    if _TAGGED.search(subject) or is_reply(subject) or is_forward(subject):
        return False
    return len(new_text.strip()) >= _SHORTEST_TEXT and "\n>" not in message.text and CUT_MARK not in message.text


def _references(message: Message) -> Iterable[str]:
    return _each_once((*message.in_reply_to, *message.references))


def _each_once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


@lru_cache(maxsize=16)
def _tag_form(prefix: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![0-9A-Za-z_])(?<![0-9A-Za-z][-.]){re.escape(prefix)}-([0-9]{{1,12}})(?![0-9A-Za-z_])(?![-.][0-9A-Za-z])",
        re.IGNORECASE | re.ASCII,
    )


def _is_bounded(subject: str, match: re.Match[str]) -> bool:
    """CJK letters may touch a tag; another script's digit would make it another number."""
    return not subject[match.end() : match.end() + 1].isdigit() and not subject[: match.start()][-1:].isdigit()
