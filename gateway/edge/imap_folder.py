"""One visit to one IMAP folder: every UID from a given one on gets its outcome, on record.

Oldest first, in windows, so memory is bounded by one batch whatever the backlog. A message that makes trouble is
fetched alone, after all others; after its last try what there is of it is kept with a note (`X-Gateway-Note`), so that
a person sees it.
"""

from __future__ import annotations

import imaplib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future

from gateway.edge.imap_compare import Comparison
from gateway.edge.imap_given import COMMIT_TIMEOUT, FolderState, Given, NotKept
from gateway.edge.imap_session import SIZES, Broken, ImapSession, Listed, Selected
from gateway.model import Envelope, LedgerRow, Received, Source
from gateway.options import ImapMailbox

BATCH = 50  # messages in one FETCH, at most
BATCH_OCTETS = 16 * 1024 * 1024
HEAD = 64 * 1024  # what is kept of a message that is too large
# A message fetched alone is given up at LIMIT: after 3 wrong answers (none, NIL, unreadable, a time-out), or after 8
# lost connections, which are seldom the message's fault.
LIMIT, WRONG, LOST = 24, 8, 3

_log = logging.getLogger("gateway.imap")


class FolderVisit:
    """One folder, selected, during one poll. Outcomes are counted in `done`."""

    def __init__(
        self,
        session: ImapSession,
        mailbox: ImapMailbox,
        folder: str,
        selected: Selected,
        state: FolderState,
        given: Given,
        done: Counter[str],
    ) -> None:
        self._done = done
        self.state = state
        self.relisting = state.uidvalidity != selected.uidvalidity
        self._session = session
        self._mailbox = mailbox
        self._folder = folder
        self._selected = selected
        self._given = given
        self._open: set[int] = set()  # listed, still without an outcome
        self.compared = Comparison(session, mailbox, folder, selected, state, given.ledger)

    def walk(self, low: int, *, deep: bool = False) -> None:
        """Gives every UID from `low` on its outcome. `deep`: what has one is looked at again, see `Comparison`.

        Raises NotKept, NotReady, imaplib.IMAP4.error or OSError; what had its outcome by then is not listed again.
        """
        last = 0 if self.relisting else self.state.highest
        late: list[Listed] = []
        for window in self._session.windows(self._selected, low):
            for start in range(0, len(window), SIZES):
                uids = window[start : start + SIZES]
                late += self._take(uids, deep=deep)
                last = max(last, uids[-1])
                self._advance(last)
        for listed in late:
            self._take_alone(listed)
        self._advance(last)
        if self._open:
            raise NotKept(f"{len(self._open)} messages of {self._folder!r} could not be kept")
        if self.relisting:
            # only now: a crash before this finds the old state and lists again, past the rows already written
            state = FolderState(self._selected.uidvalidity, last, 0, self.state.since)
            self._given.ledger.begin(self._mailbox.name, self._folder, *state).result(COMMIT_TIMEOUT)

    def _advance(self, last: int) -> None:
        highest = min(self._open) - 1 if self._open else last
        if self.relisting or highest <= self.state.highest:
            return
        ledger = self._given.ledger
        ledger.advance(self._mailbox.name, self._folder, self.state.uidvalidity, highest).result(COMMIT_TIMEOUT)
        self.state = self.state._replace(highest=highest)

    # ---- which ---------------------------------------------------------------------------------------------------

    def _take(self, uids: Sequence[int], *, deep: bool) -> list[Listed]:
        """Keeps these messages (at most SIZES); returns those that are to be fetched alone."""
        known = self.compared.known(uids, deep=deep)
        self._move_known(known)
        fresh = [uid for uid in uids if uid not in known]
        if not fresh:
            return []
        self._open.update(fresh)
        wanted = self._without_old(self._listed(fresh))
        late = [one for one in wanted if one.size is None or self._key(one.uid) in self._given.odd]
        good = [one for one in wanted if one.size is not None and self._key(one.uid) not in self._given.odd]
        for one in good:
            if self._too_large(one):
                self._refuse_large(one)
        for batch in self._batches([one for one in good if not self._too_large(one)]):
            late += self._take_batch(batch)
        return late

    def _listed(self, uids: Sequence[int]) -> list[Listed]:
        """Sizes and dates; what was expunged since it was listed gets its row, and is left out."""
        try:
            listed = self._session.sizes(uids)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:  # NO [EXPUNGEISSUED]: some are gone, and nothing is said of the others
            listed = {}
        missing = [uid for uid in uids if uid not in listed]
        present = self._session.present(missing) if missing else set()
        self._put([uid for uid in missing if uid not in present], "gone")
        return [listed.get(uid, Listed(uid, None, None)) for uid in uids if uid in listed or uid in present]

    def _without_old(self, wanted: list[Listed]) -> list[Listed]:
        """With `since: skip`, takes out what a new UIDVALIDITY shows again of the time before the first contact."""
        if not (self.relisting and self._mailbox.since == "skip"):
            return wanted
        self._put([one.uid for one in wanted if self._quiet(one)], "skipped")
        return [one for one in wanted if not self._quiet(one)]

    def _quiet(self, listed: Listed) -> bool:
        """Was it there at the first contact? After a change of UIDVALIDITY only INTERNALDATE can tell."""
        if self.relisting:
            return listed.at is not None and listed.at < self.state.since
        return listed.uid <= self.state.cutoff

    def _too_large(self, listed: Listed) -> bool:
        return listed.size is not None and listed.size > self._mailbox.max_size

    def _batches(self, wanted: Sequence[Listed]) -> Iterator[list[Listed]]:
        most = max(1, min(self._mailbox.batch, BATCH))
        batch: list[Listed] = []
        octets = 0
        for one in wanted:
            size = one.size or 0
            if batch and (len(batch) >= most or octets + size > BATCH_OCTETS):
                yield batch
                batch, octets = [], 0
            batch.append(one)
            octets += size
        if batch:
            yield batch

    # ---- fetching ------------------------------------------------------------------------------------------------

    def _take_batch(self, batch: Sequence[Listed]) -> list[Listed]:
        """Fetches and keeps a batch; returns what did not come whole."""
        self._given.check()
        try:
            bodies = self._session.bodies([one.uid for one in batch])
        except (imaplib.IMAP4.abort, OSError):
            for one in batch:  # one of them may be the reason: each alone, next time
                self._given.odd.setdefault(self._key(one.uid), 0)
            raise
        except imaplib.IMAP4.error:
            bodies = {}
        whole = [one for one in batch if one.uid in bodies and len(bodies[one.uid]) >= (one.size or 0)]
        self._keep([(one, bodies[one.uid]) for one in whole])
        return [one for one in batch if one not in whole]

    def _take_alone(self, listed: Listed) -> None:
        self._given.check()
        odd, key = self._given.odd, self._key(listed.uid)
        tries = odd.setdefault(key, 0)
        if tries >= LIMIT:
            self._refuse(listed, "unreadable", b"")
            return
        try:
            listed, body = self._fetch_alone(listed)
        except (imaplib.IMAP4.abort, OSError) as error:
            odd[key] = tries + _weight(error)
            raise
        if self._too_large(listed):
            self._refuse_large(listed)
        elif body is not None:
            self._keep([(listed, body)])
        elif listed.uid not in self._session.present([listed.uid]):
            self._put([listed.uid], "gone")
        elif tries + WRONG >= LIMIT:
            self._refuse(listed, "no-body", self._head(listed.uid))
        else:
            odd[key] = tries + WRONG
            raise imaplib.IMAP4.abort(f"UID {listed.uid} of {self._folder!r} came without its body")

    def _fetch_alone(self, listed: Listed) -> tuple[Listed, bytes | None]:
        """The body, None if there is none.

        One that is shorter than RFC822.SIZE is asked for again: some servers only estimate the size, so what comes
        twice alike is whole.
        """
        try:
            if listed.size is None:
                listed = self._session.sizes([listed.uid]).get(listed.uid, listed)
            if self._too_large(listed):
                return listed, None
            body = self._session.bodies([listed.uid]).get(listed.uid)
            if body is not None and len(body) < (listed.size or 0):
                again = self._session.bodies([listed.uid]).get(listed.uid)
                body = body if body == again else None
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            body = None
        return listed, body

    def _head(self, uid: int) -> bytes:
        try:
            return self._session.head(uid, HEAD)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return b""

    # ---- keeping -------------------------------------------------------------------------------------------------

    def _keep(self, messages: Sequence[tuple[Listed, bytes]]) -> None:
        """Hands all over, then waits for all: the store puts them into one commit."""
        kept = self._accepted([(listed, self._received(listed, body, "kept")) for listed, body in messages], "kept")
        self._move(kept, self._mailbox.archive)
        if len(messages) > 1 and not kept:
            raise NotKept("the store keeps nothing at the moment")

    def _refuse_large(self, listed: Listed) -> None:
        self._refuse(listed, f"too-large; size={listed.size}", self._head(listed.uid))

    def _refuse(self, listed: Listed, note: str, head: bytes) -> None:
        """Keeps a note of a message that cannot be kept whole, with the octets there are of it."""
        where = f"mailbox={self._mailbox.name!a}; folder={self._folder!a}; uid={listed.uid}"
        top = f"X-Gateway-Note: {note}; {where}; kept={len(head)}\r\n".encode("ascii")
        _log.warning("imap_refused %s %s", note, where)
        raw = top + (head or _UNREAD + f"\r\n{where}\r\n".encode("ascii"))  # apart, or one would repeat another
        refused = self._accepted([(listed, self._received(listed, raw, "refused"))], "refused")
        self._move(refused, self._mailbox.failed)

    def _received(self, listed: Listed, raw: bytes, outcome: str) -> Received:
        name, uidvalidity = self._mailbox.name, self._selected.uidvalidity
        return Received(
            source=Source.IMAP,
            envelope=Envelope(mailbox=name, vouched=True),
            raw=raw,
            at=self._given.now(),
            key=f"imap:{name}:{self._folder}:{uidvalidity}:{listed.uid}",  # with other octets it is another mail
            quiet=self._quiet(listed),
            ledger=LedgerRow(name, self._folder, uidvalidity, listed.uid, outcome, listed.mark),
        )

    def _accepted(self, messages: Sequence[tuple[Listed, Received]], outcome: str) -> list[int]:
        """The UIDs whose commit is done; the others stay open."""
        futures = [(listed.uid, _submit(self._given.accept, received)) for listed, received in messages]
        done: list[int] = []
        for uid, future in futures:
            error = future.exception(COMMIT_TIMEOUT)
            if error is None:
                self._settled(uid, outcome)
                done.append(uid)
            else:
                why = ascii(f"{type(error).__name__}: {error}")[:300]
                _log.warning("imap_not_kept folder=%s uid=%d %s", ascii(self._folder), uid, why)
        if done:
            self._given.beat()
        return done

    def _settled(self, uid: int, outcome: str) -> None:
        self._open.discard(uid)
        self._given.odd.pop(self._key(uid), None)
        self._done[outcome] += 1

    def _put(self, uids: Sequence[int], outcome: str) -> None:
        if not uids:
            return
        row = [LedgerRow(self._mailbox.name, self._folder, self._selected.uidvalidity, uid, outcome) for uid in uids]
        self._given.ledger.put(row).result(COMMIT_TIMEOUT)
        for uid in uids:
            self._settled(uid, outcome)

    def _key(self, uid: int) -> tuple[str, int, int]:
        return (self._folder, self._selected.uidvalidity, uid)

    # ---- moving --------------------------------------------------------------------------------------------------

    def _move_known(self, known: Mapping[int, str]) -> None:
        """What a crash between commit and MOVE has left behind."""
        self._move([uid for uid, outcome in known.items() if outcome == "kept"], self._mailbox.archive)
        self._move([uid for uid, outcome in known.items() if outcome == "refused"], self._mailbox.failed)

    def _move(self, uids: Sequence[int], to: str) -> None:
        """A message that cannot be moved stays where it is: its row says that it is done."""
        if not uids or self._mailbox.after != "move":
            return
        try:
            if not self._session.move(uids, to):
                _log.warning("imap_unmoved mailbox=%s the server has neither MOVE nor UIDPLUS", self._mailbox.name)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            _log.warning("imap_unmoved mailbox=%s %s", self._mailbox.name, ascii(str(error))[:300])


_UNREAD = (
    b"Subject: A message that could not be read\r\n"
    b"\r\n"
    b"The IMAP server did not give the octets of this message. It is still in its folder, or in the folder for\r\n"
    b"failed messages.\r\n"
)


def _submit(accept: Callable[[Received], Future[int]], received: Received) -> Future[int]:
    try:
        return accept(received)
    except Exception as error:  # noqa: BLE001  # it is reported with the others, by the future
        failed: Future[int] = Future()
        failed.set_exception(error)
        return failed


def _weight(error: Exception) -> int:
    wrong = isinstance(error, Broken | TimeoutError) or "unexpected response" in str(error)
    return WRONG if wrong else LOST
