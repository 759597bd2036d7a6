"""One IMAP folder against the ledger: what the server lists must have its outcome, and be what it was.

Chunk by chunk during a walk, so memory is bounded by one chunk whatever the folder holds.
"""

from __future__ import annotations

import imaplib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from math import inf
from time import monotonic

from gateway.edge.imap_given import FolderState, Ledger
from gateway.edge.imap_session import ImapSession, Selected
from gateway.model import FolderProof
from gateway.options import ImapMailbox

DEEP = 86400.0  # seconds between looks at every message that was kept
RETRY = 600.0  # seconds after which a comparison that proved nothing is made again

_log = logging.getLogger("gateway.imap")


class Comparison:
    """Counts what a walk finds."""

    def __init__(
        self,
        session: ImapSession,
        mailbox: ImapMailbox,
        folder: str,
        selected: Selected,
        state: FolderState,
        ledger: Ledger,
    ) -> None:
        self._session, self._mailbox, self._folder = session, mailbox, folder
        self._selected, self._state, self._ledger = selected, state, ledger
        self._relisting = state.uidvalidity != selected.uidvalidity
        self.listed = self._missed = self._unmoved = self._changed = 0

    def known(self, uids: Sequence[int], *, deep: bool) -> dict[int, str]:
        """The outcome of each of these UIDs (at most SIZES) that is done with.

        `deep`: not done with is what was "gone" and is there, and what was kept with another size or date, as after a
        server was restored from a backup and has given out its UIDs a second time. It is fetched again.
        """
        known = dict(self._ledger.known(self._mailbox.name, self._folder, self._selected.uidvalidity, uids))
        gone = {uid for uid in known if known[uid] == "gone"} if deep else set()
        other = self._other(known) if deep else set()
        known = {uid: outcome for uid, outcome in known.items() if uid not in gone | other}
        if self._mailbox.since == "skip" and not self._relisting:
            known |= {uid: "skipped" for uid in uids if uid <= self._state.cutoff and uid not in known}
        self._count(uids, known, other)
        return known

    def _other(self, known: dict[int, str]) -> set[int]:
        marks = self._ledger.marks(self._mailbox.name, self._folder, self._selected.uidvalidity, list(known))
        if not marks:
            return set()
        try:
            found = self._session.sizes(list(marks))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:  # NO [EXPUNGEISSUED]: the next comparison will see
            return set()
        other = {uid for uid, one in found.items() if one.mark and uid in marks and one.mark != marks[uid]}
        for uid in sorted(other):
            where = f"mailbox={self._mailbox.name!a} folder={self._folder!a} uid={uid}"
            _log.warning("imap_changed %s the UID that was kept now names another message", where)
        return other

    def _count(self, uids: Sequence[int], known: Mapping[int, str], other: set[int]) -> None:
        self.listed += len(uids)
        self._changed += len(other)
        if not self._relisting:
            missed = (uid for uid in uids if uid <= self._state.highest and uid not in known and uid not in other)
            self._missed += sum(1 for _ in missed)
        if self._mailbox.after == "move":
            self._unmoved += sum(1 for outcome in known.values() if outcome in ("kept", "refused"))

    def proof(self, at: datetime) -> FolderProof:
        """What was found, when the walk has come to its end."""
        known = self.listed - self._missed - self._changed
        return FolderProof(
            self._mailbox.name, self._folder, at, self.listed, known, self._missed, self._unmoved, self._changed
        )


class Schedule:
    """When each folder of a mailbox is to be compared as a whole: at the first poll, then every so many seconds; and
    looked at anew, message by message, at the first poll and once a day. By the monotonic clock."""

    def __init__(self, folders: Iterable[str], every: float, clock: Callable[[], float] = monotonic) -> None:
        self._folders, self._every, self._clock = frozenset(folders), every, clock
        self._next: dict[str, float] = {}
        self._next_deep: dict[str, float] = {}
        self._proven: set[str] = set()

    def due(self, folder: str) -> bool:
        return self._clock() >= self._next.get(folder, -inf)

    def deep(self, folder: str) -> bool:
        return self._clock() >= self._next_deep.get(folder, -inf)

    def at_once(self, folder: str) -> None:
        """The server has gone back in time."""
        self._next.pop(folder, None)
        self._next_deep.pop(folder, None)

    def failed(self, folder: str) -> None:
        """Nothing was proven; again soon, but not at each poll."""
        self._next[folder] = self._clock() + min(self._every, RETRY)

    def proven(self, folder: str, *, deep: bool) -> bool:
        """It agrees; True when every folder has agreed since this was last True."""
        self._next[folder] = self._clock() + self._every
        if deep:
            self._next_deep[folder] = self._clock() + DEEP
        self._proven.add(folder)
        if self._proven < self._folders:
            return False
        self._proven.clear()
        return True
