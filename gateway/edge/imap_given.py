"""What a visit to an IMAP folder is given from outside, and what keeps it from going on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.model import FolderProof, LedgerRow, Received

COMMIT_TIMEOUT = 60.0


class Ledger(Protocol):
    """What the store remembers of each folder. A future is done when the commit is.

    `state` is (uidvalidity, highest, cutoff, since): every UID up to `highest` has its outcome; UIDs up to `cutoff`
    were there at the first contact, which was at `since`.
    """

    def state(self, mailbox: str, folder: str) -> tuple[int, int, int, datetime] | None: ...

    def begin(
        self, mailbox: str, folder: str, uidvalidity: int, highest: int, cutoff: int, since: datetime
    ) -> Future[None]:
        """Sets the folder's state, replacing one of another UIDVALIDITY; its rows stay."""
        ...

    def advance(self, mailbox: str, folder: str, uidvalidity: int, highest: int) -> Future[None]: ...

    def known(self, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, str]:
        """The outcome of each of these UIDs (at most 500) that has one."""
        ...

    def marks(self, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, int]:
        """The mark (`Listed.mark`) of each of these UIDs (at most 500) that was kept with one."""
        ...

    def prove(self, proof: FolderProof) -> Future[None]:
        """Writes down what a comparison of a whole folder found, in place of the last one."""
        ...

    def put(self, rows: Sequence[LedgerRow]) -> Future[None]:
        """Writes rows that come with no message; a row that is there stays as it is."""
        ...


class FolderState(NamedTuple):
    """As `Ledger.state` gives it."""

    uidvalidity: int
    highest: int
    cutoff: int
    since: datetime


class NotKept(Exception):
    """The store could not keep a message; it stays on the server."""


class NotReady(Exception):
    """No mail can be taken at the moment; the text says why."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a visit is given from outside. `check` raises NotReady; `odd`: the trouble each message has made so far."""

    accept: Callable[[Received], Future[int]]
    ledger: Ledger
    now: Callable[[], datetime]
    check: Callable[[], None]
    beat: Callable[[], None]
    odd: MutableMapping[tuple[str, int, int], int]
