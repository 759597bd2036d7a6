"""How much automatic mail is too much (RFC 3834 §2; thresholds in docs/guarantees.md). Staff are never capped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from gateway.model import Facts, SentMail
from gateway.options import Caps

ACKNOWLEDGEMENT = "acknowledgement"


def refusal(facts: Facts, caps: Caps, now: datetime, kind: str, subject: str) -> str:
    """Why no automatic mail of this kind may go to the author now; "" if it may. `subject` is normalised."""
    if facts.muted:
        return "address muted after repeated bounces"
    if facts.sent_all_last_hour >= caps.breaker_hour:
        return f"breaker: {facts.sent_all_last_hour} automatic mails in the last hour"
    if _count(facts.sent, now, 600) >= caps.all_10min:
        return f"cap: {caps.all_10min} automatic mails in 10 minutes"
    if kind != ACKNOWLEDGEMENT:
        return ""
    acks = [mail for mail in facts.sent if mail.kind == ACKNOWLEDGEMENT]
    for seconds, most, words in (
        (600, caps.acks_10min, "10 minutes"),
        (3600, caps.acks_hour, "an hour"),
        (86400, caps.acks_day, "a day"),
    ):
        if _count(acks, now, seconds) >= most:
            return f"cap: {most} acknowledgements in {words}"
    if _count((mail for mail in acks if mail.subject == subject), now, 10_800) >= caps.same_subject_3h:
        return f"cap: {caps.same_subject_3h} acknowledgements of one subject in 3 hours"
    return ""


def is_flood(facts: Facts, caps: Caps) -> bool:
    """Whether this author has opened so many tickets that one ticket collects the rest."""
    return facts.opened_last_hour >= caps.tickets_hour


def _count(mails: Iterable[SentMail], now: datetime, seconds: int) -> int:
    since = now - timedelta(seconds=seconds)
    return sum(1 for mail in mails if mail.at > since)
