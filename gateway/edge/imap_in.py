"""Mail in by IMAP: one poller a mailbox, in its own thread, on one connection.

What is guaranteed (laws 1 and 2):
- A message is named by (mailbox, folder, UIDVALIDITY, UID) and nothing else; \\Seen is neither read nor set.
- Each UID gets one outcome in the ledger: "kept" in the commit that keeps the message, "refused" in the commit that
  keeps a note of it, "gone" or "skipped" alone. A message is moved only after that.
- Whatever fails before leaves the message where it is, to be fetched again; its intake key makes a repeat one row.
- Polling is the truth. IDLE only shortens the wait.
- A fault of one mailbox or one message holds up no other.

- Every hour, and at the first poll of a process, all that the server holds is compared with the ledger: what was missed
  is fetched, what was found is on record.

The ledger's `highest` says: every UID up to here has its outcome. The UIDs above are listed at each poll.
"""

from __future__ import annotations

import imaplib
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.edge.imap_compare import Schedule
from gateway.edge.imap_folder import FolderVisit
from gateway.edge.imap_given import COMMIT_TIMEOUT, FolderState, Given, Ledger, NotKept, NotReady
from gateway.edge.imap_session import ImapSession, LoginRefused, Selected, open_session, safe_argument
from gateway.model import Received
from gateway.options import ImapMailbox

MAX_WAIT = 300.0  # a poll at least this often, in IDLE too; so IDLE is also renewed well within 29 minutes (RFC 2177)
NOT_READY_WAIT = 5.0

_log = logging.getLogger("gateway.imap")

