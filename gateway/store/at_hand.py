"""Mails that were just committed, kept at hand for the senders: nothing is read back that is still in memory.

The rows of the outbox stay the truth: which mail is due, and in which order, is always asked of them. What is not at
hand (after a restart, for a second try, beyond the limits here) is read from the database.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from gateway.model import Commit, Outgoing
from gateway.store.large import LARGE
from gateway.store.outbox_rows import OutboxRef, whole

MOST = 2000  # mails
MOST_OCTETS = 8 * 1024 * 1024


class AtHand:
    """Thread-safe. The oldest go first where it grows beyond its limits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: dict[int, Outgoing] = {}
        self._octets = 0

    def put(self, commit: Commit, refs: Sequence[OutboxRef]) -> None:
        """The mails of a commit that added these rows."""
        fresh = [made for ref in refs if not ref.held and (made := _outgoing(ref, commit)) is not None]
        with self._lock:
            for mail in fresh:
                self._mails[mail.id] = mail
                self._octets += len(mail.data)
            while len(self._mails) > MOST or self._octets > MOST_OCTETS:
                self._drop(next(iter(self._mails)))

    def take(self, ids: Iterable[int]) -> dict[int, Outgoing]:
        """Those of the ids that are at hand; they are no more."""
        with self._lock:
            return {number: self._drop(number) for number in ids if number in self._mails}

    def _drop(self, number: int) -> Outgoing:
        mail = self._mails.pop(number)
        self._octets -= len(mail.data)
        return mail


def _outgoing(ref: OutboxRef, commit: Commit) -> Outgoing | None:
    """The mail of a row; None where the commit has several that could be it, or it is large."""
    same = [
        mail
        for mail in commit.mails
        if (mail.message_id, mail.kind, mail.recipient) == (ref.message_id, ref.kind, ref.recipient)
    ]
    if len(same) != 1 or len(same[0].body) > LARGE:
        return None
    mail = same[0]
    return Outgoing(
        id=ref.id,
        ticket=ref.ticket,
        kind=ref.kind,
        recipient=ref.recipient,
        envelope_from=mail.envelope_from,
        message_id=ref.message_id,
        data=whole(mail.header, mail.body),
        attempts=0,
        created_at=commit.at,
    )
