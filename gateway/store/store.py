"""The store's face: durable intake, facts, commits, outbox, reports. Thread-safe; decides nothing.

A future that resolves means committed and synced. A call or future that raises StoreUnavailable has written nothing
and may be tried again; StoreBroken means that the database is damaged and intake must stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.model import (
    Commit,
    DueTarget,
    Facts,
    Intake,
    Outgoing,
    Pulse,
    Received,
    SendResult,
    Stale,
    Undelivered,
)
from gateway.options import Retry
from gateway.store import outbox, outbox_wait, pulse, queue, reports, rulebooks, schema
from gateway.store.base import HANDLERS, Parts
from gateway.store.blobs import FILE_FROM, Blobs, damaged_files
from gateway.store.commit import Ready
from gateway.store.database import migrate, open_database, schema_revision
from gateway.store.errors import (
    Settled,
    StoreBroken,
    StoreLocked,
    StoreRefused,
    StoreUnavailable,
    StoreUnfit,
    StoreVersion,
    store_error,
)
from gateway.store.facts import FactsQuery, facts_many
from gateway.store.outbox_rows import OutboxRef
from gateway.store.read_ticket import iso
from gateway.store.writer import GroupCommit

__all__ = [
    "FactsQuery",
    "OutboxRef",
    "Settled",
    "Store",
    "StoreBroken",
    "StoreLocked",
    "StoreRefused",
    "StoreUnavailable",
    "StoreUnfit",
    "StoreVersion",
    "migrate",
    "open_store",
    "schema_revision",
]


def open_store(url: str, state_dir: Path, *, lock: bool = True, read_only: bool = False) -> Store:
    """Opens a migrated database. `read_only` takes no lock and can stand beside a running daemon.

    Raises FileNotFoundError, StoreVersion (empty, older or newer than this program), StoreLocked (another daemon),
    StoreUnfit, StoreUnavailable or StoreBroken.
    """
    database = open_database(url, state_dir, lock=lock, read_only=read_only)
    blobs = Blobs(state_dir / "blobs") if database.files else Blobs(None, scratch=state_dir / "spool")
    parts = Parts(database, blobs)
    engine = parts.engine
    try:
        if engine is not None:
            if lock:
                parts.blobs.prepare()
            with parts.read() as connection, engine.connect():  # both assert their settings before any mail is taken
                database.look_over(connection)
            parts.writer = GroupCommit(database, HANDLERS)
            database.start(lambda: parts.write("beat", None))
    except BaseException as error:
        parts.close()
        raise store_error(error) from error
    return Store(parts, url)


class Store:
    """See the module. Made by `open_store`."""

    def __init__(self, parts: Parts, url: str) -> None:
        self._parts = parts
        self._url = url

    # --- intake -----------------------------------------------------------------------------------------------------

    def accept(self, received: Received) -> Future[int]:
        """Keeps one message; gives its intake id. A key that is known gives the id it has, without a second row."""
        parts = self._parts
        return parts.write_packed(
            "keep",
            lambda: queue.Kept(received, parts.blobs.pack(received.raw)),
            apart=len(received.raw) > FILE_FROM // 2,
        )

    def claim(self, limit: int, skip: frozenset[int] = frozenset(), largest: int = queue.ANY_SIZE) -> list[Intake]:
        """The oldest waiting messages, at most `limit` and 8 MiB together; they are the caller's until `commit`,
        `quarantine` or `unclaim`. Those over `largest` come without octets, which `raw` gives. One whose kept octets
        are damaged is quarantined and not given."""
        parts = self._parts
        with parts.claiming(parts.reading, durable=False) as (connection, held, take):
            ids = queue.waiting_ids(connection, held | skip, limit, largest)
            found, damaged = queue.load(connection, parts.blobs, ids, largest)
            take(ids)
        try:
            for mishap in damaged:
                self.quarantine(mishap.intake_id, mishap.reason)
        except BaseException:
            self.unclaim(ids)  # nobody has been given them
            raise
        return found

    def unclaim(self, ids: Iterable[int]) -> None:
        """Gives claimed messages back undone."""
        self._parts.reading.release(ids)

    def note_attempt(self, intake_id: int, reason: str) -> int:
        """Counts a try that failed, durably; gives the count."""
        return int(self._parts.write("attempts", queue.Mishap(intake_id, reason)).result())

    def quarantine(self, intake_id: int, reason: str) -> None:
        """Sets a waiting message aside: its outcome is on record, its octets stay."""
        self._parts.write("quarantine", queue.Mishap(intake_id, reason)).result()
        self.unclaim([intake_id])

    def release_quarantined(self, intake_id: int) -> bool:
        """Puts a quarantined message back into the queue, marked `released`; False if it is not in quarantine."""
        return bool(self._parts.write("let out", intake_id).result())

    def waiting(self) -> tuple[int, datetime | None]:
        """How many messages wait, and when the oldest of them came."""
        with self._parts.read() as connection:
            return queue.waiting(connection)

    def last_at(self) -> datetime | None:
        """When the newest message was kept: an instant that has passed, whatever the clock says."""
        with self._parts.read() as connection:
            return queue.last_at(connection)

    def raw(self, intake_id: int) -> bytes:
        """The message as it came; KeyError if there is no such row, StoreBroken if its octets are damaged."""
        with self._parts.read() as connection:
            found, damaged = queue.load(connection, self._parts.blobs, [intake_id])
        if damaged:
            raise StoreBroken(damaged[0].reason)
        if not found:
            raise KeyError(intake_id)
        return found[0].raw

    @property
    def parts(self) -> Parts:
        """For the store's own modules, such as the IMAP ledger, and for spooling what is large."""
        return self._parts

    # --- decisions --------------------------------------------------------------------------------------------------

    def facts(self, query: FactsQuery) -> Facts:
        return self.facts_many([query])[0]

    def facts_many(self, queries: Sequence[FactsQuery]) -> list[Facts]:
        """Facts for each query, in order, from one snapshot."""
        with self._parts.read() as connection:
            return facts_many(connection, queries)

    def commit(self, commit: Commit) -> Future[tuple[OutboxRef, ...]]:
        """Writes one decision whole, or fails with Stale (decide again), Settled (its message has its outcome),
        StoreRefused (it can never be written) and writes nothing of it."""
        return self.commit_many([commit])[0]

    def commit_many(self, commits: Sequence[Commit]) -> list[Future[tuple[OutboxRef, ...]]]:
        """As `commit`, all in one transaction; each stands or falls alone."""
        bodies = {mail.body for one in commits for mail in one.mails}  # often one for several recipients
        packed = {body: self._parts.blobs.pack(body) for body in bodies}
        jobs = [Ready(one, tuple(packed[mail.body] for mail in one.mails)) for one in commits]
        futures = self._parts.write_many("commit", jobs)
        for one, future in zip(commits, futures, strict=True):
            if one.intake_id is not None:
                future.add_done_callback(self._letting_go(one.intake_id))
            if one.mails:
                future.add_done_callback(self._at_hand(one))
        return futures

    def _at_hand(self, one: Commit) -> Callable[[Future[tuple[OutboxRef, ...]]], None]:
        def done(future: Future[tuple[OutboxRef, ...]]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._parts.at_hand.put(one, future.result())

        return done

    def _letting_go(self, intake_id: int) -> Callable[[Future[Any]], None]:
        def done(future: Future[Any]) -> None:
            error = None if future.cancelled() else future.exception()
            if isinstance(error, Settled) or not isinstance(error, Stale | StoreRefused):
                self.unclaim([intake_id])

        return done

    def due_targets(self, now: datetime, limit: int) -> list[DueTarget]:
        """Targets past due, neither met nor escalated, of tickets that still run."""
        with self._parts.read() as connection:
            return reports.due_targets(connection, now, limit)

    # --- several daemons ----------------------------------------------------------------------------------------------

    def turn(self) -> AbstractContextManager[bool]:
        """To be held from the facts until their commit is done, where it says that there may be other daemons: these do
        not decide meanwhile, as far as that can be had. The commit checks in any case."""
        return self._parts.database.turn()

    def sole(self, task: str) -> bool:
        """Whether this daemon, and no other, has this task, such as a mailbox to poll. To be asked each time."""
        return self._parts.database.sole(task)

    # --- outbox -----------------------------------------------------------------------------------------------------

    def claim_outbox(self, limit: int, now: datetime) -> list[Outgoing]:
        """Mails that are due, the caller's until `mark_sent`, `put_off` or `unclaim_outbox`; at most 16 MiB, or one.
        Those whose time is past expire."""
        parts = self._parts
        with parts.claiming(parts.sending, durable=True) as (connection, held, take):
            ids, late = outbox.due_ids(connection, now, held, limit)
            found, damaged = outbox.load(connection, parts.blobs, ids, parts.at_hand.take(ids))
            take(mail.id for mail in found)
        try:
            for state, numbers in (("expired", late), ("failed", damaged)):
                if numbers:
                    parts.write("outbox", outbox.Move(state, tuple(numbers), now)).result()
        except BaseException:
            self.unclaim_outbox(mail.id for mail in found)  # nobody has been given them
            raise
        return found

    def unclaim_outbox(self, ids: Iterable[int]) -> None:
        """Gives claimed mails back untried; where there are other daemons, once the row says so."""
        given = tuple(ids)
        if given and self._parts.database.shared:
            told = self._parts.write("let go", given)
            told.add_done_callback(lambda _: self._parts.sending.release(given))
        else:
            self._parts.sending.release(given)

    def sure_of_claims(self) -> bool:
        """False after a standstill: another daemon may have taken over what was claimed."""
        return self._parts.database.sure()

    def mark_sent(
        self, results: Sequence[SendResult], now: datetime, retry: Retry, spread: Callable[[], float]
    ) -> Future[list[int]]:
        """Writes what became of claimed mails; gives the ids that have now failed for good. `spread` gives numbers
        in [-1, 1]: each wait is its step times 1 ± `retry.spread`."""
        future = self._parts.write("sent", outbox.Marks(tuple(results), now, retry, spread))
        ids = [result.outbox_id for result in results]
        future.add_done_callback(lambda _: self._parts.sending.release(ids))
        return future

    def put_off(self, until: Mapping[int, datetime]) -> Future[None]:
        """Gives claimed mails back untried, not to be claimed again before these times."""
        future = self._parts.write("put off", until)
        future.add_done_callback(lambda _: self._parts.sending.release(until))
        return future

    def give_up(self, over: datetime, now: datetime, reply: str) -> Future[list[int]]:
        """Fails mails to customers that are due, wait since before `over` and are not being sent just now; gives their
        ids, a hundred at a time."""
        return outbox_wait.claim_and_give_up(self._parts, over, now, reply)

    def failed_untold(self, after: int = 0, limit: int = 100) -> list[Undelivered]:
        """Failed mails nobody was told of, with an id above `after`. A commit with an "undelivered" mail of that
        `cause` tells of one."""
        with self._parts.read() as connection:
            return outbox.untold(connection, after, limit)

    def mark_told(self, ids: Sequence[int]) -> Future[list[int]]:
        """For failures nobody is to be told of."""
        return self._parts.write("outbox", outbox.Move("told", tuple(ids), datetime.now(UTC)))

    def outbox_depth(self) -> int:
        """How many mails wait to be sent."""
        with self._parts.read() as connection:
            return outbox.depth(connection)

    def next_due(self, now: datetime) -> datetime | None:
        """The earliest instant after `now` at which a mail is to be tried."""
        with self._parts.read() as connection:
            return outbox.next_due(connection, now)

    def hold(self, ids: Sequence[int] | None = None) -> Future[list[int]]:
        """Stops waiting mails, all of them by default; gives those stopped."""
        return self._parts.write("outbox", outbox.Move("hold", _tuple(ids), datetime.now(UTC)))

    def release(self, now: datetime, ids: Sequence[int] | None = None) -> Future[list[int]]:
        """Lets held mails go, all of them by default; the time to give up counts from `now`."""
        return self._parts.write("outbox", outbox.Move("waiting", _tuple(ids), now))

    def bring_forward(self, now: datetime, longest: float) -> Future[list[int]]:
        """After the clock was set back: mails whose next try lies further ahead than `longest` seconds, which no wait
        of ours is, are due now; gives them."""
        return self._parts.write("outbox", outbox.Move("due", None, now, longest))

    # --- rulebooks --------------------------------------------------------------------------------------------------

    def record_rulebook(self, digest: str, content: Mapping[str, str]) -> Future[None]:
        """Keeps a rulebook that took effect; it becomes the last one."""
        return self._parts.write("rulebook", rulebooks.Recorded(digest, content, datetime.now(UTC)))

    def load_rulebook(self, digest: str) -> dict[str, str] | None:
        with self._parts.read() as connection:
            return rulebooks.load(connection, digest)

    def last_rulebook(self) -> str | None:
        with self._parts.read() as connection:
            return rulebooks.last(connection)

    # --- reports ----------------------------------------------------------------------------------------------------

    def tickets(self, filters: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
        """Tickets with their messages; see `reports.tickets`."""
        with self._parts.read() as connection:
            return reports.tickets(connection, filters, prefix)

    def ticket(self, number: int, prefix: str = "") -> dict[str, Any] | None:
        """One ticket whole, or None."""
        with self._parts.read() as connection:
            return reports.ticket(connection, number, prefix)

    def outcomes(self, intake_id: int) -> list[dict[str, Any]]:
        """What became of one message: a row for each door."""
        with self._parts.read() as connection:
            return reports.outcomes(connection, intake_id)

    def quarantined(self) -> list[dict[str, Any]]:
        with self._parts.read() as connection:
            return reports.quarantined(connection)

    def pulse(self, now: datetime) -> Pulse:
        """How the queues are; cheap."""
        with self._parts.read() as connection:
            return pulse.pulse(connection, now)

    def status(self) -> dict[str, Any]:
        """Counts by state, the oldest waiting message, octets on disk, schema revision."""
        with self._parts.read() as connection:
            counts = reports.counts(connection)
            waiting, oldest = queue.waiting(connection)
            size = self._parts.database.size(connection)
        return {
            **counts,
            "waiting": waiting,
            "oldest_waiting": iso(oldest),
            "outbox_depth": counts["outbox"].get("waiting", 0),
            "database_size": size,
            "revision": schema_revision(self._url),
        }

    def check(self) -> list[str]:
        """What is wrong with the store: damaged pages, rows without parents, missing files, unsafe settings."""
        try:
            with self._parts.read() as connection:
                found = self._parts.database.faults(connection)
                found += damaged_files(connection, self._parts.blobs)
        except StoreBroken as error:
            return [str(error)]
        revision = schema_revision(self._url)
        return found if revision == schema.REVISION else [*found, f"schema revision is {revision}"]

    def parts_to_check(self) -> list[str]:
        """What `check_part` can be asked of; none where the engine's own tools check."""
        with self._parts.read() as connection:
            return self._parts.database.parts_to_check(connection)

    def check_part(self, part: str) -> list[str]:
        """What is wrong with the pages of a table and its indexes; reads all of them, in one snapshot."""
        try:
            with self._parts.read() as connection:
                return self._parts.database.faults_of(connection, part)
        except StoreBroken as error:
            return [str(error)]

    def close(self) -> None:
        """Writes what was handed over, then lets go of everything."""
        self._parts.close()


def _tuple(ids: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if ids is None else tuple(ids)