__all__ = ["Backoff", "FolderState", "ImapPoller", "Ledger", "LoginRefused", "NotKept", "NotReady", "Polled"]


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did, in messages. `trouble`: which folders could not be read, or not be kept whole."""

    kept: int = 0
    skipped: int = 0
    gone: int = 0
    refused: int = 0
    trouble: tuple[str, ...] = ()


@dataclass(slots=True)
class Backoff:
    """Seconds to wait after a fault: doubling from `first` to `last`, up to half of it taken off by chance."""

    first: float = 1.0
    last: float = 900.0
    refused: float = 900.0  # after a refused login
    faults: int = 0

    def after_fault(self) -> float:
        pause = min(self.last, self.first * 2.0 ** min(self.faults, 30))
        self.faults += 1
        return pause * random.uniform(0.5, 1.0)

    def after_refusal(self) -> float:
        return self.refused * random.uniform(0.9, 1.1)


class Signs(Protocol):
    """Where a mailbox lets be seen how it is; each call names the mailbox."""

    def alive(self, name: str) -> None:
        """A batch was kept."""

    def polled(self, name: str, trouble: str = "") -> None:
        """A poll has ended; `trouble`: not well."""

    def refused(self, name: str, reply: str) -> None:
        """The server does not take the login."""

    def proven(self, name: str) -> None:
        """Every folder agrees with the ledger."""


class _Unseen:
    """For a poller that nobody watches."""

    def alive(self, name: str) -> None: ...

    def polled(self, name: str, trouble: str = "") -> None: ...

    def refused(self, name: str, reply: str) -> None: ...

    def proven(self, name: str) -> None: ...


class ImapPoller:
    """Polls one mailbox. `run` belongs to one thread; `poll_once` is for the CLI and tests, never beside `run`.

    `accept` keeps a message; its future is done when the commit is, and fails when nothing was kept.
    `ready` says why no mail can be taken now, "" when it can. `beat` is called with the mailbox's name after each
    good poll and each kept batch. `signs` are told how each poll went. `password` is asked at each login and replaces
    the mailbox's own.
    ValueError for a folder name with CR, LF or NUL in it.
    """

    def __init__(
        self,
        mailbox: ImapMailbox,
        accept: Callable[[Received], Future[int]],
        ledger: Ledger,
        now: Callable[[], datetime],
        ready: Callable[[], str],
        beat: Callable[[str], None],
        signs: Signs | None = None,
        password: Callable[[], str] | None = None,
    ) -> None:
        for name in (*mailbox.folders, mailbox.archive, mailbox.failed):
            safe_argument(name, "folder")
        self.mailbox = mailbox
        self.backoff = Backoff()
        self._ledger = ledger
        self._now = now
        self._ready = ready
        self._beat: Callable[[], None] = lambda: beat(mailbox.name)
        self._signs = signs or _Unseen()
        self._password = password or (lambda: mailbox.password)
        self._session: ImapSession | None = None
        self._stop = threading.Event()
        self._schedule = Schedule(mailbox.folders, mailbox.reconcile)
        self._given_again: dict[str, int] = {}  # folder → the first UID that a server gives out again
        self._said = ""  # the trouble last logged, so that it is logged once
        self._given = Given(accept, ledger, now, self._check, self._kept_some, {})

    def run(self, stop: threading.Event) -> None:
        """Polls until `stop` is set; then logs out. Ends for no other reason."""
        self._stop = stop
        while not stop.is_set():
            stop.wait(self._round())
        self.close()

    def _round(self) -> float:
        """One poll and its wait in IDLE; returns the seconds still to wait."""
        pause = min(self.mailbox.poll, MAX_WAIT)
        try:
            polled = self.poll_once()
            if polled.trouble:
                self._say(logging.WARNING, "; ".join(polled.trouble))
                self._signs.polled(self.mailbox.name, self._said)
                return min(pause, self.backoff.after_fault())
            self._said, self.backoff.faults = "", 0
            self._beat()
            self._signs.polled(self.mailbox.name)
            if self._session and self.mailbox.idle and self._session.can_idle:
                self._session.idle(pause, self._stop)
                return 0.0
        except NotReady as error:
            self._say(logging.WARNING, f"not polling: {error}")
            if not self._stop.is_set():
                self._signs.polled(self.mailbox.name, self._said)
            return min(pause, NOT_READY_WAIT)
        except LoginRefused as error:
            self._say(logging.ERROR, f"login refused: {error}")
            self._signs.refused(self.mailbox.name, self._said.removeprefix("login refused: "))
            return self.backoff.after_refusal()
        except (imaplib.IMAP4.error, OSError) as error:
            self._drop()
            self._say(logging.WARNING, f"{type(error).__name__}: {error}")
            self._signs.polled(self.mailbox.name, self._said)
            return self.backoff.after_fault()
        except Exception as error:  # noqa: BLE001  # a fault of ours must not end the thread: it would be silent for ever
            self._drop()
            _log.exception("imap_fault mailbox=%s", self.mailbox.name)
            self._signs.polled(self.mailbox.name, f"a fault of our own: {type(error).__name__}")
            return self.backoff.after_fault()
        return pause

    def poll_once(self) -> Polled:
        """Lists, fetches and keeps everything new in all folders.

        A folder that cannot be read, or whose mail the store does not keep, is trouble and holds up no other.
        Raises NotReady, LoginRefused, imaplib.IMAP4.error or OSError; what was kept until then stays kept.
        The first folder comes last, so that IDLE can watch it without selecting it again.
        """
        self._check()
        session = self._open()
        done: Counter[str] = Counter()
        trouble: list[str] = []
        for folder in reversed(self.mailbox.folders):
            try:
                self._poll_folder(session, folder, done)
            except (imaplib.IMAP4.abort, OSError):
                self._drop()
                raise
            except (imaplib.IMAP4.error, NotKept) as error:
                trouble.append(f"folder {folder!r}: {error}")
        return Polled(done["kept"], done["skipped"], done["gone"], done["refused"], tuple(trouble))

    def _kept_some(self) -> None:
        self._beat()
        self._signs.alive(self.mailbox.name)

    def close(self) -> None:
        """Logs out; raises nothing."""
        session, self._session = self._session, None
        if session:
            session.close()

    def _open(self) -> ImapSession:
        if self._session is None:
            self._session = open_session(self.mailbox, self._password())
        return self._session

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session:
            session.drop()

    def _check(self) -> None:
        reason = "stopping" if self._stop.is_set() else self._ready()
        if reason:
            raise NotReady(reason)

    def _say(self, level: int, text: str) -> None:
        """Logs a change of trouble; the same again only for those who ask for details."""
        text = ascii(text)[1:-1][:300]
        _log.log(level if text != self._said else logging.DEBUG, "imap_trouble mailbox=%s %s", self.mailbox.name, text)
        self._said = text

    @property
    def _moves(self) -> bool:
        return self.mailbox.after == "move"

    def _poll_folder(self, session: ImapSession, folder: str, done: Counter[str]) -> None:
        """What is new first; then, when it is time, the whole folder against the ledger."""
        selected = session.select(folder, writable=self._moves)
        found = self._ledger.state(self.mailbox.name, folder)
        if found is None:
            state = self._first_contact(session, folder, selected)
            done["skipped"] += selected.exists if state.highest else 0
        else:
            state = FolderState(*found)
        visit = FolderVisit(session, self.mailbox, folder, selected, state, self._given, done)
        whole = visit.relisting or state.highest == 0
        low = 1 if whole else self._first_new(folder, selected, state)
        visit.walk(low, deep=not whole and low <= state.highest)
        if selected.uidnext is None or selected.uidnext > state.highest:
            self._given_again.pop(folder, None)
        if self._schedule.due(folder):
            deep = whole or self._schedule.deep(folder)
            if not whole:
                visit = FolderVisit(session, self.mailbox, folder, selected, visit.state, self._given, done)
                visit.walk(1, deep=deep)
            self._prove(session, folder, selected, visit, deep=deep)

    def _first_new(self, folder: str, selected: Selected, state: FolderState) -> int:
        """The UID from which mail may be new. A server that was restored from a backup gives UIDs out a second time:
        then from the first of those, until it has passed all we know."""
        if selected.uidnext is None or selected.uidnext > state.highest:
            return self._given_again.get(folder, state.highest + 1)
        if folder not in self._given_again:
            where = f"mailbox={self.mailbox.name} folder={folder!a}"
            _log.warning("imap_went_back %s UIDNEXT %d after UID %d", where, selected.uidnext, state.highest)
            self._schedule.at_once(folder)
        return self._given_again.setdefault(folder, selected.uidnext)

    def _prove(self, session: ImapSession, folder: str, selected: Selected, visit: FolderVisit, *, deep: bool) -> None:
        """Writes down that server and ledger agree; not when the server has listed less than it says it holds."""
        listed, held = visit.compared.listed, min(selected.exists, session.select(folder, writable=self._moves).exists)
        if listed < held:
            self._schedule.failed(folder)
            _log.warning(
                "imap_unproven mailbox=%s folder=%s the server lists %d of %d messages",
                self.mailbox.name, ascii(folder), listed, held,
            )  # fmt: skip
            return
        self._ledger.prove(visit.compared.proof(self._now())).result(COMMIT_TIMEOUT)
        if self._schedule.proven(folder, deep=deep):
            self._signs.proven(self.mailbox.name)

    def _first_contact(self, session: ImapSession, folder: str, selected: Selected) -> FolderState:
        """Remembers what was there before us; with `since: skip` it is done with, without a row for each."""
        cutoff = session.last_uid(selected)
        highest = cutoff if self.mailbox.since == "skip" else 0
        state = FolderState(selected.uidvalidity, highest, cutoff, self._now())
        self._ledger.begin(self.mailbox.name, folder, *state).result(COMMIT_TIMEOUT)
        return state
