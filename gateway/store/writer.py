"""One writer, self-clocking: what is ready goes into one transaction; while it commits the next group gathers.

No timer, so no latency at low load; one fsync for a whole group at high load.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from gateway.store.engine import DECIDING, Database
from gateway.store.errors import StoreBroken, StoreUnavailable, store_error

Handler = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""Writes a batch of jobs of one kind. Gives one result for each job, in order; a result that is an exception is
that job's own (nothing of it was written). Raising fails the batch."""

MOST = 512  # a group takes no more once it has so many jobs
TRIES = 5  # of a group that met another daemon's transaction, or a server that went away


@dataclass(frozen=True, slots=True)
class _Job:
    kind: str
    content: Any
    future: Future[Any]


class _Unanswered(Exception):
    """COMMIT was sent and not answered with success; what the jobs came to if it was written."""

    def __init__(self, outcomes: list[Any], error: BaseException) -> None:
        super().__init__(str(error))
        self.outcomes, self.error = outcomes, error


class GroupCommit:
    """The only thread that writes. A job's future resolves after COMMIT has returned: synced, or an exception.

    A group that fails is tried again job by job, so that one bad job never fails its neighbours.
    A future that is cancelled before its group begins is not written.
    """

    def __init__(self, database: Database, handlers: Mapping[str, Handler]) -> None:
        if database.writer is None:
            raise ValueError("a database that was opened for reading has no writer")
        self._database, self._engine = database, database.writer
        self._handlers = dict(handlers)
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, kind: str, content: Any, future: Future[Any] | None = None) -> Future[Any]:
        """Queues one job. After `close` the future fails with StoreUnavailable."""
        return self._put([_Job(kind, content, future or Future())])[0]

    def submit_many(self, kind: str, contents: Sequence[Any]) -> list[Future[Any]]:
        """Queues jobs that are to share one transaction."""
        return self._put([_Job(kind, content, Future()) for content in contents])

    def _put(self, jobs: list[_Job]) -> list[Future[Any]]:
        with self._gate:
            closed = self._closed
            if jobs and not closed:
                self._jobs.put(jobs)
        for job in jobs if closed else ():
            job.future.set_exception(StoreUnavailable("the store is closed"))
        return [job.future for job in jobs]

    def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while self._write_one_group():
            pass
        self._drop_connection()

    def _write_one_group(self) -> bool:
        """Whether there will be more. Nothing of a group is held while the next one is waited for."""
        group, more = self._gather()
        live = [job for job in group if job.future.set_running_or_notify_cancel()]
        if live:
            self._settle(live)
        return more

    def _gather(self) -> tuple[list[_Job], bool]:
        group: list[_Job] = []
        try:
            jobs = self._jobs.get()
            while jobs is not None:
                group += jobs
                if len(group) >= MOST:
                    return group, True
                jobs = self._jobs.get_nowait()
        except queue.Empty:
            return group, True
        return group, False

    def _settle(self, group: list[_Job]) -> None:
        try:
            outcomes = self._written(group)
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for an answer
            self._drop_connection()
            found = store_error(error)
            group, others = self._parted(group, error)
            if others:
                self._settle(others)
            if len(group) > 1 and not _hopeless(found):
                for job in group:
                    self._settle([job])
                return
            outcomes = [found] * len(group)
        for job, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    def _parted(self, group: list[_Job], error: BaseException) -> tuple[list[_Job], list[_Job]]:
        """(those this error is for, those that can be written without them): mail is kept whatever holds up
        decisions."""
        if not self._database.held_up(error):
            return group, []
        decisions = [job for job in group if job.kind in DECIDING]
        others = [job for job in group if job.kind not in DECIDING]
        return (decisions, others) if decisions else (group, [])

    def _written(self, group: list[_Job]) -> list[Any]:
        """Tries again where the engine says so; never a group that may have been written before it has been asked."""
        for left in reversed(range(TRIES)):
            try:
                return self._write(group)
            except _Unanswered as lost:
                self._drop_connection()
                if self._database.came_through(lost.error):
                    return lost.outcomes
                if not left or not self._database.again(lost.error):
                    raise lost.error from None
            except BaseException as error:
                if not left or not self._database.again(error):
                    raise
                self._drop_connection()
        raise AssertionError("the last try has raised")

    def _write(self, group: list[_Job]) -> list[Any]:
        """One transaction. Kinds run in the order in which the handlers were given."""
        if self._connection is None:
            self._connection = self._engine.connect()
        outcomes: list[Any] = [None] * len(group)
        with self._connection.begin() as transaction:
            self._database.begin(self._connection, {job.kind for job in group})
            for kind, handler in self._handlers.items():
                places = [place for place, job in enumerate(group) if job.kind == kind]
                if places:
                    results = handler(self._connection, [group[place].content for place in places])
                    for place, result in zip(places, results, strict=True):
                        outcomes[place] = result
            try:
                transaction.commit()
            except BaseException as error:
                raise _Unanswered(outcomes, error) from error
        self._database.committed()
        return outcomes

    def _drop_connection(self) -> None:
        """After a fault the next group gets a fresh connection: SQLite may go on failing on the old one (F19)."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except Exception as error:  # noqa: BLE001 - it is being thrown away because it is faulty
                del error


def _hopeless(error: BaseException) -> bool:
    """Whether trying the jobs one by one would only meet the same fault again."""
    return isinstance(error, StoreBroken) or (isinstance(error, StoreUnavailable) and not error.full)
