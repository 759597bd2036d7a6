"""What every part of the store's face stands on: the engines, the one writer, the claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from gateway.store import claims, commit, holding, ledger, outbox, outbox_wait, queue, refill, rulebooks
from gateway.store.at_hand import AtHand
from gateway.store.blobs import Blobs
from gateway.store.claims import Claims
from gateway.store.engine import Database
from gateway.store.errors import StoreUnavailable, store_error
from gateway.store.writer import GroupCommit, Handler
from gateway.threads import standing

# the order within one transaction
HANDLERS: dict[str, Handler] = {
    "keep": queue.keep,
    "ledger": ledger.write_rows,
    "folders": ledger.write_marks,
    "proofs": ledger.write_proofs,
    "attempts": queue.note_attempts,
    "quarantine": queue.quarantine,
    "let out": queue.let_out,
    "commit": commit.write_commits,
    "sent": outbox.write_marks,
    "outbox": outbox.move,
    "put off": outbox_wait.put_off,
    "give up": outbox_wait.give_up,
    "rulebook": rulebooks.record,
    "let go": claims.let_go,
    "beat": lambda _, jobs: [None] * len(jobs),
    "hold": holding.hold,
    "end hold": holding.let_go,
    "drop": holding.drop,
    "refill": refill.refill,
}


Take = Callable[[Iterable[int]], None]


@contextmanager
def named() -> Iterator[None]:
    """Raises StoreUnavailable or StoreBroken in place of the driver's errors."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, OSError) as error:
        found = store_error(error)
        raise StoreUnavailable(str(error)) if isinstance(error, sa.exc.TimeoutError) else found from error


@dataclass
class Parts:
    """The opened store. `writer` None: for reading only."""

    database: Database
    blobs: Blobs
    writer: GroupCommit | None = None
    reading: Claims = field(default_factory=Claims)
    sending: Claims = field(default_factory=Claims)
    at_hand: AtHand = field(default_factory=AtHand)
    packers: ThreadPoolExecutor = field(default_factory=lambda: standing(2, "store-pack"))

    @property
    def readers(self) -> Engine:
        return self.database.readers

    @property
    def engine(self) -> Engine | None:
        return self.database.writer

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot. Raises StoreUnavailable or StoreBroken in place of the driver's errors."""
        with named(), self.database.reading() as connection:
            yield connection

    @contextmanager
    def claiming(self, claims: Claims, *, durable: bool) -> Iterator[tuple[Connection, frozenset[int], Take]]:
        """Gives (a connection, the ids that are held, a function that takes more, for as long as this succeeds)."""
        taken: list[int] = []
        try:
            with named(), claims.taking() as (held, take), self.database.claiming(durable=durable) as connection:

                def taking(ids: Iterable[int]) -> None:
                    taken.extend(ids)
                    take(taken)

                yield connection, held, taking
        except BaseException:
            claims.release(taken)
            raise

    def write(self, kind: str, job: Any) -> Future[Any]:
        return self._writer.submit(kind, job)

    def write_many(self, kind: str, jobs: list[Any]) -> list[Future[Any]]:
        return self._writer.submit_many(kind, jobs)

    def write_packed(self, kind: str, pack: Callable[[], Any], *, apart: bool) -> Future[Any]:
        """Packs, then writes. `apart`: packing large octets is done by a thread of ours, never by the caller."""
        writer = self._writer
        if not apart:
            return writer.submit(kind, pack())
        future: Future[Any] = Future()

        def packed() -> None:
            try:
                job = pack()
            except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
                if future.set_running_or_notify_cancel():
                    future.set_exception(store_error(error))
                return
            writer.submit(kind, job, future)

        self.packers.submit(packed)
        return future

    @property
    def _writer(self) -> GroupCommit:
        if self.writer is None:
            raise StoreUnavailable("the store is open for reading only")
        return self.writer

    def close(self) -> None:
        """Writes what was handed over, closes all, lets go of the lock. Safe to call twice."""
        self.packers.shutdown(wait=True)
        if self.writer is not None:
            self.writer.close()
        self.database.close()
