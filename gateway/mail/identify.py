"""Who wrote a message, and what proves it (E0 to E3). Doubt takes power from a mail, never its place in the queue."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.mail.authresults import vouched
from gateway.model import Envelope, Evidence, Message, Purpose, Source, TokenCheck, address_key

_PROVING = frozenset({Purpose.REPLY, Purpose.AGENT, Purpose.ESCALATION, Purpose.SURVEY, Purpose.NOTE})


def identify(
    message: Message,
    envelope: Envelope,
    source: Source,
    tokens: Sequence[TokenCheck],
    authserv_ids: frozenset[str],
    confirmed: bool,
) -> tuple[Evidence, str]:
    """The evidence that the From address wrote this, and why.

    E3: the mail was confirmed, or submitted by SMTP AUTH as that address, or E1 and E2 together. E2: it came to a
    signed address, or answers a signed Message-ID, that was given to the From address and has not expired. E1: a
    host of ours vouches (see `authresults`), and only where the envelope says its headers count. Reply-To, Sender,
    Resent-*, ARC and X-* fields are never identity. Without exactly one From mailbox there is no evidence at all.
    """
    if message.author is None:
        return Evidence.E0, "no single From mailbox"
    author = message.author.address
    if confirmed:
        return Evidence.E3, "confirmed by its author"
    if _submitted(envelope, source, author):
        return Evidence.E3, "SMTP AUTH as the author"
    verdict = vouched(message.headers, author, authserv_ids) if envelope.vouched else ""
    proof = next((check for check in tokens if _proves(check)), None)
    if verdict and proof:
        return Evidence.E3, f"{verdict} and own token ({proof.where})"
    if proof:
        return Evidence.E2, f"own token ({proof.where})"
    if verdict:
        return Evidence.E1, verdict
    return Evidence.E0, "From header alone"


def _submitted(envelope: Envelope, source: Source, author: str) -> bool:
    if envelope.auth_user is None or source not in (Source.SMTP, Source.SUBMISSION):
        return False
    return address_key(envelope.auth_user) == address_key(author)


def _proves(check: TokenCheck) -> bool:
    return check.own and not check.expired and check.token.purpose in _PROVING
