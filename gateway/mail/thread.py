"""What a message says about the ticket it belongs to: signed addresses, signed Message-IDs, a subject tag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from gateway.mail.token import check_address, check_message_id, looks_own
from gateway.model import Envelope, Message, TokenCheck
from gateway.options import Keys


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
